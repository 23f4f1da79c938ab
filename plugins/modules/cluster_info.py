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
  - With a certificate it also asks every agent for what it finds now, and with O(audit_dns) every authoritative name
    server for what it holds.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  agent_ca:
    description: Authority that signed the agents' certificates. Without it no agent is asked.
    type: path
  agent_cert:
    description: Our certificate.
    type: path
  agent_key:
    description: Key of O(agent_cert). Keep it at mode 0600.
    type: path
  agent_timeout:
    description: Seconds to wait for the agents' answers; all are asked at once.
    type: float
    default: 3.0
  audit_dns:
    description: Whether to look for what is wrong with the cluster's name. Needs dnspython, and no key.
    type: bool
    default: false
  dns_timeout:
    description: Seconds to wait for the name servers' answers; all are asked at once.
    type: float
    default: 2.0
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
breaches:
  description: For each node the sentences of what its monitor found beyond the cluster's thresholds and not back since.
  returned: success
  type: dict
observations:
  description:
    - For each node what its agent finds now, with C(vitals) of its disk and, of a replica,
      C(heartbeat). Nodes whose agent did not answer are left out.
  returned: when O(agent_ca) is given
  type: dict
nodes:
  description:
    - For each node one sentence for people, of its health, its lag, its disk and its breaches. Nodes of which no
      monitor has said anything yet are left out.
  returned: success
  type: dict
dns:
  description:
    - What is wrong with the cluster's name, each in a sentence; empty when all is well. A server that does not answer,
      no address, several, another than the primary's, a time to live above the cluster's C(ttl_seconds), servers that
      disagree.
  returned: when O(audit_dns=true)
  type: list
  elements: str
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
paused:
  description:
    - Of a paused job C(since) when it is, and for each of its C(teams) who has acknowledged that it has stopped
      writing, or that nobody has. Empty while no job is paused.
  returned: success
  type: dict
losses:
  description: What that job has lost, in one sentence; empty when nothing, or when no account was taken yet.
  returned: success
  type: str
returned:
  description:
    - For each node that is on its way back into the cluster, in quarantine or being rebuilt, one sentence; see
      M(altair.mysql_ha.rejoin).
  returned: success
  type: dict
lock:
  description: The orchestrator that is at work on the cluster, if any.
  returned: success
  type: str
"""

import asyncio
import time
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller, TlsFiles, base_url
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import run as run_now
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.explain import node_sentence
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LossAccount
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import OBSERVATION_PATH
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    LockHolder,
    NodeHealth,
    Screening,
    health_path,
    lock_path,
    losses_path,
    screening_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    agent_files,
    keeper,
    main,
    show_maintenance,
    show_pause,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.name_audit import audited_name
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import maintenance_plan
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.returned import sentences

ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    "agent_ca": {"type": "path"},
    "agent_cert": {"type": "path"},
    "agent_key": {"type": "path", "no_log": False},
    "agent_timeout": {"type": "float", "default": 3.0},
    "audit_dns": {"type": "bool", "default": False},
    "dns_timeout": {"type": "float", "default": 2.0},
}


async def _ask(files: TlsFiles, nodes: tuple[Node, ...], seconds: float) -> dict[str, Observation]:
    """What the agents find now; those that do not answer are left out."""

    async def one(node: Node) -> Observation | None:
        try:
            return await caller.get(base_url(node.address, node.agent_port) + OBSERVATION_PATH, Observation, seconds)
        except Unavailable:
            return None

    async with Caller(files) as caller:
        found = await asyncio.gather(*map(one, nodes))
    return {node.name: each for node, each in zip(nodes, found) if each}  # noqa: B905 - read as Python 3.8


def _observations(parameters: Parameters, nodes: tuple[Node, ...]) -> dict[str, Observation]:
    if not parameters["agent_ca"]:
        return {}
    if not parameters["agent_cert"] or not parameters["agent_key"]:
        raise InvalidInput("agent_ca is given without agent_cert and agent_key; the agents ask for a certificate")
    return run_now(_ask(agent_files(parameters), nodes, parameters["agent_timeout"]))


def losses_sentence(store: Store, cluster: str, job: str) -> str:
    try:
        found = store.read(losses_path(cluster, job), LossAccount)
    except InvalidInput as error:
        return f"the account of losses cannot be read, somebody changed it: {error}"
    if found is None or (found.value.complete and not found.value.transactions):
        return ""
    return f"{found.value.sentence}; the playbook altair.mysql_ha.losses tells more"


def run(parameters: Parameters, _check: bool) -> Result:
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        record = read_record(store, parameters["cluster"])
        cluster, state = record.spec.cluster, record.state.value
        health = {name: store.read(health_path(cluster, name), NodeHealth) for name in record.spec.names}
        screening = store.read(screening_path(cluster), Screening)
        plan = maintenance_plan(store, cluster)
        losses = losses_sentence(store, cluster, record.job.value.id) if record.job else ""
        holder = store.read(lock_path(cluster), LockHolder)
        returned = sentences(store, record.spec)
    seen = _observations(parameters, record.spec.nodes)
    audit = audited_name(record.spec, state.primary, parameters["dns_timeout"]) if parameters["audit_dns"] else None
    named = {} if audit is None else {"dns": [each.sentence for each in audit]}
    return {
        **named,
        "changed": False,
        "msg": f"{state.primary} is primary of cluster {cluster} since epoch {state.epoch}",
        "spec": plain(record.spec),
        "state": plain(state),
        "health": {name: plain(found.value) for name, found in health.items() if found},
        "breaches": {
            name: [each.because for each in found.value.breaches]
            for name, found in health.items()
            if found and found.value.breaches
        },
        "observations": {name: plain(each) for name, each in seen.items()},
        "nodes": {name: node_sentence(found.value, seen.get(name)) for name, found in health.items() if found},
        "suspicion": plain(record.suspicion.value) if record.suspicion else {},
        "screening": plain(screening.value) if screening else {},
        "maintenance": show_maintenance(plan, time.time()),
        "job": plain(record.job.value) if record.job else {},
        "paused": show_pause(record.job.value) if record.job else {},
        "losses": losses,
        "returned": returned,
        "lock": holder.value.owner if holder else "",
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
