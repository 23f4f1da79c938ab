# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the candidate that an earlier run chose still lives, and what has to go with it where it does not."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass

from .._adapters.mysql import MysqlError, connect
from .._adapters.zookeeper import Change, Versioned
from .._core.errors import Conflict, InvalidInput, NotFound, Refused
from .._core.fencing import Attempt, Rung
from .._core.mid_promotion import Case, Turn, row_for, sentence_of
from .._core.plan import JobKind
from .._core.znodes import Evidence, Promotion, promotion_path
from .agent_fence import by_agent_stop, by_agents_word
from .jobs import no_promotion
from .step import Scene

LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """``sentence``: what was concluded. ``changes``: what else leaves the record together with the candidate."""

    turn: Turn
    sentence: str
    changes: tuple[Change, ...] = ()


def _fault(scene: Scene) -> str:
    """Why the candidate does not answer over SQL; empty when it does, be it to turn us away. A fault on our own side
    says nothing of it, and is raised."""
    node = scene.candidate
    try:
        with connect(node.address, node.port, scene.neighbours.login, anew=True) as server:
            server.state()
    except MysqlError as error:
        if error.reach.denies_life:
            return str(error)
        if not error.reach.shows_life:
            raise
    return ""


def _still_at_fault(scene: Scene, fault: str, seconds: float) -> str:
    """Its last fault, or empty once it answers: a mysqld that has crashed may be started again by its supervisor."""
    deadline = time.monotonic() + seconds
    while fault and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        fault = _fault(scene)
    return fault


def _has_exited(scene: Scene) -> bool:
    """Whether its agent saw its mysqld exit."""
    return scene.neighbours.agents is not None and by_agents_word(scene, scene.candidate)[0].proven


def _begun(scene: Scene) -> Versioned[Promotion] | None:
    """The promotion on record; Refused when it is of a node that is not the candidate, which no run writes."""
    path = promotion_path(scene.spec.cluster)
    found = scene.store.read(path, Promotion)
    if found is not None and (found.value.job, found.value.candidate) != (scene.job.id, scene.candidate.name):
        raise Refused(
            f"{path} says that job {found.value.job} promotes {found.value.candidate}, but job {scene.job.id} has"
            f" chosen {scene.candidate.name}; find out who wrote that"
        )
    return found


def _attempts(scene: Scene, vouched: str) -> tuple[list[Attempt], bool]:
    """What was tried to prove that the candidate takes no write; and whether its agent says that mysqld answers.

    What has been promoted is only asked for. Otherwise its agent is ordered to kill mysqld, if it has not exited.
    """
    node, promoted = scene.candidate, "promote" in scene.job.steps_done
    if vouched and not promoted:
        return [Attempt(rung=Rung.OPERATOR_WORD, node=node.name, proven=True, detail="")], False
    if scene.neighbours.agents is None:
        detail = "no agent can be asked without agent_ca, agent_cert and agent_key"
        return [Attempt(rung=Rung.AGENT_WORD, node=node.name, proven=False, detail=detail)], False
    attempt, word = by_agents_word(scene, node)
    if word is None or attempt.proven or promoted:
        return [attempt], word is not None and word.reach.shows_life
    return [attempt, by_agent_stop(scene, node)], word.reach.shows_life


def examine(scene: Scene, vouched: str, return_seconds: float) -> Finding:
    """Look at the candidate on record, and conclude. ``vouched``: of which a person says that it takes no write.
    ``return_seconds``: how long one that has been promoted may take to answer again."""
    name, promoted = scene.candidate.name, "promote" in scene.job.steps_done
    planned, fault = scene.job.kind is JobKind.SWITCHOVER, _fault(scene)
    if fault and promoted and not scene.check and not (planned and _has_exited(scene)):
        fault = _still_at_fault(scene, fault, return_seconds)
    if not fault:
        return _concluded(Case(name=name))
    if vouched not in ("", name):
        raise InvalidInput(f"operator_vouches_candidate names {vouched}, the candidate of job {scene.job.id} is {name}")
    begun = _begun(scene)
    if begun is None and not promoted:
        return _concluded(Case(name=name, fault=fault), *no_promotion(scene.job, None))
    attempts, agent_reaches = _attempts(scene, vouched)
    case = Case(
        name=name,
        fault=fault,
        begun=begun is not None,
        promoted=promoted,
        planned=planned,
        agent_reaches=agent_reaches,
        attempts=tuple(attempts),
    )
    return _concluded(case, *(no_promotion(scene.job, begun.version) if begun is not None else ()))


def _concluded(case: Case, *changes: Change) -> Finding:
    row = row_for(case)
    gone = changes if row.turn is Turn.CHOOSE_ANEW else ()
    return Finding(turn=row.turn, sentence=sentence_of(row, case), changes=gone)


def forget_promotion(scene: Scene, found: Finding) -> None:
    """Where nobody else can be promoted: what is proven to take no write must not keep the job from being given up."""
    if not scene.check:
        with suppress(Conflict, NotFound):  # of another run, which has found more than we have
            scene.store.commit(found.changes)


def forsaken(scene: Scene, because: str) -> Evidence:
    """What the record keeps of candidates that were given up: why, and what was found of the old primary's log, which
    may not be there to be read once more."""
    chosen, salvage = scene.evidence_of("choose_candidate"), scene.evidence_of("salvage")
    before = chosen.get("forsaken")
    evidence: Evidence = {
        "forsaken": {**(before if isinstance(before, dict) else {}), scene.candidate.name: because},
    }
    found = salvage.get("found") if salvage.get("known") is True else chosen.get("salvaged_before")
    if isinstance(found, str):
        evidence["salvaged_before"] = found
    return evidence
