# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells of jobs as their records change, those that a person runs by hand included."""

from __future__ import annotations

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import news_of_job
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import OPERATOR

from ..notifier import Tell


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
        if job is None or (first and job.state.ended) or not self._is_ours(job):
            return
        for notice in news_of_job(before, job, at=time.time(), by=self._name):
            self._tell(notice)

    def _is_ours(self, job: Job) -> bool:
        return job.owner == self._name or job.owner.startswith(OPERATOR)
