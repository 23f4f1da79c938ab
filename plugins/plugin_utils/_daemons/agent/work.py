# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An agent's eye on what mysqld does while it does not answer: since when, and whether its process works."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.work import LOOKS, Effort, works

from .. import clock
from .process import MysqldProcess

INTERVAL_SECONDS_MIN = 0.1  # the kernel counts CPU time by hundredths of a second


class Work:
    """All looks that count fit into ``probe_seconds``: of a mysqld that hung before it was asked none is left that
    shows work when the question has timed out."""

    def __init__(self, process: MysqldProcess, probe_seconds: float, now: Callable[[], float] = clock.now) -> None:
        self._process = process
        self._interval = max(probe_seconds / (LOOKS + 1), INTERVAL_SECONDS_MIN)
        self._now = now
        self._looks: deque[Effort] = deque(maxlen=LOOKS + 1)
        self._process_id: int | None = None
        self._answered_at = now()

    async def follow(self) -> None:
        """For ever: look at the process."""
        while True:
            self.look()
            await asyncio.sleep(self._interval)

    def look(self) -> None:
        now = self._now()
        effort = self._process.effort(now)
        if effort is None:
            self._looks.clear()
            return
        if self._process.process_id != self._process_id:
            self._process_id, self._answered_at = self._process.process_id, now
            self._looks.clear()
        self._looks.append(effort)

    def answered(self) -> None:
        """Mysqld has answered, in time or not; from any thread."""
        self._answered_at = self._now()

    @property
    def working(self) -> bool | None:
        return works(tuple(self._looks))

    def unanswered_seconds(self, reach: Reach) -> float | None:
        """``reach``: what is reported of the look at mysqld."""
        if reach is Reach.UNKNOWN:
            return None
        return 0.0 if reach.shows_life else max(0.0, self._now() - self._answered_at)
