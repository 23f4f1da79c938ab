# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn it is to be judged: one judgement of a node at a time, which nobody has to wait for longer than it may."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .register import Key


class Turns:
    """``judge`` looks at what is known of the node when its turn comes, and may take long: it writes to ZooKeeper."""

    def __init__(self, judge: Callable[[Key], Awaitable[None]]) -> None:
        self._judge = judge
        self._under_way: dict[Key, asyncio.Task[None]] = {}
        self._again: set[Key] = set()

    async def take(self, key: Key, seconds: float) -> None:
        """Have the node judged, and wait ``seconds`` for it at most; it is judged all the same.

        News that comes while it is judged has it judged again; raises what judging raised, if that came in time.
        """
        turn = self._under_way.get(key)
        if turn is None:
            turn = self._under_way[key] = asyncio.create_task(self._turn(key))
        else:
            self._again.add(key)
        done, _pending = await asyncio.wait({turn}, timeout=seconds)
        for each in done:
            each.result()

    async def _turn(self, key: Key) -> None:
        try:
            await self._judge(key)
            while key in self._again:
                self._again.discard(key)
                await self._judge(key)
        finally:
            self._again.discard(key)
            self._under_way.pop(key, None)
