# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person may do to a job, and when it is refused or holds already: the first row that matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .lifecycle import JobState
from .znodes import Job


class Wish(StrEnum):
    """What the job should be once it is granted."""

    RESUMED = "resumed"
    FORCED = "forced"
    ABORTED = "aborted"
    ACKNOWLEDGED = "acknowledged"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """``expected``: the job that the person means; empty: whichever there is. ``promotion_begun``: by the record."""

    wish: Wish
    job: Job
    expected: str = ""
    team: str = ""
    promotion_begun: bool = False

    @property
    def paused(self) -> bool:
        return self.job.state is JobState.PAUSED

    @property
    def promoted(self) -> bool:
        return "promote" in self.job.steps_done

    @property
    def teams(self) -> str:
        return ", ".join(team.name for team in self.job.teams) or "none"

    @property
    def hands(self) -> str:
        return self.job.owner or "the orchestrators"


@dataclass(frozen=True, slots=True)
class Row:
    """``holds``: the wish is fulfilled already; otherwise it is refused. ``sentence``: filled in from the case."""

    wishes: tuple[Wish, ...]
    holds: bool
    matches: Callable[[Case], bool]
    sentence: str


ROWS: tuple[Row, ...] = (
    Row(
        tuple(Wish),
        False,
        lambda case: case.expected not in ("", case.job.id),
        "the job of cluster {case.job.cluster} is {case.job.id}, not {case.expected}; look at the status",
    ),
    Row(
        (Wish.RESUMED,),
        True,
        lambda case: case.job.state is JobState.RUNNING,
        "job {case.job.id} runs already, in the hands of {case.hands}",
    ),
    Row(
        (Wish.FORCED,),
        True,
        lambda case: case.job.operator_word is not None and not case.paused,
        "job {case.job.id} was forced already by {case.job.operator_word.by} and is {case.job.state.value}",
    ),
    Row(
        (Wish.FORCED,),
        False,
        lambda case: case.job.state is JobState.RUNNING,
        "job {case.job.id} runs and waits for nobody; force it if it pauses",
    ),
    Row(
        (Wish.ABORTED,),
        True,
        lambda case: case.job.state is JobState.ABORTED,
        "job {case.job.id} was given up already: {case.job.because}",
    ),
    Row(
        (Wish.RESUMED, Wish.FORCED, Wish.ABORTED),
        False,
        lambda case: case.job.state.ended,
        "job {case.job.id} is {case.job.state.value}, {case.job.because}; it cannot be {case.wish.value} any more",
    ),
    Row(
        (Wish.ABORTED,),
        False,
        lambda case: not case.paused if case.promoted else case.promotion_begun,
        "the promotion of job {case.job.id} has begun or is done; the job has to go to its end",
    ),
    Row(
        (Wish.ACKNOWLEDGED,),
        True,
        lambda case: case.team in case.job.acknowledged,
        "team {case.team} has acknowledged job {case.job.id} already",
    ),
    Row(
        (Wish.ACKNOWLEDGED,),
        False,
        lambda case: not case.paused,
        "job {case.job.id} is {case.job.state.value}; only a paused job waits for acknowledgements",
    ),
    Row(
        (Wish.ACKNOWLEDGED,),
        False,
        lambda case: case.team not in [team.name for team in case.job.teams],
        "job {case.job.id} asks no team '{case.team}'; it asks: {case.teams}",
    ),
)


def against(case: Case) -> Row | None:
    """The row that answers the wish; None: it is to be granted."""
    return next((row for row in ROWS if case.wish in row.wishes and row.matches(case)), None)


def sentence_of(row: Row, case: Case) -> str:
    return row.sentence.format(case=case)


def what_is_left(job: Job) -> str:
    """In which state a job that is given up leaves the old primary, or the new one, by its record."""
    if "promote" in job.steps_done:
        left = ", ".join(name for name in job.plan if name not in job.steps_done)
        return f"{job.candidate} stays the primary by the record, and what was left is not done ({left})"
    fence = next((step for step in job.steps if step.step == "fence"), None)
    if fence is None:
        return f"{job.old_primary} is left as it is, and nothing proves that it can take no write"
    return f"{job.old_primary} stays as it is ({fence.sentence}); the replicas may have to be told START REPLICA"
