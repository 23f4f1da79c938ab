# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A primary's agent as the holder of its lease: asks the voters every beat, and fences its mysqld when it is lost."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller, base_url
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import FENCE_BEATS, Holder, usurps
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import LeaseState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    VOUCH_PATH,
    LeaseTerms,
    Vouch,
    VouchRequest,
)

from .. import clock

log = logging.getLogger(__name__)

ANSWER_BEATS = FENCE_BEATS * 0.6  # how long mysqld may take to become read-only before it is killed
AGAIN_BEATS = 0.1  # how soon to look again at a mysqld that is read-only, or cannot be fenced
STILL_BEATS = FENCE_BEATS  # not to have looked for so long is to have stood still; another may be primary already

Executed = tuple[str, float]  # a GTID set, and when it was read, by the monotonic clock


class Guard:
    """``writable()``: whether mysqld takes writes, as far as is known; ``writable_since()``: since when it was seen to.
    ``make_read_only()`` blocks and raises
    Unavailable when mysqld will not; ``kill()`` is the last resort and cannot fail. ``executed()``: what mysqld was
    seen to have executed, and when, for the voters to tell their lag by. ``now()``: the
    monotonic clock."""

    def __init__(
        self,
        own: tuple[str, str],
        beat_seconds: float,
        memory: str | None,
        *,
        writable: Callable[[], bool],
        make_read_only: Callable[[], None],
        kill: Callable[[], None],
        executed: Callable[[], Executed | None] = lambda: None,
        writable_since: Callable[[], float | None] = lambda: None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._cluster, self._node = own
        self._beat_seconds = beat_seconds
        self._memory = Path(memory) if memory else None
        self._writable = writable
        self._make_read_only = make_read_only
        self._kill = kill
        self._executed = executed
        self._writable_since = writable_since
        self._now = now
        self._fencing = ThreadPoolExecutor(4, "fence")
        self._changed = asyncio.Event()
        self._holder: Holder | None = None
        self._fenced = False
        self._usurps = self._usurped = False
        self._looked_at = now()
        self.terms: LeaseTerms | None = None
        self._remember()

    @property
    def state(self) -> LeaseState:
        if self._holder is None:
            return LeaseState.USURPED if self._usurped else LeaseState.NONE
        if self._fenced:
            return LeaseState.FENCED
        return LeaseState.HELD if self._writable() and self._holder.held(self._now()) else LeaseState.NONE

    @property
    def version(self) -> int:
        """Of the voters that the lease goes by; 0 when there is no lease."""
        return self.terms.version if self.terms is not None and self._holder is not None else 0

    @property
    def vouching(self) -> tuple[str, ...]:
        return self._holder.vouching(self._now()) if self._holder is not None else ()

    @property
    def earned_until(self) -> float:
        """Until when the lease is held by what was answered since this agent's start; no time: -inf."""
        return self._holder.earned_until if self._holder is not None else float("-inf")

    def mysqld_started(self) -> None:
        """It boots super_read_only; what it did before is no longer to be told."""
        self._usurped = False

    def acknowledged(self, terms: LeaseTerms | None, asked_at: float) -> None:
        """A monitor has acknowledged what was reported at ``asked_at``, of the monotonic clock."""
        if terms is not None:
            self._adopt(terms)
            self._usurps = usurps(
                own=self._node,
                primary=terms.primary.name,
                settled=terms.settled,
                writable_since=self._writable_since(),
                asked_at=asked_at,
                beat_seconds=self._beat_seconds,
            )
            self._changed.set()
        if self._holder is not None:
            self._holder.acknowledged(asked_at)
            self._changed.set()

    def _adopt(self, terms: LeaseTerms) -> None:
        known = self.terms
        if known is not None and (terms.epoch, terms.version) < (known.epoch, known.version):
            return
        self.terms = terms
        if terms.primary.name != self._node:
            self._holder, self._fenced = None, False
        elif terms.version > 0:  # before, its end could prove nothing to anybody, and one monitor's death would end it
            if self._holder is None:
                log.info("this node is primary, epoch %d; its lease is guarded", terms.epoch)
                self._holder = Holder(self._beat_seconds, self._now())
            self._holder.adopt(node.name for node in terms.voters)
        if known != terms:
            self._write_down(terms)

    def _remember(self) -> None:
        """What an earlier run of this agent knew: without it, it would guard nothing until a monitor answers."""
        if self._memory is None:
            return
        try:
            self._adopt(decode(LeaseTerms, self._memory.read_bytes(), str(self._memory)))
        except FileNotFoundError:
            return
        except (OSError, InvalidInput) as error:
            log.error("what this agent knew of the lease is lost: %s", error)

    def _write_down(self, terms: LeaseTerms) -> None:
        if self._memory is None:
            return
        beside = self._memory.with_suffix(".new")
        try:
            beside.write_bytes(encode(terms))
            os.replace(beside, self._memory)
        except OSError as error:
            log.error("%s cannot be written: %s", self._memory, error.strerror)

    async def ask_voters(self, caller: Caller) -> None:
        """For ever: every beat, ask each voter to vouch."""
        asking: set[asyncio.Task[None]] = set()
        while True:
            if self._holder is not None and self.terms is not None and not self._fenced:
                for voter in self.terms.voters:
                    task = asyncio.create_task(self._ask(caller, voter, self.terms.primary))
                    asking.add(task)
                    task.add_done_callback(asking.discard)
            await asyncio.sleep(self._beat_seconds)

    async def _ask(self, caller: Caller, voter: Node, own: Node) -> None:
        asked_at = self._now()
        executed, seen_at = self._executed() or (None, asked_at)
        question = VouchRequest(
            cluster=self._cluster,
            node=own.name,
            address=own.address,
            port=own.port,
            gtid_executed=executed,
            seconds_ago=max(0.0, asked_at - seen_at),
        )
        url = base_url(voter.address, voter.agent_port) + VOUCH_PATH
        try:
            await caller.post(url, question, Vouch, self._beat_seconds)
        except Unavailable as error:
            log.debug("%s", error)
            return
        if self._holder is not None:
            self._holder.vouched(voter.name, asked_at)
            self._changed.set()

    async def guard(self) -> None:
        """For ever: wake when the lease ends, and fence a mysqld that could still write."""
        while True:
            self._changed.clear()
            await self._wait(self._look())
            await self._fence_if_lost()

    def _look(self) -> float | None:
        """How long nothing has to be done, in seconds; None: until something changes."""
        self._looked_at = now = self._now()
        if self._usurps and self._writable():
            return 0.0
        if self._holder is None:
            return None
        left = self._holder.ends_at - now
        if left > 0:
            if self._fenced and self._writable():
                self._fenced = False  # somebody made it writable again, and it holds its lease
            # The timer stands still while the host is suspended, the lease does not: look often.
            return min(left, AGAIN_BEATS * self._beat_seconds)
        return 0.0 if self._writable() else AGAIN_BEATS * self._beat_seconds

    async def _wait(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    async def _fence_if_lost(self) -> None:
        now = self._now()
        if self._usurps and self._writable():
            log.critical("this node takes writes, and another is primary; fencing mysqld")
            self._usurped = True
            await self._fence()
            self._usurps = False
            return
        if self._holder is None or self._holder.held(now) or not self._writable():
            return
        if now - self._looked_at > STILL_BEATS * self._beat_seconds:
            # It goes on with what clients have sent meanwhile, and each word with it is time for one more of them.
            self._kill()
            self._fenced = True
            still = now - self._looked_at
            log.critical("this host stood still for %.1f s and the lease is lost meanwhile; mysqld is killed", still)
            await asyncio.sleep(AGAIN_BEATS * self._beat_seconds)
            return
        log.critical("the lease is lost: neither a monitor acknowledges nor do enough voters vouch; fencing mysqld")
        self._fenced = True
        await self._fence()

    async def _fence(self) -> None:
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._fencing, self._make_read_only)
        try:
            await asyncio.wait_for(work, ANSWER_BEATS * self._beat_seconds)
        except (TimeoutError, Unavailable) as error:
            log.critical("mysqld did not become read-only (%s); killing it", error or "no answer in time")
            self._kill()
        else:
            log.critical("mysqld is super_read_only and its clients are disconnected")
        await asyncio.sleep(AGAIN_BEATS * self._beat_seconds)
