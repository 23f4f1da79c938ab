# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids a failover although the verdict would allow it. An empty answer is a permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from .maintenance import Maintenance
from .verdict import Verdict

# Where a cluster's owners set no limit: more than what was on its way when the primary reported last is no such loss as
# an asynchronous replica may have; it was down, or followed nobody. What cannot be told forbids nothing then.
MISSING_MAX = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """The facts that permission is decided on, as they are put on record.

    ``forced``: a person said to go on all the same. ``maintenance``: the one that covers the primary now.
    ``cool_down_seconds_left``: 0 when none holds. ``nodes_live``: replicas that could follow a new primary;
    ``promotable``: those that could become it.
    ``lag_seconds`` and ``transactions_missing``: of the replica that is best off (None: nobody can tell); their limits
    are None where the cluster's owners set none. ``salvageable``: the primary's agent answers, so that what no replica
    has can be read from its binary log. ``primaries_troubled``: over all clusters, this one included.
    """

    verdict: Verdict
    forced: bool = False
    suspicion_current: bool = True
    job_open: bool = False
    nodes_live: int
    promotable: int
    quorum_min: int = 1
    maintenance: Maintenance | None = None
    cool_down_seconds_left: float = 0.0
    lag_seconds: float | None = None
    lag_seconds_max: float | None = None
    transactions_missing: int | None = None
    transactions_missing_max: int | None = None
    salvageable: bool = False
    primaries_troubled: int = 1
    primaries_troubled_max: int

    @property
    def transactions_missing_allowed(self) -> int:
        return MISSING_MAX if self.transactions_missing_max is None else self.transactions_missing_max

    @property
    def lags(self) -> bool:
        """No replica is known to be within the limit: a limit that cannot be checked is not kept."""
        return self.lag_seconds_max is not None and (
            self.lag_seconds is None or self.lag_seconds > self.lag_seconds_max
        )

    @property
    def loses(self) -> bool:
        if self.transactions_missing_max is None:
            return (self.transactions_missing or 0) > MISSING_MAX
        return self.transactions_missing is None or self.transactions_missing > self.transactions_missing_max


def cool_down_seconds_left(ended_at: float | None, cool_down_seconds: float, now_at: float) -> float:
    """What is left of the cool-down after a job that ended at ``ended_at``; 0 when none holds.

    Clocks may differ either way; a job dated beyond a whole cool-down from now is no reason to wait.
    """
    if ended_at is None or abs(now_at - ended_at) >= cool_down_seconds:
        return 0.0
    return min(cool_down_seconds, ended_at + cool_down_seconds - now_at)


@dataclass(frozen=True, slots=True)
class Blocker:
    """One reason. ``detail`` is filled in from the situation. ``yields``: a person's word overrules it."""

    because: str
    matches: Callable[[Situation], bool]
    detail: str = ""
    yields: bool = False


BLOCKERS: tuple[Blocker, ...] = (
    Blocker(
        "the verdict does not call for a failover",
        lambda now: not now.verdict.actionable and not (now.forced and now.verdict is Verdict.UNCERTAIN),
        "it is {now.verdict.value}",
    ),
    Blocker(
        "the suspicion is of an earlier epoch or of a node that is no longer primary",
        lambda now: not now.suspicion_current,
    ),
    Blocker("a job of this cluster has not ended", lambda now: now.job_open),
    Blocker("no replica lives that could be promoted", lambda now: now.promotable == 0),
    Blocker(
        "fewer nodes live than the cluster's quorum",
        lambda now: now.nodes_live < now.quorum_min,
        "{now.nodes_live} live, quorum_min is {now.quorum_min}",
        yields=True,
    ),
    Blocker(
        "it is in maintenance",
        lambda now: now.maintenance is not None,
        "{now.maintenance.what}, by {now.maintenance.by}: {now.maintenance.reason}",
        yields=True,
    ),
    Blocker(
        "the cluster failed over a short while ago and its cool-down still holds",
        lambda now: now.cool_down_seconds_left > 0,
        "{now.cool_down_seconds_left:.0f} s are left",
        yields=True,
    ),
    Blocker(
        "no replica is known to lag less than the cluster's limit",
        lambda now: now.lags,
        "the least is {now.lag_seconds} s, lag_seconds_max is {now.lag_seconds_max} s",
        yields=True,
    ),
    Blocker(
        "no replica is known to have enough of the primary's transactions, and its binary log cannot be read",
        lambda now: now.loses and not now.salvageable,
        "the best lacks {now.transactions_missing}, transactions_missing_max is {now.transactions_missing_allowed}",
        yields=True,
    ),
    Blocker(
        "too many primaries are in trouble at once, so the fault is likely not theirs; a person has to look",
        lambda now: now.primaries_troubled > now.primaries_troubled_max,
        "{now.primaries_troubled} of at most {now.primaries_troubled_max}",
        yields=True,
    ),
)


def _holding(now: Situation) -> tuple[Blocker, ...]:
    return tuple(row for row in BLOCKERS if row.matches(now) and not (row.yields and now.forced))


def blockers(situation: Situation) -> tuple[str, ...]:
    """Every reason that holds, in the table's order."""
    return tuple(row.because for row in _holding(situation))


def blockers_in_detail(situation: Situation) -> tuple[str, ...]:
    """The same with the numbers, for people."""
    return tuple(
        f"{row.because} ({row.detail.format(now=situation)})" if row.detail else row.because
        for row in _holding(situation)
    )


def would_yield(situation: Situation) -> bool:
    """Whether a person's word would be enough."""
    return not _holding(replace(situation, forced=True))
