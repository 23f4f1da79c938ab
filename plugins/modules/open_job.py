#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the first step of a failover that an operator runs by hand."""

from __future__ import annotations

DOCUMENTATION = r"""
module: open_job
short_description: Screen a cluster's primary and, if it is dead, open the job that replaces it
description:
  - Asks everybody who could know whether the primary lives, and refuses unless the verdict and the cluster's state
    permit a failover. Then raises the cluster's epoch by one and puts the plan on record.
  - A job of the cluster that has not ended is taken over under a new epoch, unless an orchestrator is at work on it.
  - Orchestrators open their jobs themselves; this module is for people.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  force:
    description:
      - Go on although the verdict is uncertain, the cluster is in maintenance or in its cool-down, one of its policies
        on quorum, lag and missing transactions forbids it, or the fleet breaker holds.
      - The fence is still needed before the promotion.
      - A primary that answers is never failed over, forced or not.
    type: bool
    default: false
  tsig_key_file:
    description: When given, it must hold a TSIG key, which is better known now than after the promotion.
    type: path
attributes:
  check_mode:
    description: Screens and says what would be done.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
"""

EXAMPLES = r"""
- name: Open a failover job
  altair.mysql_ha.open_job:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
  register: job
"""

RETURN = r"""
msg:
  description: What was concluded, in one sentence.
  returned: always
  type: str
epoch:
  description: The job's epoch, which every step has to be given. V(0) in check mode.
  returned: success
  type: int
job:
  description: The job's name.
  returned: success
  type: str
kind:
  description: V(failover), or V(switchover) when a paused one was taken over.
  returned: when a job is open
  type: str
verdict:
  description: The verdict; empty when a job was taken over.
  returned: success
  type: str
"""

import time
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import run as converse
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import read_key_file
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict, NotFound, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import (
    BLOCKERS,
    Situation,
    blockers,
    blockers_in_detail,
    would_yield,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Rule, judge
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    Job,
    LockHolder,
    NodeHealth,
    Suspicion,
    health_path,
    lock_path,
)
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
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.inquiry import Inquiry, inquire
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    Record,
    open_job,
    read_record,
    take_over,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import note_trouble, situation_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screening import Means
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screenings import put_on_record, screening_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import REHEARSAL

TRIES = 3
ASK_INSTEAD = "the playbook altair.mysql_ha.plan says what would come of it if the primary died now"

ARGUMENT_SPEC = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "force": {"type": "bool", "default": False},
    "tsig_key_file": {"type": "path", "no_log": False},
}


@dataclass(frozen=True, slots=True)
class Finding:
    suspicion: Suspicion
    inquiry: Inquiry
    rule: Rule
    situation: Situation
    against: tuple[str, ...]


def _suspicion(store: Store, record: Record) -> Suspicion:
    """The one that is open, or what the monitors' last word on the primary amounts to; an older epoch's is void."""
    cluster, state = record.spec.cluster, record.state.value
    raised = record.suspicion.value if record.suspicion else None
    if raised is not None and (raised.epoch, raised.primary) == (state.epoch, state.primary):
        return raised
    known = store.read(health_path(cluster, state.primary), NodeHealth)
    return Suspicion(
        cluster=cluster,
        primary=state.primary,
        epoch=state.epoch,
        health=known.value.health if known else Health.UNKNOWN,
        because="an operator asked",
        monitor="",
        raised_at=time.time(),
    )


async def _ask_all(store: Store, record: Record, suspicion: Suspicion, parameters: Parameters) -> Inquiry:
    async with Caller(agent_files(parameters)) as caller:
        means = Means(caller=caller, login=login(parameters), seconds=parameters["agent_timeout"])
        return await inquire(store, record.spec, suspicion, means)


def _find(store: Store, record: Record, parameters: Parameters) -> Finding:
    suspicion = _suspicion(store, record)
    inquiry = converse(_ask_all(store, record, suspicion, parameters))
    rule = judge(inquiry.snapshot)
    situation = situation_of(
        store, record, suspicion, inquiry, rule.verdict, now_at=time.time(), forced=parameters["force"]
    )
    return Finding(suspicion, inquiry, rule, situation, blockers(situation))


def _refuse_if_blocked(finding: Finding, cluster: str, check: bool) -> None:
    if not finding.against:
        return
    rule, reasons = finding.rule, blockers_in_detail(finding.situation)
    if finding.against[0] == BLOCKERS[0].because:  # the verdict's own sentence says more
        reasons = (rule.because,) if rule.verdict.refutes else (rule.because, *reasons[1:])
    hint = "; force=true goes on all the same" if would_yield(finding.situation) else ""
    if check and rule.verdict.refutes:
        hint += f"; {ASK_INSTEAD}"
    raise Refused(f"cluster {cluster} is not failed over ({rule.verdict.value}): {'; '.join(reasons)}{hint}")


def _take_over(store: Store, record: Record, check: bool) -> Result:
    cluster = record.spec.cluster
    kind, state = (record.job.value.kind, record.job.value.state) if record.job is not None else (None, None)
    if record.job is not None and kind is JobKind.SWITCHOVER and state is JobState.RUNNING:
        raise Refused(
            f"job {record.job.value.id} of cluster {cluster} is a switchover that has not ended; an orchestrator ends"
            " it when nobody is at work on it"
        )
    holder = store.read(lock_path(cluster), LockHolder)
    if holder is not None:
        raise Refused(
            f"orchestrator {holder.value.owner} is at work on cluster {cluster}; wait for it, or stop it first"
        )
    if check:
        return {
            "changed": True,
            "msg": "the job under way would be taken over",
            "epoch": REHEARSAL,
            "job": "",
            "verdict": "",
        }
    job = take_over(store, record, owner=operator_name(), because="an operator went on with it")
    return _opened(job, f"job {job.id} goes on under epoch {job.epoch}", "")


def _opened(job: Job, sentence: str, verdict: str) -> Result:
    shown = {"epoch": job.epoch, "job": job.id, "kind": job.kind.value, "verdict": verdict}
    return {"changed": True, "msg": sentence, **shown}


def _put_on_record(store: Store, finding: Finding) -> None:
    rule, situation, now_at = finding.rule, finding.situation, time.time()
    found = screening_of(
        finding.inquiry, rule, situation, finding.against, finding.suspicion, by=operator_name(), now_at=now_at
    )
    put_on_record(store, found)
    if not finding.against:
        note_trouble(store, found.cluster, found.primary, by=operator_name(), now_at=now_at)


def _open(store: Store, parameters: Parameters, check: bool) -> Result:
    record = read_record(store, parameters["cluster"])
    if record.job is not None and not record.job.value.state.ended:
        return _take_over(store, record, check)
    finding = _find(store, record, parameters)
    if not check:
        _put_on_record(store, finding)
    _refuse_if_blocked(finding, record.spec.cluster, check)
    verdict = finding.rule.verdict.value
    if check:
        sentence = f"a job would be opened: {finding.rule.because}"
        return {"changed": True, "msg": sentence, "epoch": REHEARSAL, "job": "", "verdict": verdict}
    job = open_job(store, record, owner=operator_name(), because=finding.rule.because, now_at=time.time())
    return _opened(job, f"job {job.id} is open: {finding.rule.because}", verdict)


def run(parameters: Parameters, check: bool) -> Result:
    if parameters["tsig_key_file"]:
        read_key_file(parameters["tsig_key_file"])
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        for _try in range(TRIES - 1):
            with suppress(Conflict, NotFound):  # an orchestrator has answered the suspicion meanwhile, as it often does
                return _open(store, parameters, check)
        return _open(store, parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
