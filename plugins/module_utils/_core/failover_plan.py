# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failover would come to if the primary died at this moment: what would forbid it or hold it up, for how long
nobody could write, and what could be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .candidate import PREFERENCES, Choice, Comparison
from .cluster import UnprovenFence
from .foresight import Case, Death, Sight, case_of
from .gtid import shortened
from .health import MISSED_BEATS_MAX
from .observation import LeaseState
from .permission import BLOCKERS, Situation, blockers, blockers_in_detail, would_yield
from .verdict import Rule, Verdict

# Between the death and a client's first write where mysqld was killed, nothing was left to apply and all hosts lived:
# the median of docs/failover_times.md, rounded up.
STEPS_SECONDS = 0.3
# By the usual deadlines, not measured: screening, fence and salvage ask a host that is gone, and it does not refuse.
DEADLINES_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Hindrance:
    """One row; ``sentence`` is filled in from the case."""

    sentence: str
    matches: Callable[[Case], bool]


# Beside what permission.py says. Each that matches is told.
NOBODY_ACTS: tuple[Hindrance, ...] = (
    Hindrance("no monitor is on record, so nobody would notice", lambda case: case.sight.monitors == 0),
    Hindrance(
        "no orchestrator is on record, so nobody would act until a person runs the playbook failover",
        lambda case: case.sight.orchestrators == 0,
    ),
)
HOLD_UPS: tuple[Hindrance, ...] = (
    Hindrance(
        "no replica could be promoted ({case.reasons})",
        lambda case: not case.candidate,
    ),
)

# Why it might not be proven that the old primary takes no write. The first that matches is told; none where its agent
# can tell of mysqld's end.
FENCE_DOUBTS: tuple[Hindrance, ...] = (
    Hindrance("nobody is on record as voting on its lease", lambda case: case.sight.voters is None),
    Hindrance(
        "its agent has never said that it guards a lease, or has no voter left",
        lambda case: case.sight.voters is not None and not all(case.sight.voters.sets),
    ),
    Hindrance("too few agents of its voters answer ({case.too_few})", lambda case: bool(case.too_few)),
    Hindrance(
        "its agent does not answer now, so nobody but a dead-man guards its lease",
        lambda case: not case.sight.agent_answers,
    ),
    Hindrance(
        "its agent does not guard a lease now (it is '{case.sight.lease.value}')",
        lambda case: case.sight.lease is not LeaseState.HELD,
    ),
)
UNPROVEN: dict[UnprovenFence, str] = {
    UnprovenFence.PAUSE: "{doubt}; where the fence finds no proof the job pauses until a person vouches for it",
    UnprovenFence.PROMOTE: "{doubt}; where the fence finds no proof the policy unproven_fence promotes all the same,"
    " and two nodes may take writes",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the time in which nobody can write. ``seconds``: None where nobody can tell, and then ``otherwise``
    stands in the sum. ``sentence`` is filled in from the case."""

    name: str
    sentence: str
    applies: Callable[[Case], bool]
    seconds: Callable[[Case], float | None]
    otherwise: str = ""


def _silence_seconds(case: Case) -> float | None:
    beat_seconds = case.sight.beat_seconds
    return None if beat_seconds is None else MISSED_BEATS_MAX * beat_seconds


GAP: tuple[Part, ...] = (
    Part(
        "detection",
        "its agent sees mysqld go and tells the monitors at once",
        lambda case: case.told,
        lambda _case: 0.0,
    ),
    Part(
        "detection",
        "it is suspected when three of its reports in a row are missing, three beats after the last one",
        lambda case: not case.told,
        _silence_seconds,
        "three beats",
    ),
    Part(
        "deadlines",
        "what a host is asked that is gone runs into its deadline: in the screening, at the fence, for the salvage",
        lambda case: case.death is Death.HOST,
        lambda _case: DEADLINES_SECONDS,
    ),
    Part(
        "apply",
        "no replica that is waited for is behind in applying what it has received",
        lambda case: not case.slowest[0],
        lambda _case: 0.0,
    ),
    Part(
        "apply",
        "all that is received is applied first, and of the replicas that are waited for {case.slowest[0]} lags most",
        lambda case: bool(case.slowest[0]),
        lambda case: case.slowest[1],
        "what {case.slowest[0]} takes to apply what it has received, which it cannot tell",
    ),
    Part(
        "feeding",
        "{case.candidate} gets from another replica first what it lacks",
        lambda case: bool(case.choice.feedings),
        lambda _case: None,
        "what {case.candidate} takes to get what another replica has",
    ),
    Part(
        "steps",
        "all else that writers wait for, up to the name",
        lambda _case: True,
        lambda _case: STEPS_SECONDS,
    ),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A part as it is told."""

    part: str
    seconds: float | None
    because: str


@dataclass(frozen=True, slots=True)
class Gap:
    """``seconds``: what is known of it. ``besides``: what comes on top and nobody can tell in seconds."""

    spans: tuple[Span, ...]
    seconds: float
    besides: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return " and ".join((*self.besides, f"about {self.seconds:.1f} s"))


def gap_of(case: Case) -> Gap:
    parts = [(part, part.seconds(case)) for part in GAP if part.applies(case)]
    return Gap(
        spans=tuple(Span(part.name, seconds, part.sentence.format(case=case)) for part, seconds in parts),
        seconds=sum(seconds or 0.0 for _part, seconds in parts),
        besides=tuple(part.otherwise.format(case=case) for part, seconds in parts if seconds is None),
    )


@dataclass(frozen=True, slots=True)
class Loss:
    """``transactions``: None where nobody can tell. ``gtids``: of those, in full."""

    sentence: str
    transactions: int | None
    gtids: str = ""

    @property
    def in_short(self) -> str:
        if self.transactions is None:
            return "nobody can tell what would be lost"
        return f"{self.transactions} transactions could be lost" if self.transactions else "nothing would be lost"


@dataclass(frozen=True, slots=True)
class LossRule:
    """One row, the first that matches tells. ``sentence`` is filled in from the case, ``count`` and ``gtids``."""

    sentence: str
    matches: Callable[[Case], bool]
    transactions: Callable[[Case], int | None]


LOSSES: tuple[LossRule, ...] = (
    LossRule(
        "nobody can tell: no replica could be promoted",
        lambda case: not case.candidate,
        lambda _case: None,
    ),
    LossRule(
        "nothing: its agent lives, and {case.candidate} is given what only its binary log holds",
        lambda case: case.told,
        lambda _case: 0,
    ),
    LossRule(
        "nobody can tell: {case.primary} does not answer, so that it could not be asked what it has",
        lambda case: case.sight.executed is None,
        lambda _case: None,
    ),
    LossRule(
        "nothing of what it had executed when it was asked: {case.candidate} would have all of it",
        lambda case: not case.beyond,
        lambda _case: 0,
    ),
    LossRule(
        "{count} transactions that {case.candidate} would not have ({gtids}), none of which a client was told of: by"
        " semi-synchronous replication it is told when a replica has them",
        lambda case: case.sight.semi_synchronous is True,
        lambda case: len(case.beyond),
    ),
    LossRule(
        "{count} transactions that {case.candidate} would not have ({gtids}), of which clients may have been told",
        lambda _case: True,
        lambda case: len(case.beyond),
    ),
)


def loss_of(case: Case) -> Loss:
    row = next(row for row in LOSSES if row.matches(case))
    transactions, beyond = row.transactions(case), case.beyond
    sentence = row.sentence.format(case=case, count=transactions, gtids=shortened(beyond))
    return Loss(sentence, transactions, str(beyond) if transactions else "")


SEMI_SYNCHRONOUS: dict[bool | None, str] = {
    True: "semi-synchronous replication is on: a client is told of a commit when a replica has received it",
    False: "semi-synchronous replication is off: a client is told of a commit before any replica has it",
    None: "whether semi-synchronous replication is on could not be asked",
}
MEASURED = (
    "a look at one moment: {primary} was asked first what it has executed, then the replicas what they have received"
    " and applied; what was committed later, or was on its way and came meanwhile, does not count as lost"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Foretold:
    """What one death would come to. ``forbidden``: why nobody would be promoted without a person, and ``yields``: what
    a person has to overrule of it yields to their word. ``held_up``: what would pause the job or end it. ``risks``:
    what its owners' policy accepts."""

    death: Death
    verdict: Verdict
    because: str
    forbidden: tuple[str, ...]
    yields: bool
    held_up: tuple[str, ...]
    risks: tuple[str, ...]
    gap: Gap
    loss: Loss
    candidate: str

    @property
    def sentence(self) -> str:
        """What would come of it, shortly."""
        if self.forbidden:
            return f"nobody would be promoted without a person: {'; '.join(self.forbidden)}"
        if self.held_up:
            return f"the job would be held up: {'; '.join(self.held_up)}"
        outcome = f"{self.candidate} would be the primary; nobody could write for {self.gap.sentence}"
        return f"{outcome}, and {self.loss.in_short}"


@dataclass(frozen=True, slots=True)
class FailoverPlan:
    """``passed_over``: of each replica that would not be promoted, why. ``cases``: what would come of each death."""

    sight: Sight
    choice: Choice
    passed_over: dict[str, str]
    cases: tuple[Foretold, ...]


def _forbidden(case: Case) -> tuple[str, ...]:
    reasons = blockers_in_detail(case.situation)
    if blockers(case.situation)[:1] == (BLOCKERS[0].because,):  # the verdict's own sentence says more
        reasons = (case.because, *reasons[1:])
    return (*reasons, *(row.sentence for row in NOBODY_ACTS if row.matches(case)))


def _doubt(case: Case) -> str:
    """Why the fence may find no proof; empty where it will find one."""
    row = None if case.told else next((row for row in FENCE_DOUBTS if row.matches(case)), None)
    policy = case.sight.spec.policy.unproven_fence
    return UNPROVEN[policy].format(doubt=row.sentence.format(case=case)) if row else ""


def foretold(case: Case) -> Foretold:
    doubt, policy = _doubt(case), case.sight.spec.policy.unproven_fence
    doubts = (doubt,) if doubt else ()
    paused, accepted = (doubts, ()) if policy is UnprovenFence.PAUSE else ((), doubts)
    return Foretold(
        death=case.death,
        verdict=case.situation.verdict,
        because=case.because,
        forbidden=_forbidden(case),
        yields=bool(blockers(case.situation)) and would_yield(case.situation),
        held_up=(*(row.sentence.format(case=case) for row in HOLD_UPS if row.matches(case)), *paused),
        risks=accepted,
        gap=gap_of(case),
        loss=loss_of(case),
        candidate=case.candidate,
    )


def passed_over(case: Case) -> dict[str, str]:
    """The exclusions, and of who could be promoted, too, by what another goes first."""
    choice, everybody = case.choice, {name: each.contender for name, each in case.caught.items()}
    facts = Comparison(choice.missing, case.sight.spec.node(case.primary).zone)
    told = dict(choice.excluded)
    for name in choice.ranking[1:]:
        best, one = everybody[choice.ranking[0]], everybody[name]
        row = next((row for row in PREFERENCES if row.cost(best, facts) < row.cost(one, facts)), None)
        because = row.because if row else "all else is equal, and its name comes first"
        told[name] = f"it could be promoted, too, but {best.name} goes before it: {because}"
    return told


def foresee(sight: Sight, rules: Mapping[Death, Rule], situations: Mapping[Death, Situation]) -> FailoverPlan:
    """``rules``: the verdict on each death's snapshot; ``situations``: what permission is decided on then."""
    cases = [case_of(death, sight, situations[death], rules[death].because) for death in Death]
    first = cases[0]
    return FailoverPlan(sight, first.choice, passed_over(first), tuple(foretold(case) for case in cases))
