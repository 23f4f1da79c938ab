# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Where the cluster's record is kept."""

    DOCUMENTATION = r"""
options:
  cluster:
    description: Name of the registered cluster.
    type: str
    required: true
  zookeeper_hosts:
    description: ZooKeeper servers as C(host:port), separated by commas.
    type: str
    required: true
  zookeeper_root:
    description: Path below which everything of this system is kept.
    type: str
    default: /altair
  zookeeper_timeout:
    description: How long to wait for ZooKeeper, in seconds.
    type: float
    default: 5.0
requirements:
  - kazoo
  - pydantic >= 2
"""
