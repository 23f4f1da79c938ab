# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells of jobs as their records change, those that a person runs by hand included."""

from __future__ import annotations

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import news_of_job
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import OPERATOR, SWITCHOVER

from ..notifier import Tell

FRESH_SECONDS = 60.0


def _told_before(job: Job, now_at: float) -> bool:
    """Whether who starts only now leaves a paused job to the reminders; of a fresh pause nobody may have told yet."""
    return job.state is JobState.PAUSED and job.paused_at is not None and now_at - job.paused_at > FRESH_SECONDS


class JobFollower:
    """A job of an orchestrator is told of by that one, a person's job by every orchestrator that sees it."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        self._seen: dict[str, Job | None] = {}

    def look(self, cluster: str, job: Job | None) -> None:
        """``job``: the cluster's job as it is on record now."""
        first, before = cluster not in self._seen, self._seen.get(cluster)
        if job is None and before is not None:
            return  # a job is replaced by the next, never taken away
        self._seen[cluster] = job
        now_at = time.time()
        if job is None or not self._is_ours(job) or (first and (job.state.ended or _told_before(job, now_at))):
            return
        for notice in news_of_job(before, job, at=now_at, by=self._name):
            self._tell(notice)

    def _is_ours(self, job: Job) -> bool:
        return job.owner == self._name or job.owner.startswith((OPERATOR, SWITCHOVER))
