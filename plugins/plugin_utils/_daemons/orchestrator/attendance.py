# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switchover whose playbook has died: when that is so, and which way it is ended."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import SWITCHOVER
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.way_back import go_back, leads_back

GRACE_SECONDS = 5.0  # nobody holds the lock between two tasks: before the first step, and around a site's own
GRACE_IN_THE_PAUSE_SECONDS = 0.5  # from the first step to the promotion it is one task
LOOK_SECONDS = 0.5  # at a lock that another holds, whose end tells nobody


def is_attended(job: Job | None) -> bool:
    """By a person's playbook, as far as the record tells."""
    return job is not None and not job.state.ended and job.owner.startswith(SWITCHOVER)


def is_open(job: Job | None) -> bool:
    """A switchover that somebody, perhaps we, will have to end."""
    return job is not None and job.kind is JobKind.SWITCHOVER and job.state is JobState.RUNNING


@dataclass(slots=True)
class Attendance:
    """What one orchestrator has seen of the switchover of its cluster; times are of the monotonic clock."""

    _seen: tuple[int, tuple[str, ...]] | None = None
    _since: float = 0.0

    def seconds_left(self, job: Job, now: float) -> float:
        """Until its playbook counts as dead, while nobody holds the lock but us; counted anew after each step."""
        if not is_attended(job):
            return 0.0
        if self._seen != (job.epoch, job.steps_done):
            self._seen, self._since = (job.epoch, job.steps_done), now
        in_the_pause = job.steps_done and "promote" not in job.steps_done
        grace = GRACE_IN_THE_PAUSE_SECONDS if in_the_pause else GRACE_SECONDS
        return max(0.0, self._since + grace - now)


def give_up(store: Store, job: Job, login: Login) -> str:
    """Blocking. Of a job that we have taken over: what came of giving it up; empty where it has to go to its end."""
    if job.kind is not JobKind.SWITCHOVER or not leads_back(store, job):
        return ""
    return go_back(store, job.cluster, job.epoch, login, "it was not seen through, and the promotion had not begun")
