#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fifth step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: salvage
short_description: Apply to the candidate what only the old primary's binary log holds
description:
  - Asks the old primary's agent for every transaction in its binary logs that the candidate lacks, and applies them to
    the candidate before it is promoted. Checksums are verified by C(mysqlbinlog) on the old primary's host.
  - A host that does not answer does not stop the job; that nothing could be salvaged is put on record.
  - The candidate stays read_only meanwhile, so that only the account of O(config_file) can write to it.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  salvage_timeout:
    description: How long the old primary's agent may take to read its binary logs, in seconds.
    type: float
    default: 30.0
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Salvage what the replicas have not received
  altair.mysql_ha.salvage:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description:
    - C(found) and C(applied), GTID sets of what the old primary had beyond the candidate and of what was applied.
      Nothing is applied when logs before were removed, because that would leave a hole.
    - C(cut_off), the transaction that the crash left incomplete in the log, if any. It was never acknowledged.
    - C(lost), what could not be applied although it was found.
    - C(known) is false when the old primary's host did not answer, or its log could not be read to its end, so that
      nobody can say what else was lost. C(reason) says which.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog import Tail
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import SalvageAnswer
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.tail import tail_of

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC, **AGENT_SPEC, "salvage_timeout": {"type": "float", "default": 30.0}}

ANSWER_SECONDS = 30.0  # one statement may be a large transaction's commit


def _in_time(each: Iterable[bytes], by: float) -> Iterator[bytes]:
    """The statements, as long as there is time for another."""
    for statement in each:
        if time.monotonic() > by:
            raise Unavailable("there was no time to apply more; the policy's catch_up_seconds_max is over")
        yield statement


def _apply(scene: Scene, dump: Tail) -> tuple[GtidSet, str]:
    """What the candidate has executed after the attempt, and what stopped it, if anything did.

    The first statement that fails ends it: what comes later may build on that.
    """
    node, login = scene.candidate, scene.neighbours.login
    patient = replace(login, read_timeout=max(login.read_timeout, ANSWER_SECONDS))
    by = time.monotonic() + scene.spec.policy.catch_up_seconds_max
    fault = ""
    try:
        with connect(node.address, node.port, patient) as server:
            server.admit_appliers()
            server.apply(_in_time(dump.statements, by))
    except Unavailable as error:
        fault = str(error)
    with suppress(MysqlError), connect(node.address, node.port, login) as fresh:
        fresh.set_super_read_only(True)  # waits for a commit under way; that it is not as before must not stop the job
    with connect(node.address, node.port, login) as fresh:
        return GtidSet.parse(fresh.state().gtid_executed), fault


def _sentence(scene: Scene, applied: GtidSet, lost: GtidSet, fault: str, unread: str) -> str:
    old = scene.old_primary.name
    said = f"{scene.candidate.name} was given {len(applied)} transactions that only {old} had"
    if lost:
        said += f"; {len(lost)} more could not be applied and are lost ({lost}): {fault or 'they had no effect'}"
    return f"{said}; there may be more: {unread}" if unread else said


def _settle(scene: Scene, executed: str, answer: SalvageAnswer, dump: Tail) -> Outcome:
    """Apply, then look. What is missing afterwards is named as lost, unless the crash cut it off."""
    have, purged = GtidSet.parse(executed), GtidSet.parse(answer.purged)
    found = dump.found - have
    fault = answer.unread
    if purged:
        fault = f"{len(purged)} before them were in binary logs that are removed, and would leave a hole"
    elif scene.check:
        return Outcome(changed=True, sentence=f"{len(found)} transactions would be applied to {scene.candidate.name}")
    now = have
    if found and not purged:
        now, stopped = _apply(scene, dump)
        fault = stopped or fault
    all_there = found | purged | GtidSet.parse(answer.missing)
    lost, applied = all_there - now, found & now
    evidence: Evidence = {
        "known": not answer.unread,
        "found": str(all_there),
        "applied": str(applied),
        "cut_off": str(dump.cut_off),
        "lost": str(lost),
    }
    if answer.unread:
        evidence["reason"] = answer.unread
    return Outcome(
        changed=bool(applied),
        sentence=_sentence(scene, applied, lost, fault, answer.unread),
        evidence=evidence,
    )


def _found_before(scene: Scene, executed: str) -> Evidence:
    """What was found for a candidate that has died since: this one has of it what it has received. Else empty."""
    found = scene.evidence_of("choose_candidate").get("salvaged_before")
    if not isinstance(found, str):
        return {}
    lost = GtidSet.parse(found) - GtidSet.parse(executed)
    return {"known": True, "found": found, "applied": "", "cut_off": "", "lost": str(lost)}


def act_with(scene: Scene, seconds: float) -> Outcome:
    kept = scene.evidence_of("salvage")
    if "promote" in scene.job.steps_done:
        return Outcome(changed=False, sentence="the promotion is done", evidence=kept)
    node, files = scene.candidate, scene.neighbours.agents
    if files is None:
        raise InvalidInput("salvage needs agent_ca, agent_cert and agent_key")
    with connect(node.address, node.port, scene.neighbours.login) as server:
        before = server.state()
    if before.writable:  # promoted by a run that died before it could say so: it is too late to add to its past
        return Outcome(changed=False, sentence=f"{node.name} is writable already", evidence=kept or {"known": False})
    try:
        answer, dump = tail_of(scene, files, GtidSet.parse(before.gtid_executed), seconds)
        GtidSet.parse(f"{answer.purged},{answer.missing}")
    except (Unavailable, InvalidInput) as error:
        sentence = f"nothing could be salvaged from {scene.old_primary.name}, what only it had is not known: {error}"
        nothing: Evidence = _found_before(scene, before.gtid_executed) or {"known": False, "reason": str(error)}
        # What an earlier run saw to the end of the logs still holds: nobody has written there since.
        return Outcome(changed=False, sentence=sentence, evidence=kept if kept.get("known") is True else nothing)
    if not (dump.found - GtidSet.parse(before.gtid_executed) or answer.purged or answer.missing or answer.unread):
        sentence = f"{node.name} has everything that {scene.old_primary.name} had in its binary logs"
        evidence: Evidence = {"known": True, "found": "", "applied": "", "cut_off": str(dump.cut_off), "lost": ""}
        return Outcome(changed=False, sentence=sentence, evidence=evidence)
    return _settle(scene, before.gtid_executed, answer, dump)


def run(parameters: Parameters, check: bool) -> Result:
    return step_work("salvage", lambda scene: act_with(scene, parameters["salvage_timeout"]))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
