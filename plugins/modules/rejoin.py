#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets a node that came back be a replica, if it may be one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rejoin
short_description: Compare a node that came back with the primary, and admit it as a replica or quarantine it
description:
  - Compares what the node has executed or received with what the primary has, by GTID sets. A node whose transactions
    the primary all has, and to which the primary can still send what it lacks, is pointed at the primary. It stays
    super_read_only.
  - A node with transactions that the primary never had (errant ones) is left as it is and put into quarantine. That is
    on record, with the GTIDs and how many rows of which tables they changed; the rows are written to O(losses_folder).
  - A node that is empty, or that lacks what the primary has no longer in its binary logs, has to be rebuilt. That is
    only said; see M(altair.mysql_ha.rebuild).
  - Refuses while a job is open, and for a node that does not answer, takes writes, or is the primary.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  node:
    description: The node that came back. It must be registered as one of the cluster's.
    type: str
    required: true
  on_errant:
    description:
      - What is to become of a node with errant transactions. With V(rebuild) it is put into quarantine as well, and
        RV(rebuild) is true.
    type: str
    choices: [quarantine, rebuild]
    default: quarantine
  on_lacking:
    description:
      - What is to become of a node that cannot get what it lacks from the primary. With V(rebuild) RV(rebuild) is true,
        with V(refuse) the module fails.
    type: str
    choices: [rebuild, refuse]
    default: rebuild
  replication_config_file:
    description:
      - MySQL option file whose C([client]) group holds C(user) and C(password) of the account that replicas receive by.
        Keep it at mode 0600. Needed for a node without a channel, such as an old primary.
      - C(ssl-mode) (V(REQUIRED) by default), C(ssl-ca), C(ssl-cert) and C(ssl-key) in it are those of the channel; the
        files are on the database hosts.
      - A channel that is there keeps its own account and options.
    type: path
  renew_channel:
    description:
      - Whether a channel that is there is made anew by O(replication_config_file), if that is given. After a rebuild,
        because the node then has its donor's channel.
    type: bool
    default: false
  wait_seconds:
    description: How long to wait for the node's mysqld to answer.
    type: float
    default: 0.0
  settle_seconds:
    description: How long the node may take to apply what it has left, and again to connect to the primary.
    type: float
    default: 15.0
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
    description: Says what would become of the node, and changes nothing.
    support: full
  diff_mode:
    description: The message tells what was and what is.
    support: none
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
"""

EXAMPLES = r"""
- name: Let the old primary be a replica
  altair.mysql_ha.rejoin:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    node: db1
    config_file: /etc/altair/mysql.cnf
    replication_config_file: /etc/altair/replication.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
"""

RETURN = r"""
msg:
  description: What became of the node, and why, in one sentence.
  returned: always
  type: str
course:
  description:
    - What the comparison came to. One of V(admit), V(replica), V(quarantine), V(rebuild), V(job_open), V(primary),
      V(unreachable), V(same_identity), V(no_gtids) and V(writable).
  returned: when it was compared, also on failure
  type: str
admitted:
  description: Whether the node is a replica now.
  returned: when it was compared
  type: bool
rebuild:
  description: Whether the node has to be rebuilt, and may be by O(on_errant) and O(on_lacking).
  returned: when it was compared
  type: bool
errant:
  description: The transactions that the node has and the primary never had, as a GTID set.
  returned: when it was compared
  type: str
lacking:
  description: How many of the primary's transactions the node lacks.
  returned: when it was compared
  type: int
file:
  description: Where the rows of the errant transactions are, or why nowhere.
  returned: when it was compared
  type: str
address:
  description: The node's registered address.
  returned: when it was compared
  type: str
"""

import time
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import read_channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rejoin import Course
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import LockHolder, cluster_path, lock_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    CLUSTER_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    agent_files,
    keeper,
    login,
    main,
    operator_name,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.rejoin import Rejoined, Wish, rejoin

ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "node": {"type": "str", "required": True},
    "on_errant": {"type": "str", "choices": ["quarantine", "rebuild"], "default": "quarantine"},
    "on_lacking": {"type": "str", "choices": ["rebuild", "refuse"], "default": "rebuild"},
    "replication_config_file": {"type": "path"},
    "renew_channel": {"type": "bool", "default": False},
    "wait_seconds": {"type": "float", "default": 0.0},
    "settle_seconds": {"type": "float", "default": 15.0},
    "losses_folder": {"type": "path"},
    "account_timeout": {"type": "float", "default": 30.0},
}


def wish(parameters: Parameters, now_at: float) -> Wish:
    file = parameters["replication_config_file"]
    return Wish(
        node=parameters["node"],
        by=operator_name(),
        now_at=now_at,
        wait_seconds=parameters["wait_seconds"],
        seconds=parameters["settle_seconds"],
        account=read_channel_account(file) if file else None,
        renew=parameters["renew_channel"],
        agents=agent_files(parameters),
        account_seconds=parameters["account_timeout"],
        folder=parameters["losses_folder"],
    )


def result(done: Rejoined, address: str, on_errant: str, on_lacking: str) -> Result:
    """What the playbook goes by. A course that somebody has to act on first is a failure."""
    course = done.course
    refused = course.refused or (course is Course.REBUILD and on_lacking == "refuse")
    wanted = {Course.REBUILD: on_lacking, Course.QUARANTINE: on_errant}.get(course) == "rebuild"
    return {
        **({"failed": True, "reason": Refused.__name__} if refused else {}),
        "changed": done.changed,
        "msg": done.sentence,
        "course": course.value,
        "admitted": done.admitted,
        "rebuild": wanted,
        "errant": str(done.one.errant),
        "lacking": len(done.one.lacking),
        "file": done.file,
        "address": address,
    }


def run(parameters: Parameters, check: bool) -> Result:
    place, cluster, account = keeper(parameters), parameters["cluster"], login(parameters)
    asked = wish(parameters, time.time())
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        holder = store.read(lock_path(cluster), LockHolder)
        if holder is not None:
            raise Refused(f"orchestrator {holder.value.owner} is at work on cluster {cluster}; wait for it")
        done = rejoin(store, cluster, asked, account, check=check)
        spec = store.require(cluster_path(cluster), ClusterSpec).value
    address = spec.node(asked.node).address
    return result(done, address, parameters["on_errant"], parameters["on_lacking"])


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
