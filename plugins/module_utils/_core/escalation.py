# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a paused job is told of again.

It follows from the record and the clock alone, so that an orchestrator that starts, or takes the telling over, repeats
at most the last reminder.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cluster import Policy
from .lifecycle import JobState
from .znodes import Job


@dataclass(frozen=True, slots=True)
class Reminder:
    """The ``number``-th, from 1, of the pause that began at ``paused_at``."""

    job: str
    paused_at: float
    number: int


def reminder_due(job: Job | None, policy: Policy, now_at: float, told: Reminder | None) -> Reminder | None:
    """What is to be told now; None: nothing yet, or it has been. ``told``: what we told last of this cluster.

    Where no team is asked the job waits for a person all the same, and that is said.
    """
    if job is None or job.state is not JobState.PAUSED or job.paused_at is None:
        return None
    if job.teams and not job.silent_teams:
        return None
    late_seconds = now_at - job.paused_at - policy.acknowledge_seconds_max
    if late_seconds < 0:
        return None
    due = Reminder(job.id, job.paused_at, 1 + int(late_seconds // policy.escalate_every_seconds))
    same_pause = told is not None and (told.job, told.paused_at) == (due.job, due.paused_at)
    return None if told is not None and same_pause and told.number >= due.number else due
