# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a switchover may begin, and to whom: what speaks against a replica, and against the switchover as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .gtid import GtidSet

STEPS_SECONDS = 0.3  # what the steps take between the last write on one primary and the first on the other


@dataclass(frozen=True, kw_only=True, slots=True)
class Prospect:
    """A replica that could become the primary. ``excluded``: why it is no candidate at all, by candidate.py; empty when
    it is one. ``extra``: what it has and the primary has not. ``newer``: its server is newer than the primary's.
    ``lacking``: how many transactions it lacks. ``error``: of its replication, if it stands."""

    name: str
    excluded: str = ""
    extra: GtidSet = field(default_factory=GtidSet)
    newer: bool = False
    receiving: bool = True
    applying: bool = True
    error: str = ""
    lag_seconds: float | None = 0.0
    lag_seconds_max: float = 10.0
    lacking: int = 0

    @property
    def standing_still(self) -> str:
        """What of its replication does."""
        if not self.receiving and not self.applying:
            return "neither its receiver nor its applier runs"
        return "its applier does not run" if self.receiving else "its receiver does not run"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of what speaks against a replica; ``sentence`` is filled in from it."""

    matches: Callable[[Prospect], bool]
    sentence: str


FAULTS: tuple[Fault, ...] = (
    Fault(lambda one: bool(one.excluded), "{one.excluded}"),
    Fault(
        lambda one: bool(one.extra),
        "it has transactions that the primary has not: {one.extra}; it has to be rebuilt before it may be promoted",
    ),
    Fault(
        lambda one: one.newer,
        "it runs a newer server than the primary, which would have to follow it; for an upgrade give"
        " altair_accept_newer=true",
    ),
    Fault(
        lambda one: not (one.receiving and one.applying),
        "its replication stands still, because {one.standing_still}: {one.error}",
    ),
    Fault(
        lambda one: one.lag_seconds is None,
        "nobody can tell how far it lags; wait until its replication has settled",
    ),
    Fault(
        lambda one: (one.lag_seconds or 0.0) > one.lag_seconds_max,
        "it lags {one.lag_seconds:g} s, switchover_lag_seconds_max is {one.lag_seconds_max:g} s;"
        " wait until it is level",
    ),
)


def fault_of(one: Prospect) -> str:
    """Empty when nothing speaks against it."""
    row = next((row for row in FAULTS if row.matches(one)), None)
    return row.sentence.format(one=one) if row else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """All that is known before anything is changed. ``target``: whom a person asked for; empty: the best one.

    ``open_job``: the one that has not ended. ``busy``: the orchestrator that is at work on the cluster. ``ranking``:
    those that are candidates, the best first. ``primary_fault``: why the primary does not answer; ``name_fault``: why
    the cluster's name cannot be changed from its address.
    """

    cluster: str
    primary: str
    nodes: tuple[str, ...]
    target: str = ""
    open_job: str = ""
    busy: str = ""
    suspected: bool = False
    primary_fault: str = ""
    primary_writable: bool = True
    name_fault: str = ""
    ranking: tuple[str, ...] = ()
    prospects: Mapping[str, Prospect] = field(default_factory=dict)

    @property
    def names(self) -> str:
        return ", ".join(self.nodes)

    @property
    def faults(self) -> dict[str, str]:
        """Of each replica that cannot become the primary now, why."""
        return {name: fault for name, one in self.prospects.items() if (fault := fault_of(one))}

    @property
    def fault(self) -> str:
        return self.faults.get(self.target, "")

    @property
    def all_faults(self) -> str:
        return "; ".join(f"{name}: {fault}" for name, fault in self.faults.items()) or "it has no replica"

    @property
    def able(self) -> tuple[str, ...]:
        """Those that nothing speaks against, the best first."""
        return tuple(name for name in self.ranking if name not in self.faults)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of what speaks against the switchover. ``early``: nobody has to be asked for it."""

    matches: Callable[[Outlook], bool]
    sentence: str
    early: bool = False


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        lambda now: bool(now.target) and now.target not in now.nodes,
        "cluster {now.cluster} has no node '{now.target}'; its nodes are {now.names}",
        early=True,
    ),
    Refusal(
        lambda now: now.target == now.primary,
        "{now.primary} is the primary already; name another node",
        early=True,
    ),
    Refusal(
        lambda now: bool(now.open_job),
        "job {now.open_job} of cluster {now.cluster} has not ended; see it through first",
        early=True,
    ),
    Refusal(
        lambda now: now.suspected,
        "the primary {now.primary} is suspected to be dead; what comes of that has to be known first",
        early=True,
    ),
    Refusal(
        lambda now: bool(now.busy),
        "orchestrator {now.busy} is at work on cluster {now.cluster}; try again when it is done",
        early=True,
    ),
    Refusal(
        lambda now: bool(now.primary_fault),
        "the primary {now.primary} does not answer ({now.primary_fault}); a dead one is replaced by a failover",
    ),
    Refusal(
        lambda now: not now.primary_writable,
        "{now.primary} is primary by the record and read-only; find out who made it so first",
    ),
    Refusal(
        lambda now: bool(now.name_fault),
        "{now.name_fault}; applications would not be led to the new primary, so mend that first",
    ),
    Refusal(lambda now: bool(now.fault), "{now.target} cannot become the primary: {now.fault}"),
    Refusal(
        lambda now: not now.target and not now.able,
        "no replica of {now.cluster} can become the primary ({now.all_faults})",
    ),
)


def refusal(now: Outlook, *, early: bool = False) -> str:
    """Of the first row that matches; empty when the switchover may begin. ``early``: by the record alone."""
    row = next((row for row in REFUSALS if (row.early or not early) and row.matches(now)), None)
    return row.sentence.format(now=now) if row else ""


def chosen(now: Outlook) -> str:
    """Whom a switchover that is not refused is to."""
    return now.target or now.able[0]


def why_chosen(now: Outlook) -> str:
    name = chosen(now)
    lacking = now.prospects[name].lacking
    asked = "was asked for" if now.target else "is the best of those that can become the primary"
    return f"{name} {asked}; it lacks {lacking} transactions at the moment"


def pause_seconds(one: Prospect) -> float:
    """For how long nobody will be able to write, as far as that can be told: what the target lags comes on top."""
    return STEPS_SECONDS + (one.lag_seconds or 0.0)
