#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Second step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fence
short_description: Make sure that the old primary can take no write, and prove it
description:
  - Asks the old primary's agent whether mysqld has exited and, at once, tries to make the server super_read_only and to
    disconnect its clients. When it runs and cannot be made read-only, its agent is ordered to kill it.
  - When the agent does not answer either, the agents of the replicas that vote on its lease are asked whether that is
    over, for three beats at most; from then on they do not vouch for it until the job has ended.
  - Where there is more that could be tried (O(more_to_try)), it returns without proof and puts nothing on record; run
    it once more with what came of the rest (O(tried)). The playbook C(altair.mysql_ha.failover) does so.
  - What counts as proof is recorded as evidence. Without proof the job pauses, or goes on if the cluster's policy
    C(unproven_fence) is V(promote).
  - The word of a person who forced the job (M(altair.mysql_ha.job)) is on the job's record and counts as proof, too.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  operator_vouches:
    description:
      - An operator's word that the old primary can take no write, for example because its host was switched off.
      - Counts as proof. Being wrong about it means two primaries.
    type: bool
    default: false
  more_to_try:
    description: Do not decide without proof; there are other ways that have not been tried yet.
    type: bool
    default: false
  tried:
    description:
      - What was tried already, and what came of it. The lease is not waited for any more then.
    type: list
    elements: dict
    default: []
    suboptions:
      rung:
        description: The way that was tried.
        type: str
        required: true
        choices: [read_only, agent_word, agent_stop, lease_expired, ssh_stop, power_off]
      proven:
        description: Whether it proved that the old primary can take no write.
        type: bool
        required: true
      detail:
        description: What stood in its way, for the record.
        type: str
        default: ""
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Fence the old primary
  altair.mysql_ha.fence:
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
  description: Each attempt by its rung, with its proof or what stood in its way.
  returned: success
  type: dict
  sample:
    decision: proceed
    agent_word: "db1 is fenced: its agent saw mysqld exit, and a node boots super_read_only"
proven:
  description: Whether the step is done. If not, O(more_to_try) was set and C(attempts) says what was tried.
  returned: success
  type: bool
node:
  description: The old primary's name.
  returned: when C(proven) is false
  type: str
address:
  description: Its address.
  returned: when C(proven) is false
  type: str
attempts:
  description: To be handed back as O(tried), with what came of the rest.
  returned: when C(proven) is false
  type: list
  elements: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Paused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.fencing import (
    Attempt,
    FenceDecision,
    Rung,
    decide,
    is_proven,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence, promotion_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures import tail
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.agent_fence import (
    by_agent_stop,
    by_agents_word,
    pause_job,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.expiry import by_lease
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.read_only import make_read_only
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

RUNGS = [each.value for each in Rung if each is not Rung.OPERATOR_WORD]
ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "operator_vouches": {"type": "bool", "default": False},
    "more_to_try": {"type": "bool", "default": False},
    "tried": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "rung": {
                "type": "str",
                "required": True,
                "choices": RUNGS,
            },
            "proven": {"type": "bool", "required": True},
            "detail": {"type": "str", "default": ""},
        },
    },
}


class MoreToTry(Paused):
    """Nothing proves it yet, and there are other ways; nothing is decided."""

    def __init__(self, node: Node, attempts: list[Attempt]) -> None:
        super().__init__("; ".join(each.sentence for each in attempts))
        self.node = node
        self.attempts = attempts


def by_read_only(scene: Scene) -> Attempt:
    node, login = scene.old_primary, scene.neighbours.login
    try:
        killed = 0 if scene.check else make_read_only(node.address, node.port, login)
        with connect(node.address, node.port, login) as server:
            proven = server.state().super_read_only
    except MysqlError as error:
        return Attempt(rung=Rung.READ_ONLY, node=node.name, proven=False, detail=str(error))
    detail = "" if scene.check else f"{killed} sessions killed"
    return Attempt(rung=Rung.READ_ONLY, node=node.name, proven=proven, detail=detail)


def attempts_on(scene: Scene, *, ask_voters: bool = True) -> list[Attempt]:
    """The agent's word, the SQL way and the voters' words at once; the kill only when the first two prove nothing.

    The voters are waited for only when nothing else proves it.
    """
    proven = Event()
    if not ask_voters:
        proven.set()
    with ThreadPoolExecutor(3) as pool:
        word, read_only = pool.submit(by_agents_word, scene, scene.old_primary), pool.submit(by_read_only, scene)
        lease = pool.submit(by_lease, scene, proven)
        (said, agents_word), tried = word.result(), read_only.result()
        if said.proven and scene.neighbours.agents is not None:
            tail.begin(scene, scene.neighbours.agents)
        attempts = [said, tried]
        if agents_word is not None and not any(attempt.proven for attempt in attempts):
            attempts.append(by_agent_stop(scene, scene.old_primary))
        if is_proven(attempts):
            proven.set()
        attempts.append(lease.result())
    return attempts if ask_voters else attempts[:-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """What the caller adds to what the step itself finds out."""

    operator_vouches: bool
    more_to_try: bool
    tried: tuple[tuple[Rung, bool, str], ...]


def _all_attempts(scene: Scene, word: Word) -> list[Attempt]:
    """What was tried before, and what is found now: the later word on a rung counts."""
    found = {
        rung: Attempt(rung=rung, node=scene.old_primary.name, proven=proven, detail=detail)
        for rung, proven, detail in word.tried
    }
    found |= {each.rung: each for each in attempts_on(scene, ask_voters=not word.tried)}
    return list(found.values())


def _begun(scene: Scene) -> bool:
    """Whether the promotion is done, or a run may have died in the midst of it."""
    if "promote" in scene.job.steps_done:
        return True
    return scene.store.version(promotion_path(scene.spec.cluster)) is not None


def act_with(scene: Scene, given: Word) -> Outcome:
    attempts, word = _all_attempts(scene, given), scene.job.operator_word
    if given.operator_vouches or word is not None:
        detail = "operator_vouches is set" if word is None else f"{word.by} said: {word.reason}"
        attempts.append(Attempt(rung=Rung.OPERATOR_WORD, node=scene.old_primary.name, proven=True, detail=detail))
    promoted = not is_proven(attempts) and _begun(scene)
    if given.more_to_try and not is_proven(attempts) and not promoted and not scene.check:
        raise MoreToTry(scene.old_primary, attempts)
    decision = decide(attempts, scene.spec.policy.unproven_fence, promoted=promoted)
    evidence: Evidence = {"decision": decision.value, **{each.rung.value: each.sentence for each in attempts}}
    if word is not None:
        evidence.update(operator=word.by, operator_reason=word.reason)
    if decision is FenceDecision.STANDS:
        return Outcome(
            changed=False, sentence="the promotion has begun on what was proven", evidence=scene.evidence_of("fence")
        )
    if decision is FenceDecision.PAUSE:
        because = "; ".join(each.sentence for each in attempts)
        if scene.check:
            return Outcome(changed=False, sentence=f"the job would pause: {because}", evidence=evidence)
        pause_job(scene, because)
        raise Paused(f"job {scene.job.id} is paused, nothing was promoted: {because}")
    proof = next((each.sentence for each in attempts if each.proven), None)
    sentence = proof or f"{scene.old_primary.name} is not proven fenced; the cluster's policy puts availability first"
    changed = any(each.proven and each.rung in (Rung.READ_ONLY, Rung.AGENT_STOP) for each in attempts)
    return Outcome(changed=changed, sentence=sentence, evidence=evidence)


def run(parameters: Parameters, check: bool) -> Result:
    tried = tuple((Rung(each["rung"]), each["proven"], each["detail"]) for each in parameters["tried"])
    word = Word(operator_vouches=parameters["operator_vouches"], more_to_try=parameters["more_to_try"], tried=tried)
    try:
        return {**step_work("fence", lambda scene: act_with(scene, word))(parameters, check), "proven": True}
    except MoreToTry as left:
        return {
            "changed": True,
            "msg": str(left),
            "proven": False,
            "node": left.node.name,
            "address": left.node.address,
            "attempts": [
                {"rung": each.rung.value, "proven": each.proven, "detail": each.detail} for each in left.attempts
            ],
        }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
