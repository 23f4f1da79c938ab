# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells again of paused jobs that nobody answers; of each cluster one orchestrator, by the names on record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.assignment import watcher
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.escalation import Reminder, reminder_due
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import notice_of_escalation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ORCHESTRATORS

from ..fleet import Member
from ..notifier import Tell

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class Escalator:
    """``members``: the clusters as they are on record now."""

    def __init__(
        self,
        name: str,
        store: Store,
        members: Mapping[str, Member],
        tell: Tell,
        now_at: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._store = store
        self._members = members
        self._tell = tell
        self._now_at = now_at
        self._told: dict[str, Reminder] = {}

    async def watch_over(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell what is due and ours; where the record of orchestrators cannot be read, at the next look."""
        now_at = self._now_at()
        due = {
            cluster: reminder
            for cluster, member in self._members.items()
            if (reminder := reminder_due(member.job, member.spec.policy, now_at, self._told.get(cluster)))
        }
        if not due:
            return
        try:
            names = await asyncio.to_thread(self._store.children, ORCHESTRATORS)
        except Unavailable as error:
            log.debug("%d paused jobs are told of later: %s", len(due), error)
            return
        for cluster, reminder in due.items():
            member = self._members.get(cluster)
            if member is not None and member.job is not None and watcher(cluster, names) == self._name:
                notice = notice_of_escalation(member.job, reminder.number, at=now_at, by=self._name)
                log.warning("job %s: %s", reminder.job, notice.sentence)
                self._tell(notice)
                self._told[cluster] = reminder
