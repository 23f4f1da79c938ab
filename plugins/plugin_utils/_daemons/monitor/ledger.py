# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health that waits to be written: what changes within a moment goes on record in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import NodeHealth

from .register import Key

GATHER_BEATS = 0.02  # a fifth of a second at a beat of ten
AT_ONCE = 250  # nodes that are claimed and then read together

WriteMany = Callable[[Mapping[Key, NodeHealth]], Awaitable[frozenset[Key]]]


class Ledger:
    """``write_many`` says which of the given could be written. Of a node's changes that wait only the newest is."""

    def __init__(self, write_many: WriteMany, beat_seconds: float) -> None:
        self._write_many = write_many
        self._gather_seconds = GATHER_BEATS * beat_seconds
        self._waiting: dict[Key, tuple[NodeHealth, asyncio.Future[bool]]] = {}
        self._now = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def put(self, key: Key, health: NodeHealth, *, urgent: bool) -> bool:
        """Returns when it is on record, or False when it could not be put there or a newer one came before its turn.

        ``urgent``: waits for no others.
        """
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        _older, superseded = self._waiting.get(key, (None, None))
        if superseded is not None and not superseded.done():
            superseded.set_result(False)  # or who put it would wait for ever
        self._waiting[key] = (health, waiter)
        if urgent or len(self._waiting) >= AT_ONCE:
            self._now.set()
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        return await waiter

    async def _write(self) -> None:
        while self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._now.wait(), self._gather_seconds)
            some = {key: self._waiting.pop(key) for key in tuple(self._waiting)[:AT_ONCE]}
            if len(self._waiting) < AT_ONCE:
                self._now.clear()
            written: frozenset[Key] = frozenset()
            try:
                written = await self._write_many({key: health for key, (health, _waiter) in some.items()})
            finally:
                for key, (_health, waiter) in some.items():
                    if not waiter.done():
                        waiter.set_result(key in written)
