# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an agent's reports reach a monitor: first the one that watches this node, any other when that does not answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import REPORT_PATH, Acknowledgement, LeaseTerms

from .. import clock

log = logging.getLogger(__name__)

SAY_AGAIN_REPORTS = 100
PATIENCE = 12.0  # times as long as the next monitor has to wait for its turn, an attempt is let go on: three beats

Acknowledged = Callable[[LeaseTerms | None, float], None]


class Reporter:
    """``monitors``: base URLs. The order is this agent's own and follows what the acknowledgements say.

    ``seconds``: how long one is waited for before the next is asked, too.
    ``on_acknowledged`` is given what the watcher said with it, and when we had asked, by the monotonic clock.
    """

    def __init__(
        self, caller: Caller, monitors: tuple[str, ...], seconds: float, on_acknowledged: Acknowledged
    ) -> None:
        self._caller = caller
        self._on_acknowledged = on_acknowledged
        self._monitors = list(monitors)
        self._seconds = seconds
        self._late: set[asyncio.Future[bool]] = set()
        self._under_way: dict[str, asyncio.Task[bool]] = {}
        self.acknowledged_by: str | None = None
        self._unheard = 0  # reports in a row

    async def send(self, observation: Observation) -> bool:
        """Try each monitor in turn until one acknowledges."""
        for url in tuple(self._monitors):
            if await self._try_in_time(url, observation):
                return True
        self.acknowledged_by = None
        self._complain(observation.sequence)
        return False

    def _complain(self, sequence: int) -> None:
        """Once, and then rarely: before a cluster is registered, and while it is failed over, this lasts."""
        self._unheard += 1
        if self._unheard == 1:
            log.warning("no monitor acknowledged report %d", sequence)
        elif self._unheard % SAY_AGAIN_REPORTS == 0:
            log.warning("no monitor acknowledged report %d, nor the %d before it", sequence, self._unheard - 1)

    async def _try_in_time(self, url: str, observation: Observation) -> bool:
        """What is not answered in time is let go on, and nothing else is asked of that monitor meanwhile: in a crowd,
        who gives up and comes again has lost its place and made the queue longer."""
        before = self._under_way.get(url)
        if before is not None and not await self._ended(url, before):
            return False
        attempt = self._under_way[url] = asyncio.create_task(self._try(url, observation))
        return await self._ended(url, attempt) and attempt.result()

    async def _ended(self, url: str, attempt: asyncio.Task[bool]) -> bool:
        done, _pending = await asyncio.wait({attempt}, timeout=self._seconds)
        if done and self._under_way.get(url) is attempt:
            del self._under_way[url]
        return bool(done)

    async def send_to_all(self, observation: Observation) -> bool:
        """For news that must not wait for a dead monitor's deadline: ask all at once, be content with the first."""
        tries = [asyncio.ensure_future(self._try(url, observation)) for url in self._monitors]
        for each in tries:  # those that come late are let finish: the watcher itself may be among them
            self._late.add(each)
            each.add_done_callback(self._late.discard)
        for answer in asyncio.as_completed(tries):
            if await answer:
                return True
        return False

    async def _try(self, url: str, observation: Observation) -> bool:
        asked_at = clock.now()
        try:
            answer = await self._caller.post(url + REPORT_PATH, observation, Acknowledgement, self._seconds * PATIENCE)
        except Unavailable as error:
            log.debug("%s", error)
            return False
        if self._unheard:
            log.info("%s acknowledges again; reports not acknowledged: %d", answer.watcher, self._unheard)
            self._unheard = 0
        self.acknowledged_by = answer.watcher
        self._on_acknowledged(answer.terms, asked_at)
        self._prefer(answer.watcher_url if answer.watcher_url in self._monitors else url)
        return True

    def _prefer(self, url: str) -> None:
        if self._monitors[0] != url:
            self._monitors.remove(url)
            self._monitors.insert(0, url)
