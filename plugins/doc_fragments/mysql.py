# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How to log in to the cluster's servers; argument names as in ansible.mysql."""

    DOCUMENTATION = r"""
options:
  login_user:
    description: Account on every server of the cluster. Wins over O(config_file).
    type: str
  login_password:
    description: Its password. Wins over O(config_file).
    type: str
  config_file:
    description: MySQL option file whose C([client]) group holds C(user) and C(password). Keep it at mode 0600.
    type: path
  connect_timeout:
    description: Seconds to wait for a connection.
    type: float
    default: 2.0
  read_timeout:
    description: Seconds to wait for the answer to a statement. A frozen server never holds a step longer than this.
    type: float
    default: 5.0
  ca_cert:
    description: Authority that signed the servers' certificates. Without it the servers are not authenticated.
    type: path
  client_cert:
    description: Certificate to log in with.
    type: path
  client_key:
    description: Key of O(client_cert).
    type: path
  check_hostname:
    description: Whether a server's certificate must name its address. Needs O(ca_cert).
    type: bool
    default: false
requirements:
  - PyMySQL
  - cryptography
"""
