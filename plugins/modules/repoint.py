#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eighth step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: repoint
short_description: Let the other replicas follow the new primary
description:
  - On all other replicas at once, changes host and port of the channel whose source was the old primary and keeps its
    account, TLS and other options. Then waits until each receives from the new primary.
  - A replica of another replica stays with it if that one leads to the new primary in the end, and gets the new primary
    as its source if not. Channels from servers that are not of the cluster are started again and else left alone.
  - A replica that cannot be reached, has something left to apply or has transactions of another server that the new
    primary lacks is not changed. It does not fail the step; it is recorded as left behind, and the orchestrators repair
    it when it can be (see M(altair.mysql_ha.repair_replicas)).
  - One with transactions of its own, which its source never had, follows as it did before. The evidence names them.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  settle_seconds:
    description: How long a replica may take to apply what it has left, and again to connect to the new primary.
    type: float
    default: 15.0
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Let the other replicas follow the new primary
  altair.mysql_ha.repoint:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description:
    - For each replica one sentence; C(following) and C(left_behind) list their names.
    - C(changed_options) lists, as C(replica:option), what differs of a channel besides its source. C(tls_lost) names
      the replicas that were left stopped because TLS options differ, C(moves_by_itself) those whose asynchronous
      connection failover may give them another source at any time.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.topology import Move
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.follow import (
    Errand,
    Followed,
    follow_primary,
    follows,
    stay,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.parallel import for_each_node
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene, still_ours
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.survey import Survey, survey

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC, "settle_seconds": {"type": "float", "default": 15.0}}


def _errand(scene: Scene, found: Survey, name: str, source_uuid: str, seconds: float) -> Errand:
    return Errand(
        node=scene.spec.node(name),
        channel=found.channels[name].name,
        primary=scene.candidate,
        source_uuid=source_uuid,
        cluster_uuids=found.uuids,
        login=scene.neighbours.login,
        seconds=seconds,
        still_ours=still_ours(scene),
        resume=True,
        own_may_differ=True,
    )


def _left_behind(name: str, why: str) -> Followed:
    return Followed(following=False, changed=False, sentence=f"{name} is left behind: {why}")


def _move(scene: Scene, found: Survey, name: str, seconds: float) -> Followed:
    primary = scene.candidate.name
    if scene.check:
        return Followed(following=True, changed=True, sentence=f"{name} would follow {primary}")
    return follow_primary(_errand(scene, found, name, found.states[primary].server_uuid, seconds))


def _stay(scene: Scene, found: Survey, name: str, seconds: float) -> Followed:
    """Catching up has stopped every receiver, also of those that stay with their source and of other channels."""
    source, state, uuid = found.sources[name], found.states[name], found.source_uuid(name)
    running = all(each.receiver_running for each in state.channels)
    if running and follows(state, found.channels[name].name, uuid):
        return Followed(following=True, changed=False, sentence=f"{name} follows {source} already")
    if name in tls_lost(scene.evidence_of("repoint")):
        return _left_behind(name, "its TLS options were lost; set them, then start its channel")
    if scene.check:
        return Followed(following=True, changed=True, sentence=f"{name} would go on following {source}")
    return stay(_errand(scene, found, name, uuid, seconds), source)


def _repoint(scene: Scene, found: Survey, name: str, seconds: float) -> Followed:
    decision = found.decisions[name]
    if decision.move is Move.LEFT_BEHIND:
        return _left_behind(name, found.unreached.get(name, decision.because))
    return (_move if decision.move is Move.FOLLOW else _stay)(scene, found, name, seconds)


def tls_lost(evidence: Evidence) -> list[str]:
    """Whom an earlier run of the step has left stopped: a later one must not start it."""
    recorded = evidence.get("tls_lost")
    return recorded if isinstance(recorded, list) else []


def evidence_of(done: dict[str, Followed], before: Evidence) -> Evidence:
    """``before``: of an earlier run of the step, if there was one."""
    still_lost = {name for name in tls_lost(before) if name in done and not done[name].following}
    evidence: Evidence = {
        "following": sorted(name for name, each in done.items() if each.following),
        "left_behind": sorted(name for name, each in done.items() if not each.following),
        **{name: each.sentence for name, each in done.items()},
    }
    notes = {
        "changed_options": sorted(f"{name}:{option}" for name, each in done.items() for option in each.changed_options),
        "tls_lost": sorted(still_lost | {name for name, each in done.items() if each.tls_lost}),
        "moves_by_itself": sorted(name for name, each in done.items() if each.moves_by_itself),
    }
    return {**evidence, **{name: names for name, names in notes.items() if names}}


def act_with(scene: Scene, settle_seconds: float) -> Outcome:
    primary = scene.candidate.name
    found = survey(scene.store, scene.spec, scene.neighbours.login, primary=primary, gone=scene.job.old_primary)
    if primary not in found.states:
        raise Unavailable(f"the new primary {primary} does not answer: {found.unreached[primary]}")
    others = scene.spec.others(scene.job.old_primary, primary)
    done = for_each_node(others, lambda node: _repoint(scene, found, node.name, settle_seconds))
    return Outcome(
        changed=any(each.changed for each in done.values()),
        sentence="; ".join(each.sentence for each in done.values()) or "there is no other replica",
        evidence=evidence_of(done, scene.evidence_of("repoint")),
    )


def run(parameters: Parameters, check: bool) -> Result:
    return step_work("repoint", lambda scene: act_with(scene, parameters["settle_seconds"]))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
