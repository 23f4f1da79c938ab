#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gives a node a healthy node's data in place of its own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rebuild
short_description: Replace all data of a node by a copy of a healthy one
description:
  - Lets the node's MySQL server copy the data of another one, by MySQL's clone plugin, and destroys all that the node
    has. The donor is a healthy replica, or else the primary.
  - A copy that fails is begun again, from the next donor. How far it is, is told every two seconds.
  - What only this node has is named before it is destroyed, and its rows are written to O(losses_folder).
  - Afterwards the node's mysqld starts itself again if something supervises it (a systemd unit of MySQL's own packages,
    C(mysqld_safe)). If not it shuts down, and RV(needs_start) is true.
  - The node is no replica by this; M(altair.mysql_ha.rejoin) makes it one. Until then it is on record as being rebuilt.
  - Refuses while a job is open, and for a node that does not answer, takes writes, is the primary, or has replicas.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  node:
    description: The node that is rebuilt.
    type: str
    required: true
  confirm:
    description: The node's name once more, because all its data is destroyed. Not asked for in check mode.
    type: str
    default: ""
  donor:
    description: The only node to copy from. The best one by default.
    type: str
  data_bandwidth_mib:
    description: How many MiB a second are copied at the most, for the donor's disk. V(0) for no bound.
    type: int
    default: 100
  network_bandwidth_mib:
    description: How many MiB a second go over the network at the most. V(0) for no bound.
    type: int
    default: 100
  threads:
    description: How many threads copy. With V(0) the server tries how many are worth it, up to 16.
    type: int
    default: 4
  require_tls:
    description: Whether the copy must be encrypted on its way. Otherwise it is where both servers can.
    type: bool
    default: true
  retries:
    description: How often a copy that failed is begun again.
    type: int
    default: 3
  retry_seconds:
    description: How long to wait before that.
    type: float
    default: 10.0
  copy_seconds_max:
    description: How long one copy may take. One that takes longer is ended, and counts as failed.
    type: float
    default: 86400.0
  restart_seconds:
    description: How long the node's mysqld may take to be back after a copy.
    type: float
    default: 300.0
  losses_folder:
    description:
      - Folder on the controller for the rows that only this node has, C(CLUSTER-EPOCH-NODE-errant.json) of mode 0600.
        Those are data of your users. Without this nothing is written.
    type: path
  account_timeout:
    description: How long the node's agent may take to read its binary logs, in seconds.
    type: float
    default: 30.0
attributes:
  check_mode:
    description: Says who would give how much, and what would be destroyed, and changes nothing.
    support: full
  diff_mode:
    description: The message tells what was and what is.
    support: none
notes:
  - Clone copies InnoDB tables only, and between servers of one release series, platform and character set. Plugins
    that are active on the donor must be on the node, too.
  - The account of O(config_file) needs CLONE_ADMIN, BACKUP_ADMIN and SYSTEM_VARIABLES_ADMIN; and, where the plugin is
    not loaded yet, INSERT on C(mysql.plugin).
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
"""

EXAMPLES = r"""
- name: Give db1 the data of a healthy replica
  altair.mysql_ha.rebuild:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    node: db1
    confirm: db1
    data_bandwidth_mib: 50
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
"""

RETURN = r"""
msg:
  description: What was done, in one sentence.
  returned: always
  type: str
address:
  description: The node's registered address.
  returned: success
  type: str
donor:
  description: The node that gave its data, or would.
  returned: success
  type: str
donors:
  description: Who could give, the best first.
  returned: success
  type: list
  elements: str
excluded:
  description: Of each node that could not, why.
  returned: success
  type: dict
bytes:
  description: How much is copied, about.
  returned: success
  type: int
destroyed:
  description: The transactions that only this node had, as a GTID set.
  returned: success
  type: str
file:
  description: Where the rows of those are, or why nowhere.
  returned: success
  type: str
attempts:
  description: Of each copy that failed, why.
  returned: success
  type: list
  elements: str
progress:
  description: Of each stage of the copy its C(state), and C(done) and C(estimate) in bytes, as they were last seen.
  returned: success
  type: dict
needs_start:
  description: Whether mysqld has shut down and somebody has to start it.
  returned: success
  type: bool
seconds:
  description: How long all of it took.
  returned: success
  type: float
"""

import time
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rebuild import Bounds
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import LockHolder, lock_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    CLUSTER_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    Voice,
    agent_files,
    keeper,
    login,
    main,
    operator_name,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.copying import Copying
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.rebuild import Order, Rebuilt, rebuild

ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "node": {"type": "str", "required": True},
    "confirm": {"type": "str", "default": ""},
    "donor": {"type": "str"},
    "data_bandwidth_mib": {"type": "int", "default": 100},
    "network_bandwidth_mib": {"type": "int", "default": 100},
    "threads": {"type": "int", "default": 4},
    "require_tls": {"type": "bool", "default": True},
    "retries": {"type": "int", "default": 3},
    "retry_seconds": {"type": "float", "default": 10.0},
    "copy_seconds_max": {"type": "float", "default": 86400.0},
    "restart_seconds": {"type": "float", "default": 300.0},
    "losses_folder": {"type": "path"},
    "account_timeout": {"type": "float", "default": 30.0},
}
# Name → the least and the most that can be meant; the servers' own bounds where they have some.
RANGES: dict[str, tuple[float, float]] = {
    "data_bandwidth_mib": (0, 1048576),
    "network_bandwidth_mib": (0, 1048576),
    "threads": (0, 128),
    "retries": (0, 1000),
    "retry_seconds": (0, 86400),
    "copy_seconds_max": (1, 30 * 86400),
    "restart_seconds": (0, 86400),
    "account_timeout": (0, 86400),
}


def order(parameters: Parameters, now_at: float) -> Order:
    """InvalidInput names an argument that is out of its range."""
    for name, (low, high) in RANGES.items():
        if not low <= parameters[name] <= high:
            raise InvalidInput(f"{name} {parameters[name]:g} is not in {low:g}-{high:g}")
    return Order(
        node=parameters["node"],
        confirm=parameters["confirm"],
        by=operator_name(),
        now_at=now_at,
        donor=parameters["donor"],
        copying=Copying(
            login=login(parameters),
            bounds=Bounds(
                data_mib=parameters["data_bandwidth_mib"],
                network_mib=parameters["network_bandwidth_mib"],
                threads=parameters["threads"],
            ),
            encrypted=parameters["require_tls"],
            seconds_max=parameters["copy_seconds_max"],
            restart_seconds=parameters["restart_seconds"],
            tell=Voice.tell,
        ),
        retries=parameters["retries"],
        retry_seconds=parameters["retry_seconds"],
        agents=agent_files(parameters),
        account_seconds=parameters["account_timeout"],
        folder=parameters["losses_folder"],
    )


def result(done: Rebuilt, seconds: float, check: bool) -> Result:
    return {
        "changed": True,
        "msg": done.sentence,
        "address": done.address,
        "donor": done.donor,
        "donors": list(done.donors.ranking),
        "excluded": done.donors.excluded,
        "bytes": done.bytes,
        "destroyed": done.destroyed,
        "file": done.file,
        "attempts": list(done.attempts),
        "progress": {
            each.name: {"state": each.state, "done": each.done, "estimate": each.estimate} for each in done.last.stages
        },
        "needs_start": done.needs_start and not check,
        "seconds": round(seconds, 3),
    }


def run(parameters: Parameters, check: bool) -> Result:
    began, place, cluster = time.monotonic(), keeper(parameters), parameters["cluster"]
    asked = order(parameters, time.time())
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        holder = store.read(lock_path(cluster), LockHolder)
        if holder is not None:
            raise Refused(f"orchestrator {holder.value.owner} is at work on cluster {cluster}; wait for it")
        done = rebuild(store, cluster, asked, check=check)
    return result(done, time.monotonic() - began, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
