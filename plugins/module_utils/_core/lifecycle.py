# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a job, and the only ways from one to another.

A step that fails does not end the job: a cluster without a primary, or with a stale name, must not be left to itself.
The job goes on running, names its trouble, and is tried again until it is done or a person stops it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .errors import Refused


class JobState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    ABORTED = "aborted"

    @property
    def ended(self) -> bool:
        return self in (JobState.DONE, JobState.ABORTED)


@dataclass(frozen=True, slots=True)
class Transition:
    """``by``: the module that takes this way, or lets an orchestrator take it."""

    source: JobState
    target: JobState
    because: str
    by: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition(JobState.RUNNING, JobState.DONE, "every step holds", "close_job"),
    Transition(
        JobState.RUNNING,
        JobState.PAUSED,
        "nothing proves that the old primary can take no write, or the chosen one died in mid-promotion",
        "fence",
    ),
    Transition(JobState.RUNNING, JobState.RUNNING, "another orchestrator, or a person, took over", "open_job"),
    Transition(
        JobState.RUNNING,
        JobState.ABORTED,
        "an operator stopped it, or a switchover was given up before its promotion had begun",
        "job",
    ),
    Transition(JobState.PAUSED, JobState.RUNNING, "an operator resumed it", "job"),
    Transition(JobState.PAUSED, JobState.ABORTED, "an operator gave it up", "job"),
)


def check_transition(source: JobState, target: JobState) -> Transition:
    """The transition, or Refused with the ones that are open."""
    for transition in TRANSITIONS:
        if (transition.source, transition.target) == (source, target):
            return transition
    open_ones = ", ".join(sorted({each.target.value for each in TRANSITIONS if each.source is source}))
    raise Refused(
        f"a {source.value} job cannot become {target.value}; from here it can become: {open_ones or 'nothing'}"
    )
