# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registered clusters as ZooKeeper has them now, kept fresh by watches. Garbage is set aside and logged.

Many clusters are read at once: a fleet of thousands is known within seconds, and a cluster costs four watches.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, Versioned, Watcher
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, NotFound, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    CLUSTERS,
    ClusterState,
    Job,
    MonitoringPause,
    Suspicion,
    Voters,
    cluster_path,
    job_path,
    pause_path,
    state_path,
    suspicion_path,
    voters_path,
)

log = logging.getLogger(__name__)

AT_ONCE = 100  # clusters that are read together
RETRY_SECONDS = 1.0  # how soon to ask again when ZooKeeper has not answered
PAUSE_SECONDS = 0.5  # a job changes its record with every step; who only follows it must not slow it down by reading


@dataclass(frozen=True, slots=True)
class Member:
    """One cluster as it is on record."""

    spec: ClusterSpec
    state: ClusterState
    paused: frozenset[str]
    suspected: bool
    job: Job | None
    voters: Versioned[Voters] | None
    state_version: int = -1

    @property
    def settled(self) -> bool:
        """No job is open."""
        return self.job is None or self.job.state.ended

    @property
    def doubted(self) -> bool:
        """The primary gets no acknowledgement: it is suspected, or a job that came of that has not ended."""
        return self.suspected or (self.job is not None and not self.settled and self.job.suspicion is not None)


# What a cluster may have besides its description and its state, in the order in which it is read.
_PARTS = ((pause_path, MonitoringPause), (suspicion_path, Suspicion), (job_path, Job), (voters_path, Voters))
Read = Member | AltairError


def read_members(store: Store, clusters: Sequence[str], watcher: Watcher | None = None) -> list[Read]:
    """Blocking. NotFound stands in the place of an unknown cluster, InvalidInput in that of garbage.

    The order matters: a job is opened in one transaction with the new epoch and the suspicion's end. The state is read
    first, then which of the others there are, at one moment; the job after both. So it is seen where it was they that
    told of it, and a suspicion that ends between the last two still counts as one.
    """
    found = store.read_many(
        [ask for name in clusters for ask in ((cluster_path(name), ClusterSpec), (state_path(name), ClusterState))],
        watcher,
    )
    names = store.children_many([cluster_path(name) for name in clusters], watcher)
    asks = [
        (path(cluster), shape)
        for cluster, there in zip(clusters, names, strict=True)
        for path, shape in _PARTS
        if path(cluster).rpartition("/")[2] in there
    ]
    parts = {path: part for (path, _shape), part in zip(asks, store.read_many(asks, watcher), strict=True)}
    return [
        _member(cluster, found[2 * number], found[2 * number + 1], parts) for number, cluster in enumerate(clusters)
    ]


def _member(cluster: str, spec: Any, state: Any, parts: dict[str, Any]) -> Read:
    pause, suspicion, job, voters = (parts.get(path(cluster)) for path, _shape in _PARTS)
    for each in (spec, state, pause, suspicion, job, voters):
        if isinstance(each, AltairError):
            return each
    for each, path in ((spec, cluster_path(cluster)), (state, state_path(cluster))):
        if each is None:
            return NotFound(f"ZooKeeper has no {path}")
    return Member(
        spec.value,
        state.value,
        frozenset(pause.value.nodes if pause else ()),
        suspicion_path(cluster) in parts,
        job.value if job else None,
        voters,
        state.version,
    )


class Fleet:
    """``members`` by cluster name. ``on_change(cluster)`` runs on the event loop after a refresh.

    ``on_quarantine(cluster, sentence)`` does when what was read is garbage.
    """

    def __init__(
        self,
        store: Store,
        on_change: Callable[[str], None],
        on_quarantine: Callable[[str, str], None] = lambda _cluster, _sentence: None,
    ) -> None:
        self._on_quarantine = on_quarantine
        self._store = store
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._names: set[str] = set()
        self._wanted: dict[str, list[asyncio.Future[bool]]] = {}
        self._due: set[str] = set()  # changed, and to be read once the pause is over
        self._reading: asyncio.Task[None] | None = None
        self._watcher = store.watcher(self._told)
        self.members: dict[str, Member] = {}
        self.quarantined: dict[str, str] = {}

    async def start(self) -> None:
        self._store.on_session(self._session_event)
        await asyncio.to_thread(self._store.ensure, CLUSTERS)
        await asyncio.to_thread(self._store.watch_children, CLUSTERS, self._clusters_changed)

    def _clusters_changed(self, names: tuple[str, ...]) -> None:
        self._loop.call_soon_threadsafe(self._follow, names)

    def _follow(self, names: tuple[str, ...]) -> None:
        for gone in self._names - set(names):
            self.members.pop(gone, None)
            self.quarantined.pop(gone, None)
        fresh, self._names = set(names) - self._names, set(names)
        self._want(*sorted(fresh))

    def _told(self, path: str) -> None:
        self._loop.call_soon_threadsafe(self._changed, path.split("/")[1])

    def _changed(self, name: str) -> None:
        """Read it once the pause is over, however often it changes until then."""
        if name not in self._due:
            self._due.add(name)
            self._loop.call_later(PAUSE_SECONDS, self._read_changed, name)

    def _read_changed(self, name: str) -> None:
        self._due.discard(name)
        if name in self._names:
            self._want(name)

    def _session_event(self, up: bool) -> None:
        if up:  # every watch was lost with the connection
            self._loop.call_soon_threadsafe(lambda: self._want(*sorted(self._names)))

    def _want(self, *names: str) -> None:
        for name in names:
            self._wanted.setdefault(name, [])
        if self._wanted and (self._reading is None or self._reading.done()):
            self._reading = asyncio.ensure_future(self._read_wanted())

    async def refresh(self, name: str) -> bool:
        """Read the cluster in a reading that begins only now; False when that failed."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._wanted.setdefault(name, []).append(waiter)
        self._want(name)
        return await waiter

    async def _read_wanted(self) -> None:
        """One reading after the other, so that none has the last word over one that was begun later."""
        while self._wanted:
            some = {name: self._wanted.pop(name) for name in tuple(self._wanted)[:AT_ONCE]}
            try:
                found = await asyncio.to_thread(read_members, self._store, tuple(some), self._watcher)
            except Unavailable as error:
                log.warning("%d clusters keep their last known description: %s", len(some), error)
                self._loop.call_later(RETRY_SECONDS, self._want, *some)
                found = [error] * len(some)
            for (name, waiters), member in zip(some.items(), found, strict=True):
                shown = self._show(name, member)
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(shown)

    def _show(self, name: str, found: Read) -> bool:
        if isinstance(found, Unavailable):
            return False
        if isinstance(found, AltairError):
            self.members.pop(name, None)
            # A cluster that is gone is no fault.
            if name in self._names:
                self.quarantined[name] = str(found)
                log.error("cluster %s is set aside: %s", name, found)
                self._on_quarantine(name, str(found))
            return False
        self.members[name] = found
        self.quarantined.pop(name, None)
        self._on_change(name)
        return True
