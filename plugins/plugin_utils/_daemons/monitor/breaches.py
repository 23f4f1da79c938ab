# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The breaches of each node that a monitor watches, from report to report; told when they are on record."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, Versioned
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Look, Raised, Watch, watch
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import NodeHealth, health_path

from ..fleet import Member
from .register import Key

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class BreachNews:
    """A breach of a node was raised, or it is over."""

    cluster: str
    node: str
    breach: Raised
    over: bool


OnBreach = Callable[[BreachNews], None]


def log_breach(news: BreachNews) -> None:
    where, what = f"{news.cluster}/{news.node}", news.breach
    if news.over:
        log.warning("the breach '%s' of %s is over; it was: %s", what.breach.value, where, what.because)
    else:
        log.warning("breach '%s' of %s: %s", what.breach.value, where, what.because)


@dataclass(slots=True)
class _Known:
    """``watched``: what the last look was made from; without a change there is nothing to look at."""

    told: tuple[Raised, ...]
    watch: Watch
    watched: tuple[object, ...] = ()
    number: tuple[int, int] = (0, 0)


class Breaches:
    """``on_breach`` is told of each raise and end, once, after it is on record; it must not block."""

    def __init__(self, store: Store, on_breach: OnBreach) -> None:
        self._store = store
        self._on_breach = on_breach
        self._known: dict[Key, _Known] = {}
        self._wanted: set[Key] = set()
        self._reading: asyncio.Task[None] | None = None

    def forget(self, *keys: Key) -> None:
        """Nodes that another watches, or may; all of them when none is named."""
        for key in keys or tuple(self._known):
            self._known.pop(key, None)

    async def judge(self, key: Key, health: Health, member: Member, report: Observation | None) -> tuple[Raised, ...]:
        """What is breached now. Of a node taken over, the record of the monitor before is gone on with."""
        await self._recall(key)
        return self.now(key, health, member, report) or ()

    def now(self, key: Key, health: Health, member: Member, report: Observation | None) -> tuple[Raised, ...] | None:
        """As ``judge``, without waiting; None where the record was not read yet."""
        known = self._known.get(key)
        if known is None:
            return None
        policy, primary = member.spec.policy.thresholds, key[1] == member.state.primary
        number = (report.incarnation, report.sequence) if report else (0, 0)
        watched = (health, primary, policy, number)
        if watched != known.watched:
            silent = health is Health.HOST_SILENT
            look = Look(
                health=health,
                primary=primary,
                report=None if silent else report,
                new=not silent and number != known.number,
            )
            known.watch = watch(known.watch, look, policy, now_at=time.time())
            known.watched, known.number = watched, number
        return known.watch.raised

    async def _recall(self, key: Key) -> None:
        """Many nodes taken over at once are read together."""
        while key not in self._known:
            self._wanted.add(key)
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read_wanted())
            await asyncio.shield(self._reading)

    async def _read_wanted(self) -> None:
        await asyncio.sleep(0)  # for those who are woken together
        keys = tuple(self._wanted)
        self._wanted.clear()
        for key, raised in zip(keys, await asyncio.to_thread(self._read, keys), strict=True):
            self._known.setdefault(key, _Known(raised, Watch(raised)))

    def _read(self, keys: Sequence[Key]) -> list[tuple[Raised, ...]]:
        """Blocking. Where it cannot be read the breaches are raised anew, and told once more."""
        try:
            found = self._store.read_many([(health_path(*key), NodeHealth) for key in keys])
        except Unavailable as error:
            log.warning("the breaches on record of %d nodes are not known: %s", len(keys), error)
            return [()] * len(keys)
        return [each.value.breaches if isinstance(each, Versioned) else () for each in found]

    def written(self, key: Key) -> None:
        """What was judged last is on record."""
        known = self._known.get(key)
        if known is None:
            return
        before, known.told = known.told, known.watch.raised
        for each, over in [(new, False) for new in known.told] + [(old, True) for old in before]:
            if each not in (before if not over else known.told):
                self._on_breach(BreachNews(cluster=key[0], node=key[1], breach=each, over=over))
