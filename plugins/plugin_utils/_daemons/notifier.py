# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells people: a thread and a bounded queue for each target, so that one which hangs holds up nothing and nobody.

A thread and not a task of the daemon's loop: a name that is not resolved, a program on a dead file system or a TLS
handshake may block a thread, and only that target waits then.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import (
    Letter,
    Notice,
    Told,
    Waiting,
    Wants,
    remember,
    unwanted,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import notice_of_test

from .targets import Sender, Target

log = logging.getLogger(__name__)

Tell = Callable[[Notice], None]
PAUSE_SECONDS = (1.0, 5.0, 15.0)  # between the attempts to deliver one notice
DRAIN_SECONDS = 3.0  # how long a daemon that ends waits for what is still to be told


def tell_nobody(_notice: Notice) -> None:
    """For a daemon without targets."""


@dataclass(frozen=True, slots=True)
class Counters:
    """Of one target, since the daemon started. ``dropped``: pushed out of a full queue."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


def letter_of(notice: Notice, missed: int = 0) -> Letter:
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(notice.at))
    return Letter(notice=notice, when=when, missed=missed)


class Postbox:
    """One target: ``put`` returns at once; a thread of its own delivers."""

    def __init__(
        self,
        name: str,
        sender: Sender,
        wants: Wants,
        *,
        seconds: float,
        repeat_seconds: float,
        waiting_max: int,
        pauses: Sequence[float] = PAUSE_SECONDS,
    ) -> None:
        self.name = name
        self._sender = sender
        self._wants = wants
        self._seconds, self._repeat_seconds, self._waiting_max = seconds, repeat_seconds, waiting_max
        self._pauses = pauses
        self._changed = threading.Condition()
        self._waiting = Waiting()
        self._told: Told = {}
        self._stopping = False
        self._counters = Counters()
        # Its end is not waited for: a daemon that ends is not held up either.
        self._thread = threading.Thread(target=self._deliver_all, name=f"notify-{name}", daemon=True)

    @property
    def counters(self) -> Counters:
        with self._changed:
            return self._counters

    def start(self) -> None:
        self._thread.start()

    def put(self, notice: Notice) -> None:
        if unwanted(self._wants, notice) is not None:
            return
        with self._changed:
            told = remember(self._told, notice, time.monotonic(), self._repeat_seconds)
            if told is None:
                return
            self._told, missed = told, self._waiting.missed
            self._waiting = self._waiting.put(notice, self._waiting_max)
            dropped = self._waiting.missed - missed
            first = dropped and not self._counters.dropped
            self._counters = replace(self._counters, dropped=self._counters.dropped + dropped)
            self._changed.notify_all()
        if first:
            log.error("notices for %s are dropped: %d wait already", self.name, self._waiting_max)

    def stop(self) -> None:
        """What still waits gets one attempt each."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        self._thread.join(max(0.0, seconds))

    def _deliver_all(self) -> None:
        while (found := self._next()) is not None:
            notice, missed = found
            problem = self._deliver(letter_of(notice, missed))
            with self._changed:
                if problem is None:
                    self._waiting = self._waiting.delivered(missed)
                    self._counters = replace(self._counters, sent=self._counters.sent + 1)
                else:
                    self._waiting = self._waiting.given_up()
                    self._counters = replace(self._counters, failed=self._counters.failed + 1)
            if problem is not None:
                log.error("%s was not told (%s): %s", self.name, notice.kind.value, problem)

    def _next(self) -> tuple[Notice, int] | None:
        """The first that waits, once there is one, and how many were missed; None when there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting.notices or self._stopping)
            if not self._waiting.notices:
                return None
            first, self._waiting = self._waiting.notices[0], self._waiting.taken()
            return first, self._waiting.missed

    def _deliver(self, letter: Letter) -> str | None:
        """Why it was not delivered, after the last attempt; None when it was."""
        problem = self._attempt(letter)
        for pause in self._pauses:
            if problem is None:
                break
            with self._changed:
                if self._changed.wait_for(lambda: self._stopping, pause):
                    break
            problem = self._attempt(letter)
        return problem

    def _attempt(self, letter: Letter) -> str | None:
        try:
            asyncio.run(asyncio.wait_for(self._sender.send(letter, self._seconds), self._seconds + 1.0))
        except AltairError as error:
            return str(error)
        except TimeoutError:
            return f"it took more than {self._seconds:g} s"
        except Exception as error:  # a thread that ended would leave its target untold for ever
            return f"a defect ({type(error).__name__})"
        return None


def postbox(target: Target) -> Postbox:
    return Postbox(
        target.name,
        target.sender,
        target.wants,
        seconds=target.seconds,
        repeat_seconds=target.repeat_seconds,
        waiting_max=target.waiting_max,
    )


class Notifier:
    """``notify`` may be called from anywhere, returns at once and never raises."""

    def __init__(self, postboxes: Sequence[Postbox]) -> None:
        self._postboxes = tuple(postboxes)

    def notify(self, notice: Notice) -> None:
        for each in self._postboxes:
            try:
                each.put(notice)
            except Exception:
                log.exception("a notice for %s is lost", each.name)

    def counters(self) -> dict[str, Counters]:
        return {each.name: each.counters for each in self._postboxes}

    def start(self) -> None:
        for each in self._postboxes:
            each.start()

    def stop(self, seconds: float = DRAIN_SECONDS) -> None:
        """Wait so long for what is still to be told; blocking."""
        until = time.monotonic() + seconds
        for each in self._postboxes:
            each.stop()
        for each in self._postboxes:
            each.join(until - time.monotonic())
        for name, count in self.counters().items():
            log.info(
                "%s was told %d notices; %d failed, %d were dropped", name, count.sent, count.failed, count.dropped
            )


@asynccontextmanager
async def notifying(targets: Sequence[Target]) -> AsyncIterator[Tell]:
    """What tells all targets, for the block's length."""
    if not targets:
        yield tell_nobody
        return
    notifier = Notifier([postbox(target) for target in targets])
    notifier.start()
    try:
        yield notifier.notify
    finally:
        await asyncio.to_thread(notifier.stop)


async def _try(target: Target, letter: Letter) -> str | None:
    try:
        await asyncio.wait_for(target.sender.send(letter, target.seconds), target.seconds + 1.0)
    except AltairError as error:
        return str(error)
    except TimeoutError:
        return f"it took more than {target.seconds:g} s"
    return None


def try_targets(targets: Sequence[Target], by: str) -> int:
    """Send each target a test, whatever it wants, and print a line each; 1 when one was not told, or there is none."""
    letter = letter_of(notice_of_test(by=by, at=time.time()))

    async def all_at_once() -> list[str | None]:
        return await asyncio.gather(*(_try(target, letter) for target in targets))

    problems = asyncio.run(all_at_once())
    for target, problem in zip(targets, problems, strict=True):
        sys.stdout.write(f"{target.name} ({target.kind}): {problem or 'told'}\n")
    if not targets:
        sys.stdout.write("the settings name no notifications\n")
    return 1 if not targets or any(problems) else 0
