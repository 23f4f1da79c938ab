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
    the last screening with its reason, announced maintenance, the job under way or the last that ended, and the last
    jobs of the history. Changes nothing.
  - What cannot be read is named in RV(faults), and all else is told.
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
  history:
    description: How many of the last jobs that ended to tell of.
    type: int
    default: 5
  report:
    description: Whether to write a report for people, which is shown at once where the module runs on the controller.
    type: bool
    default: true
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
topology:
  description: A row for each node.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: The node.
      type: str
    role:
      description: V(primary) or V(replica), by the record.
      type: str
    address:
      description: Its IP address.
      type: str
    port:
      description: Port of its mysqld.
      type: int
    zone:
      description: Where it stands, if that was registered.
      type: str
    health:
      description: What its monitor last concluded.
      type: str
    lease:
      description: Of a primary, whether its lease is guarded (V(held)).
      type: str
    lag_seconds:
      description:
        - Of a replica, how far it is behind by what its agent finds now. Null where nobody was asked or can tell.
      type: float
    lag_sure:
      description: Whether it is just that; else it is at least that.
      type: bool
    maintenance:
      description: What holds for the node now.
      type: dict
    returned:
      description: Of a node on its way back into the cluster V(quarantined), V(copying) or V(copied).
      type: str
    errors:
      description: What is wrong with it, each in a sentence.
      type: list
      elements: str
steps:
  description: Of the open job each step of its plan, V(done), V(next) or V(left). Empty while no job is open.
  returned: success
  type: list
  elements: dict
history:
  description:
    - The last jobs that ended, the newest first, each with its C(kind), who replaced whom, how many C(seconds) it
      took, and in a few words what was C(lost).
  returned: success
  type: list
  elements: dict
faults:
  description: What of the record could not be read, each in a sentence.
  returned: success
  type: list
  elements: str
report:
  description: All of it for people, line by line.
  returned: when O(report=true)
  type: list
  elements: str
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
  description: For each node on its way back into the cluster one sentence; see M(altair.mysql_ha.rejoin).
  returned: success
  type: dict
lock:
  description: The orchestrator that is at work on the cluster, if any.
  returned: success
  type: str
"""

import time
from dataclasses import replace
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import run as run_now
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.explain import node_sentence
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LossAccount
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.overview import node_rows, step_rows
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.status_text import Status, status_lines
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    Screening,
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
    readable_time,
    show_maintenance,
    show_pause,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.name_audit import audited_name
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.overview import (
    ask_nodes,
    read_history,
    read_overview,
)

ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    "agent_ca": {"type": "path"},
    "agent_cert": {"type": "path"},
    "agent_key": {"type": "path", "no_log": False},
    "agent_timeout": {"type": "float", "default": 3.0},
    "audit_dns": {"type": "bool", "default": False},
    "dns_timeout": {"type": "float", "default": 2.0},
    "history": {"type": "int", "default": 5},
    "report": {"type": "bool", "default": True},
}


def _observations(parameters: Parameters, nodes: tuple[Node, ...]) -> dict[str, Observation] | None:
    """What the agents find now, without those that do not answer; None where none is to be asked."""
    if not parameters["agent_ca"]:
        return None
    if not parameters["agent_cert"] or not parameters["agent_key"]:
        raise InvalidInput("agent_ca is given without agent_cert and agent_key; the agents ask for a certificate")
    found = run_now(ask_nodes(agent_files(parameters), nodes, parameters["agent_timeout"]))
    return {node.name: each for node, each in zip(nodes, found) if each}  # noqa: B905 - read as Python 3.8


def losses_sentence(store: Store, cluster: str, job: str) -> str:
    try:
        found = store.read(losses_path(cluster, job), LossAccount)
    except InvalidInput as error:
        return f"the account of losses cannot be read, somebody changed it: {error}"
    if found is None or (found.value.complete and not found.value.transactions):
        return ""
    return f"{found.value.sentence}; the playbook altair.mysql_ha.losses tells more"


def _on_record(store: Store, parameters: Parameters) -> tuple[Status, Result]:
    """What ZooKeeper holds: for the report, as far as agents and name servers need not be asked, and for the result."""
    overview = read_overview(store, parameters["cluster"])
    cluster, job = overview.spec.cluster, overview.job
    history, total, faults = read_history(store, cluster, parameters["history"])
    (screening,) = store.read_many([(screening_path(cluster), Screening)])
    if isinstance(screening, AltairError):
        faults, screening = (*faults, str(screening)), None
    losses = losses_sentence(store, cluster, job.id) if job else ""
    overview = replace(overview, faults=(*overview.faults, *faults))
    status = Status(
        overview=overview,
        nodes=(),
        history=history,
        history_total=total,
        screening=screening.value.because if screening else "",
        losses=losses,
    )
    return status, {
        "spec": plain(overview.spec),
        "state": plain(overview.state),
        "health": {name: plain(found) for name, found in overview.health.items()},
        "breaches": {
            name: [each.because for each in found.breaches] for name, found in overview.health.items() if found.breaches
        },
        "suspicion": plain(overview.suspicion) if overview.suspicion else {},
        "screening": plain(screening.value) if screening else {},
        "job": plain(job) if job else {},
        "paused": show_pause(job) if job else {},
        "steps": [plain(each) for each in step_rows(overview.open_job)] if overview.open_job else [],
        "history": [plain(each) for each in history],
        "losses": losses,
        "returned": {name: each.sentence for name, each in overview.returned.items()},
        "lock": overview.owner,
        "faults": list(overview.faults),
    }


def run(parameters: Parameters, _check: bool) -> Result:
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        status, result = _on_record(store, parameters)
    overview, now_at = status.overview, time.time()
    seen, state = _observations(parameters, overview.spec.nodes), overview.state
    found = audited_name(overview.spec, state.primary, parameters["dns_timeout"]) if parameters["audit_dns"] else None
    audit = None if found is None else tuple(each.sentence for each in found)
    rows = node_rows(overview, now_at=now_at, seen=seen)
    report = status_lines(replace(status, nodes=rows, dns=audit), now_at=now_at, when=readable_time)
    return {
        **result,
        **({} if audit is None else {"dns": list(audit)}),
        **({"report": report} if parameters["report"] else {}),
        "changed": False,
        "msg": f"{state.primary} is primary of cluster {overview.spec.cluster} since epoch {state.epoch}",
        "topology": [plain(each) for each in rows],
        "observations": {name: plain(each) for name, each in (seen or {}).items()},
        "nodes": {name: node_sentence(each, (seen or {}).get(name)) for name, each in overview.health.items()},
        "maintenance": show_maintenance(overview.maintenance, now_at),
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
