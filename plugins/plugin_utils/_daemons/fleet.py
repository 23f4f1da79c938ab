# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registered clusters as ZooKeeper has them now, kept fresh by watches. Garbage is set aside and logged."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, Versioned
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, Unavailable
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


@dataclass(frozen=True, slots=True)
class Member:
    """One cluster as it is on record."""

    spec: ClusterSpec
    state: ClusterState
    paused: frozenset[str]
    suspected: bool
    job: Job | None
    voters: Versioned[Voters] | None

    @property
    def settled(self) -> bool:
        """No job is open."""
        return self.job is None or self.job.state.ended

    @property
    def doubted(self) -> bool:
        """The primary gets no acknowledgement: it is suspected, or a job that came of that has not ended."""
        return self.suspected or (self.job is not None and not self.settled and self.job.suspicion is not None)


def read_member(store: Store, cluster: str) -> Member:
    """Blocking; raises NotFound for an unknown cluster and InvalidInput for garbage.

    The order matters: a job is opened in one transaction with the new epoch and the suspicion's end. Read after both,
    it is seen where it was they that told of it.
    """
    spec = store.require(cluster_path(cluster), ClusterSpec).value
    state = store.require(state_path(cluster), ClusterState).value
    pause = store.read(pause_path(cluster), MonitoringPause)
    suspected = store.read(suspicion_path(cluster), Suspicion) is not None
    job = store.read(job_path(cluster), Job)
    return Member(
        spec,
        state,
        frozenset(pause.value.nodes if pause else ()),
        suspected,
        job.value if job else None,
        store.read(voters_path(cluster), Voters),
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
        self._watched: set[str] = set()
        self._begun = 0
        self._shown: dict[str, int] = {}
        self._refreshes: set[asyncio.Task[object]] = set()
        self.members: dict[str, Member] = {}
        self.quarantined: dict[str, str] = {}

    async def start(self) -> None:
        await asyncio.to_thread(self._store.ensure, CLUSTERS)
        await asyncio.to_thread(self._store.watch_children, CLUSTERS, self._clusters_changed)

    def _clusters_changed(self, names: tuple[str, ...]) -> None:
        self._loop.call_soon_threadsafe(self._follow, names)

    def _follow(self, names: tuple[str, ...]) -> None:
        for gone in set(self.members) - set(names):
            del self.members[gone]
        for name in set(names) - self._watched:
            self._watched.add(name)
            self._spawn(self._watch(name))

    async def _watch(self, name: str) -> None:
        def changed() -> None:
            self._loop.call_soon_threadsafe(lambda: self._spawn(self.refresh(name)))

        paths = (cluster_path, state_path, pause_path, suspicion_path, job_path, voters_path)
        for path in (each(name) for each in paths):
            await asyncio.to_thread(self._store.watch, path, changed)

    def _spawn(self, work: Coroutine[None, None, object]) -> None:
        task = asyncio.ensure_future(work)
        self._refreshes.add(task)
        task.add_done_callback(self._refreshes.discard)

    async def refresh(self, name: str) -> bool:
        """Read the cluster now; False when that failed. Of two at once, the one begun first has not the last word."""
        self._begun += 1
        begun = self._begun
        try:
            member = await asyncio.to_thread(read_member, self._store, name)
        except Unavailable as error:
            log.warning("cluster %s keeps its last known description: %s", name, error)
            return False
        except AltairError as error:
            self.members.pop(name, None)
            self.quarantined[name] = str(error)
            log.error("cluster %s is set aside: %s", name, error)
            self._on_quarantine(name, str(error))
            return False
        if begun > self._shown.get(name, 0):
            self._shown[name] = begun
            self.members[name] = member
        self.quarantined.pop(name, None)
        self._on_change(name)
        return True
