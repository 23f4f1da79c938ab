#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what is on record of a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_info
short_description: What is on record of a cluster
description:
  - Reads the cluster's description, who is primary and since which epoch, the health of its nodes, an open suspicion,
    the last screening with its reason, announced maintenance, and the job under way or the last that ended. Changes
    nothing.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
attributes:
  check_mode:
    description: Nothing is changed anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
"""

EXAMPLES = r"""
- name: Ask who is primary
  altair.mysql_ha.cluster_info:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
  register: orders

- name: Say it
  ansible.builtin.debug:
    msg: "{{ orders.state.primary }} is primary since epoch {{ orders.state.epoch }}"
"""

RETURN = r"""
msg:
  description: Who is primary, in one sentence.
  returned: always
  type: str
spec:
  description: The registered description.
  returned: success
  type: dict
state:
  description: The cluster's C(primary) and C(epoch).
  returned: success
  type: dict
health:
  description: For each node what its monitor last concluded; nodes without a word yet are left out.
  returned: success
  type: dict
suspicion:
  description: The open suspicion, if any.
  returned: success
  type: dict
screening:
  description: What was seen and concluded at the last screening, and why nothing was done, if so.
  returned: success
  type: dict
maintenance:
  description: Announced maintenance, that which has ended included until the next change.
  returned: success
  type: list
  elements: dict
job:
  description: The job under way, or the last that ended.
  returned: success
  type: dict
lock:
  description: The orchestrator that is at work on the cluster, if any.
  returned: success
  type: str
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    LockHolder,
    NodeHealth,
    Screening,
    health_path,
    lock_path,
    screening_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
    show_maintenance,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import maintenance_plan

ARGUMENT_SPEC = {**CLUSTER_SPEC, **ZOOKEEPER_SPEC}


def run(parameters: Parameters, _check: bool) -> Result:
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        record = read_record(store, parameters["cluster"])
        cluster, state = record.spec.cluster, record.state.value
        health = {name: store.read(health_path(cluster, name), NodeHealth) for name in record.spec.names}
        screening = store.read(screening_path(cluster), Screening)
        plan = maintenance_plan(store, cluster)
        holder = store.read(lock_path(cluster), LockHolder)
    return {
        "changed": False,
        "msg": f"{state.primary} is primary of cluster {cluster} since epoch {state.epoch}",
        "spec": plain(record.spec),
        "state": plain(state),
        "health": {name: plain(found.value) for name, found in health.items() if found},
        "suspicion": plain(record.suspicion.value) if record.suspicion else {},
        "screening": plain(screening.value) if screening else {},
        "maintenance": show_maintenance(plan, time.time()),
        "job": plain(record.job.value) if record.job else {},
        "lock": holder.value.owner if holder else "",
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
