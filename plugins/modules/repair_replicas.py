#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lets stray replicas follow the primary, when no failover is under way."""

from __future__ import annotations

DOCUMENTATION = r"""
module: repair_replicas
short_description: Let replicas that no longer lead to the primary follow it
description:
  - Looks at all replicas at once. One whose source is a primary that was replaced, a server that is gone, one that
    follows nobody, or one that leads back to the replica itself, is pointed at the primary of the record. The
    account, TLS and all other options of its channel stay.
  - Before that it has to apply what it has received, and may have nothing that the primary lacks. Otherwise it is left
    as it is, and the message says why.
  - A replica of a replica stays where it is as long as its source leads to the primary. One without a channel from a
    node of the cluster, such as an old primary that came back, is never touched.
  - Refuses while a job is open and while the cluster is in maintenance; a node in maintenance is left alone.
  - An orchestrator does the same by itself for the replicas that a failover has left behind.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  settle_seconds:
    description: How long a replica may take to apply what it has left, and again to connect to the primary.
    type: float
    default: 15.0
attributes:
  check_mode:
    description: Says which replica would be pointed at the primary, and changes nothing.
    support: full
  diff_mode:
    description: The message tells what was and what is.
    support: none
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
"""

EXAMPLES = r"""
- name: Let stray replicas follow the primary
  altair.mysql_ha.repair_replicas:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    config_file: /etc/altair/mysql.cnf
"""

RETURN = r"""
msg:
  description: What became of each replica, in one sentence.
  returned: always
  type: str
primary:
  description: The primary that all replicas lead to, but for those left behind.
  returned: success
  type: str
repaired:
  description: The replicas that were pointed at the primary and follow it.
  returned: success
  type: list
  elements: str
left_behind:
  description: The replicas that do not replicate from a source that leads to the primary.
  returned: success
  type: list
  elements: str
replicas:
  description: For each replica one sentence.
  returned: success
  type: dict
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import LockHolder, lock_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    login,
    main,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.repair import repair

ARGUMENT_SPEC = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    "settle_seconds": {"type": "float", "default": 15.0},
}


def run(parameters: Parameters, check: bool) -> Result:
    place, cluster, account = keeper(parameters), parameters["cluster"], login(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        holder = store.read(lock_path(cluster), LockHolder)
        if holder is not None:
            raise Refused(f"orchestrator {holder.value.owner} is at work on cluster {cluster}; wait for it")
        done = repair(store, cluster, account, seconds=parameters["settle_seconds"], now_at=time.time(), check=check)
    return {
        "changed": any(each.changed for each in done.replicas.values()),
        "msg": done.sentence,
        "primary": done.primary,
        "repaired": list(done.repaired),
        "left_behind": list(done.left_behind),
        "replicas": {name: each.sentence for name, each in done.replicas.items()},
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
