#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fourth step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: choose_candidate
short_description: Pick the replica to promote, and say why not the others
description:
  - Looks at the set-up and the transactions of all replicas, excludes those that must not be promoted, each with its
    reason, and picks of the others the one that lacks the least.
  - When another live replica has transactions that the picked one lacks, the picked one follows that replica until it
    has them too, whether that one may be promoted or not. One that cannot give them is passed over, and what nobody
    can give is named.
  - A choice that is on record stays, so that a job that is run again promotes the same node, unless that one does not
    answer any more.
  - Before its promotion has begun another one is chosen in its place then, and what was done for it is done anew. Once
    it has begun, only if the dead one is proven to take no write, by its agent's word, by a kill that its agent carries
    out, or by yours (O(operator_vouches_candidate)); otherwise the job pauses.
  - Nobody is chosen in place of one that has been promoted. The job pauses if that one is dead.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  accept_errant:
    description:
      - A person's word that transactions which only a replica wrote are no reason against it, for where otherwise
        nobody can be promoted. They become part of what the new primary has.
    type: bool
    default: false
  operator_vouches_candidate:
    description:
      - The candidate of which you vouch that it can take no write, for example because its host was switched off, by
        its name. Asked for where it died in the middle of its promotion. Being wrong about it means two primaries.
    type: str
    default: ""
  return_timeout:
    description:
      - How long one that has been promoted and does not answer may take to be back, in seconds, before the job pauses.
        Its supervisor may be about to start it again.
    type: float
    default: 30.0
  agent_ca:
    description: Authority that signed the agents' certificates. Without it no agent is asked.
    type: path
  agent_cert:
    description: Our certificate. Its organizational unit must be C(orchestrator) or C(operator).
    type: path
  agent_key:
    description: Key of O(agent_cert). Keep it at mode 0600.
    type: path
  agent_timeout:
    description: Seconds to wait for an agent's answer.
    type: float
    default: 3.0
requirements:
  - aiohttp
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Choose the replica to promote
  altair.mysql_ha.choose_candidate:
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
    - C(candidate); C(ranking), all that could be promoted, in order; C(excluded), the reason for each of the others.
    - C(missing), how many transactions of what any live replica has each one lacked.
    - C(fed_by), the replicas that the candidate caught up from; C(passed_over), why others of them could not give what
      they have; C(not_fed), the transactions that a live replica has and the candidate did not get.
    - C(forsaken), why an earlier choice was given up, by its name; C(salvaged_before), what the step
      M(altair.mysql_ha.salvage) had found in the old primary's log when that one was still the candidate.
  returned: success
  type: dict
  sample:
    candidate: db2
    ranking: [db2]
    excluded: {db3: its owners marked it as not a candidate}
    missing: {db2: "4", db3: "0"}
    fed_by: [db3]
    passed_over: {}
    not_fed: ""
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from dataclasses import replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Choice, union
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Paused, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.mid_promotion import Turn
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_IF_ANY_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.agent_fence import pause_job
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.candidates import Known, known_of, pick
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.dead_candidate import (
    Finding,
    examine,
    forget_promotion,
    forsaken,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.feeding import Fed, feed
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    **AGENT_IF_ANY_SPEC,
    "accept_errant": {"type": "bool", "default": False},
    "operator_vouches_candidate": {"type": "str", "default": ""},
    "return_timeout": {"type": "float", "default": 30.0},
}


def _known(scene: Scene, accept_errant: bool) -> Known:
    caught_up = scene.evidence_of("catch_up")
    drained, sources = caught_up.get("drained"), caught_up.get("sources")
    if scene.check and drained is None:  # catch_up has only been rehearsed, too; it would have drained them
        drained = list(scene.spec.names)
    known = known_of(
        scene.store,
        scene.spec,
        drained if isinstance(drained, list) else [],
        time.time(),
        sources if isinstance(sources, dict) else {},
        heritage=scene.job.heritage,
    )
    return replace(known, accept_errant=accept_errant)


def told(choice: Choice, fed: Fed) -> Outcome:
    not_fed = (choice.not_fed | union(each.gtids for each in choice.feedings)) - fed.executed
    sentence = choice.because
    for donor, fault in fed.faults.items():
        sentence += f"; {donor} was passed over: {fault}"
    if fed.faults and not_fed:
        sentence += f"; {len(not_fed)} transactions were not got ({not_fed})"
    return Outcome(
        changed=True,
        sentence=sentence,
        evidence={
            "candidate": choice.name,
            "ranking": list(choice.ranking),
            "excluded": choice.excluded,
            "missing": {name: str(count) for name, count in choice.missing.items()},
            "fed_by": [each.donor for each in choice.feedings if each.donor not in fed.faults],
            "passed_over": fed.faults,
            "not_fed": str(not_fed),
        },
        candidate=choice.name,
    )


def _choice(scene: Scene, known: Known) -> Outcome:
    choice = pick(scene.spec, scene.job.old_primary, scene.neighbours.login, known)
    if choice.name is None or not choice.feedings or scene.check:
        return told(choice, Fed(union(each.gtids for each in choice.feedings), {}))
    return told(choice, feed(scene.spec, scene.neighbours.login, choice.name, choice.feedings))


def _stopped(scene: Scene, found: Finding) -> Outcome:
    if scene.check:
        return Outcome(changed=False, sentence=f"the job would pause: {found.sentence}")
    pause_job(scene, found.sentence)
    raise Paused(f"job {scene.job.id} is paused: {found.sentence}")


def act_with(scene: Scene, accept_errant: bool, vouched: str, return_seconds: float) -> Outcome:
    if scene.job.candidate is None:
        return _choice(scene, _known(scene, accept_errant))
    found = examine(scene, vouched, return_seconds)
    if found.turn is Turn.KEEP:
        return Outcome(changed=False, sentence=found.sentence, evidence=scene.evidence_of("choose_candidate"))
    if found.turn is Turn.PAUSE:
        return _stopped(scene, found)
    known = replace(_known(scene, accept_errant), forsaken={scene.candidate.name: found.sentence})
    try:
        anew = _choice(scene, known)
    except Refused:
        forget_promotion(scene, found)
        raise
    return replace(
        anew,
        sentence=f"{found.sentence}; {anew.sentence}",
        evidence={**anew.evidence, **forsaken(scene, found.sentence)},
        also=found.changes,
    )


def run(parameters: Parameters, check: bool) -> Result:
    given = [parameters[name] for name in ("accept_errant", "operator_vouches_candidate", "return_timeout")]
    return step_work("choose_candidate", lambda scene: act_with(scene, *given))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
