# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at a cluster, and what would be found if its primary died at that moment: what a screening would see, what
the replicas would have once they had applied what they received, and who would be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .candidate import Choice, Contender, choose, union
from .cluster import ClusterSpec
from .draining import Halt, spared_of, wanted_of
from .gtid import GtidSet
from .health import Health
from .lease import words_needed
from .observation import LeaseState, ProcessState, Reach, Sighting
from .permission import Situation
from .snapshot import Snapshot
from .topology import Move, Replica, decide
from .znodes import Voters


class Death(StrEnum):
    """How a primary may die: mysqld alone, so that its agent can tell and read its binary log, or all of its host."""

    MYSQLD = "mysqld_dies"
    HOST = "host_dies"


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """A replica as it is. ``lag_seconds``: by its server's word; None: it cannot tell."""

    contender: Contender
    lag_seconds: float | None = None

    @property
    def left(self) -> GtidSet:
        """What it has received and not applied."""
        return self.contender.held - self.contender.executed


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """All that was seen at one moment. ``fault``: why the primary does not answer; empty when it does.

    ``executed``: what the primary had executed when it was asked, which was before any replica was (None: it did not
    answer); ``recorded``: what it was last known to have. ``semi_synchronous``: of the primary; None: nobody can tell.
    ``agent_answers``: the primary's, and ``lease`` by its word. ``voters``: on that lease, by the record. ``agents``:
    of the replicas those whose agents answer. ``topology``: every replica and its source. ``beat_seconds``: None where
    the record does not tell. ``suspected``: why the primary is suspected right now. ``monitors``, ``orchestrators``:
    how many are on record.
    """

    spec: ClusterSpec
    primary: str
    epoch: int
    fault: str = ""
    writable: bool = True
    executed: GtidSet | None = None
    recorded: GtidSet | None = None
    semi_synchronous: bool | None = None
    agent_answers: bool = False
    lease: LeaseState = LeaseState.NONE
    voters: Voters | None = None
    agents: tuple[str, ...] = ()
    followers: Mapping[str, Follower] = field(default_factory=dict)
    topology: tuple[Replica, ...] = ()
    beat_seconds: float | None = None
    suspected: str = ""
    monitors: int = 0
    orchestrators: int = 0

    def told_of(self, death: Death) -> bool:
        """Whether the primary's agent would live to tell of it, and to read the binary log."""
        return death is Death.MYSQLD and self.agent_answers

    @property
    def sources(self) -> dict[str, str]:
        return {one.name: one.source for one in self.topology if one.source}

    def sources_after(self, candidate: str) -> dict[str, str]:
        """Whom each replica would follow once ``candidate`` is the primary and the step ``repoint`` is done."""
        others = [one for one in self.topology if one.name != candidate]
        decisions = decide(others, primary=candidate, gone=self.primary)
        sources = {name: source for name, source in self.sources.items() if name != candidate}
        return sources | {name: candidate for name, each in decisions.items() if each.move is Move.FOLLOW}


def snapshot_of(death: Death, sight: Sight) -> Snapshot:
    """What a screening would find: who answers now would answer then, and nobody would reach the primary.

    Whether the orchestrators can ask somebody else about hosts is not known here, so that nobody can tell of the host.
    """
    told = sight.told_of(death)
    reach = Reach.REFUSED if death is Death.MYSQLD else Reach.TIMED_OUT
    return Snapshot(
        cluster=sight.spec.cluster,
        primary=sight.primary,
        suspected=Health.MYSQLD_EXITED if told else Health.HOST_SILENT,
        reported=ProcessState.EXITED if told else ProcessState.UNKNOWN,
        agent=ProcessState.EXITED if told else ProcessState.UNKNOWN,
        host=True if death is Death.MYSQLD else None,
        orchestrator=reach,
        read_only=None,
        replicas=tuple(
            Sighting(
                observer=node.name, target=sight.primary, reach=reach if node.name in sight.agents else Reach.UNKNOWN
            )
            for node in sight.spec.others(sight.primary)
        ),
        voters=None if sight.voters is None else sight.voters.names,
    )


@dataclass(frozen=True, slots=True)
class Caught:
    """A replica after the step ``catch_up``. ``seconds``: how long that waits for it; None: nobody can tell."""

    contender: Contender
    seconds: float | None


def _caught(sight: Sight, one: Follower, halt: Halt, wanted: GtidSet) -> Caught:
    contender, seconds_max = one.contender, sight.spec.policy.catch_up_seconds_max
    spared = spared_of(sight.spec.node(contender.name), halt, wanted)
    if spared is not None:
        return Caught(replace(contender, drained=spared.drained), 0.0)
    if contender.applier_error:  # it is started once more, and stops again
        return Caught(replace(contender, drained=False), 0.0)
    if one.lag_seconds is not None and one.lag_seconds > seconds_max:
        return Caught(replace(contender, drained=False), seconds_max)
    executed = contender.executed | wanted
    return Caught(replace(contender, executed=executed, drained=contender.held <= executed), one.lag_seconds)


def caught_up(sight: Sight) -> dict[str, Caught]:
    """By what each has received so far and the rules of the step; an applier's pace is taken from its lag."""
    halts = {
        name: Halt(
            held=one.contender.held,
            left=one.left,
            delay_seconds=one.contender.delay_seconds,
            fault="" if one.contender.reachable else "it cannot be reached",
        )
        for name, one in sight.followers.items()
    }
    in_maintenance = [name for name, one in sight.followers.items() if one.contender.in_maintenance]
    wanted = wanted_of(sight.spec, sight.primary, in_maintenance, halts)
    return {name: _caught(sight, one, halts[name], wanted[name]) for name, one in sight.followers.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One death of the primary, with all that follows of it for the rules. ``because``: the verdict's sentence."""

    death: Death
    sight: Sight
    situation: Situation
    because: str
    caught: Mapping[str, Caught]
    choice: Choice

    @property
    def told(self) -> bool:
        return self.sight.told_of(self.death)

    @property
    def primary(self) -> str:
        return self.sight.primary

    @property
    def candidate(self) -> str:
        """Empty where nobody could be promoted."""
        return self.choice.name or ""

    @property
    def reasons(self) -> str:
        return "; ".join(f"{name}: {reason}" for name, reason in self.choice.excluded.items()) or "it has no replica"

    @property
    def too_few(self) -> str:
        """Of the first set of voters of which too few answer, in words; empty when enough of each do."""
        for names in self.sight.voters.sets if self.sight.voters else ():
            heard, needed = len(set(names) & set(self.sight.agents)), words_needed(len(names))
            if heard < needed:
                return f"of {', '.join(names)} {heard} answer, {needed} have to"
        return ""

    @property
    def slowest(self) -> tuple[str, float | None]:
        """Of the replicas that are waited for the one that takes longest, one that cannot tell first."""
        waited = {name: each.seconds for name, each in self.caught.items() if each.seconds != 0.0}
        if not waited:
            return "", 0.0
        return max(waited.items(), key=lambda each: (each[1] is None, each[1] or 0.0))

    @property
    def beyond(self) -> GtidSet:
        """What the primary had executed when it was asked and the new one would not have without its binary log."""
        if self.sight.executed is None or self.choice.name is None:
            return GtidSet()
        fed = union(each.gtids for each in self.choice.feedings)
        return self.sight.executed - (self.caught[self.choice.name].contender.executed | fed)


def case_of(death: Death, sight: Sight, situation: Situation, because: str) -> Case:
    caught = caught_up(sight)
    choice = choose(
        (each.contender for each in caught.values()),
        primary_executed=sight.recorded if sight.executed is None else sight.executed,
        primary_zone=sight.spec.node(sight.primary).zone,
    )
    return Case(death=death, sight=sight, situation=situation, because=because, caught=caught, choice=choice)
