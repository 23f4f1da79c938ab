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
    - C(cut_off), the transaction that the crash left incomplete in the log, if any. It was never acknowledged.
    - C(lost), what could not be applied although it was found.
    - C(known) is false when the old primary's host did not answer, so that nobody can say what was lost.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import base64
import binascii
import zlib

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller, base_url
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import run as ask
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, Server, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog import statements, transactions
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    SALVAGE_PATH,
    SalvageAnswer,
    SalvageRequest,
)
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

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC, **AGENT_SPEC, "salvage_timeout": {"type": "float", "default": 30.0}}


async def _fetch(scene: Scene, have: str, seconds: float) -> SalvageAnswer:
    node, neighbours = scene.old_primary, scene.neighbours
    if neighbours.agents is None:
        raise InvalidInput("salvage needs agent_ca, agent_cert and agent_key")
    order = SalvageRequest(
        cluster=scene.spec.cluster, node=node.name, job=scene.job.id, epoch=scene.job.epoch, have=have
    )
    async with Caller(neighbours.agents) as caller:
        url = base_url(node.address, node.agent_port) + SALVAGE_PATH
        return await caller.post(url, order, SalvageAnswer, seconds)


def _unpack(answer: SalvageAnswer) -> bytes:
    try:
        return zlib.decompress(base64.b64decode(answer.dump, validate=True))
    except (binascii.Error, zlib.error) as error:
        raise Unavailable(f"the agent's answer is damaged ({error})") from None


def _apply(scene: Scene, server: Server, dump: bytes, found: GtidSet, truncated: bool) -> Outcome:
    """Apply, then look. What is missing afterwards is named as lost, unless it is the transaction the crash cut off."""
    fault = ""
    try:
        server.admit_appliers()
        server.apply(statements(dump))
    except MysqlError as error:
        fault = str(error)
    with connect(scene.candidate.address, scene.candidate.port, scene.neighbours.login) as fresh:
        missing = found - GtidSet.parse(fresh.state().gtid_executed)
    cut_off = truncated and not fault and len(missing) == 1
    applied, lost = found - missing, GtidSet() if cut_off else missing
    sentence = f"{scene.candidate.name} was given {len(applied)} transactions that only {scene.old_primary.name} had"
    if lost:
        sentence += f"; {len(lost)} more could not be applied and are lost ({lost}): {fault or 'they had no effect'}"
    return Outcome(
        changed=bool(applied),
        sentence=sentence,
        evidence={
            "known": True,
            "found": str(found),
            "applied": str(applied),
            "cut_off": str(missing - lost),
            "lost": str(lost),
        },
    )


def act_with(scene: Scene, seconds: float) -> Outcome:
    if "promote" in scene.job.steps_done:
        return Outcome(changed=False, sentence="the promotion is done", evidence=scene.evidence_of("salvage"))
    node = scene.candidate
    with connect(node.address, node.port, scene.neighbours.login) as server:
        before = server.state()
        if before.writable:  # promoted by a run that died before it could say so: it is too late to add to its past
            return Outcome(changed=False, sentence=f"{node.name} is writable already", evidence={"known": False})
        try:
            answer = ask(_fetch(scene, before.gtid_executed, seconds))
            dump = _unpack(answer)
        except Unavailable as error:
            sentence = (
                f"nothing could be salvaged from {scene.old_primary.name}, what only it had is not known: {error}"
            )
            return Outcome(changed=False, sentence=sentence, evidence={"known": False, "reason": str(error)})
        found = transactions(dump) - GtidSet.parse(before.gtid_executed)
        if not found:
            sentence = f"{node.name} has everything that {scene.old_primary.name} had in its binary logs"
            return Outcome(changed=False, sentence=sentence, evidence={"known": True, "found": "", "applied": ""})
        if scene.check:
            return Outcome(changed=True, sentence=f"{len(found)} transactions would be applied to {node.name}")
        return _apply(scene, server, dump, found, answer.truncated)


def run(parameters: Parameters, check: bool) -> Result:
    return step_work("salvage", lambda scene: act_with(scene, parameters["salvage_timeout"]))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
