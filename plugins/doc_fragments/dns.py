# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How to change the cluster's name."""

    DOCUMENTATION = r"""
options:
  tsig_key_file:
    description:
      - TSIG key that may update the cluster's zone, as C(tsig-keygen) prints it. Keep it at mode 0600.
      - Needed unless C(provider=external).
    type: path
requirements:
  - dnspython
"""
