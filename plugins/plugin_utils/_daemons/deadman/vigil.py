# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an agent's death until it is back: ask the voters in its place, and fence mysqld when the lease is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.deadman import (
    ASK_BEATS,
    TRY_BEATS,
    Act,
    DeadmanRule,
    DeadmanView,
    Will,
    holder_after,
    judge,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import VouchRequest

from .. import clock

log = logging.getLogger(__name__)

LOOK_BEATS = 0.05  # a timer stands still while the host is suspended, the lease does not: look often
LEVELS = {Act.REST: logging.INFO, Act.HOLD: logging.WARNING, Act.FENCE: logging.CRITICAL}

Ask = Callable[[Node, VouchRequest], Awaitable[bool]]


class Vigil:
    """``mysqld_runs()``: the process that the will names; ``kill()`` ends it and cannot fail. ``ask(voter, question)``:
    whether the voter vouched. ``now()``: the clock of the will."""

    def __init__(
        self,
        own: tuple[str, str],
        beat_seconds: float,
        will: Will | None,
        *,
        agent_lives: Callable[[], bool],
        mysqld_runs: Callable[[], bool],
        kill: Callable[[], None],
        ask: Ask,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._cluster, self._node = own
        self._beat_seconds = beat_seconds
        self._will = will
        self._agent_lives = agent_lives
        self._mysqld_runs = mysqld_runs
        self._kill = kill
        self._ask_voter = ask
        self._now = now
        self._noticed_at = now()
        self._holder = holder_after(will, self._noticed_at, beat_seconds) if will is not None else None
        self._changed = asyncio.Event()
        self._rule: DeadmanRule | None = None

    async def run(self) -> None:
        """Until the agent lives."""
        asking: asyncio.Task[None] | None = None
        try:
            while True:
                self._changed.clear()
                lives = self._agent_lives()
                rule = self._look(lives)
                if rule.act is Act.FENCE:
                    self._kill()
                self._tell(rule)
                if lives:
                    return
                if rule.act is Act.HOLD and asking is None:
                    asking = asyncio.create_task(self._ask())
                elif rule.act is Act.REST and asking is not None:
                    asking.cancel()  # a vouch for what does not write any more would only hold up its successor
                    asking = None
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), self._next_look())
        finally:
            if asking is not None:
                asking.cancel()

    def _look(self, agent_lives: bool) -> DeadmanRule:
        now, will, holder = self._now(), self._will, self._holder
        return judge(
            DeadmanView(
                agent_lives=agent_lives,
                will=will is not None,
                primary=will is not None and will.terms.primary.name == self._node,
                voters=len(will.voters) if will is not None else 0,
                mysqld=self._mysqld_runs(),
                held=holder is not None and holder.held(now),
                trying=now < self._noticed_at + TRY_BEATS * self._beat_seconds,
            )
        )

    def _next_look(self) -> float:
        """In how many seconds: when something that holds now ends, and else soon."""
        ends = [self._noticed_at + TRY_BEATS * self._beat_seconds]
        if self._holder is not None:
            ends.append(self._holder.ends_at)
        now = self._now()
        return min(LOOK_BEATS * self._beat_seconds, *(end - now for end in ends if end > now), float("inf"))

    def _tell(self, rule: DeadmanRule) -> None:
        """When it changes; after the act, which must not wait."""
        if rule is not self._rule:
            done = "; mysqld is killed" if rule.act is Act.FENCE else ""
            log.log(LEVELS[rule.act], "%s%s", rule.because, done)
        self._rule = rule

    async def _ask(self) -> None:
        """For ever: a vouch that is late is asked for again, and what was answered counts from when it was asked."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                for voter in self._will.voters if self._will is not None else ():
                    task = asyncio.create_task(self._ask_one(voter))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await asyncio.sleep(ASK_BEATS * self._beat_seconds)
        finally:
            for task in under_way:
                task.cancel()

    async def _ask_one(self, voter: Node) -> None:
        will, holder = self._will, self._holder
        if will is None or holder is None:
            return
        own, asked_at = will.terms.primary, self._now()
        question = VouchRequest(cluster=self._cluster, node=own.name, address=own.address, port=own.port)
        if await self._ask_voter(voter, question):
            holder.vouched(voter.name, asked_at)
            self._changed.set()
