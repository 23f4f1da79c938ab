# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What forbids a failover although the verdict would allow it. An empty answer is a permission."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .verdict import Rule
from .znodes import ClusterState, Job, Suspicion


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """What is on record. ``now_at`` and the job's times are wall-clock seconds: a cool-down outlives machines."""

    verdict: Rule
    suspicion: Suspicion
    state: ClusterState
    last_job: Job | None
    replicas_answering: int
    cool_down_seconds: float
    now_at: float

    @property
    def cooling(self) -> bool:
        ended = self.last_job.ended_at if self.last_job else None
        return ended is not None and abs(self.now_at - ended) < self.cool_down_seconds


@dataclass(frozen=True, slots=True)
class Blocker:
    because: str
    matches: Callable[[Situation], bool]


BLOCKERS: tuple[Blocker, ...] = (
    Blocker("the verdict does not call for a failover", lambda now: not now.verdict.actionable),
    Blocker(
        "the suspicion is of an earlier epoch or of a node that is no longer primary",
        lambda now: (now.suspicion.epoch, now.suspicion.primary) != (now.state.epoch, now.state.primary),
    ),
    Blocker(
        "a job of this cluster has not ended",
        lambda now: now.last_job is not None and not now.last_job.state.ended,
    ),
    Blocker("no replica's agent answers, so there is nobody to promote", lambda now: now.replicas_answering == 0),
    Blocker("the cluster failed over a short while ago and its cool-down still holds", lambda now: now.cooling),
)


def blockers(situation: Situation) -> tuple[str, ...]:
    """Every reason that holds, in the table's order."""
    return tuple(row.because for row in BLOCKERS if row.matches(situation))
