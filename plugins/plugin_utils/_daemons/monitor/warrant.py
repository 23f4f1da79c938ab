# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what warrant a monitor acknowledges: ZooKeeper's word that it watches the node and that nothing is open of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Check, Create, Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, Conflict, NotFound
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    MONITORS,
    ClusterState,
    NodeHealth,
    Suspicion,
    health_path,
    monitor_path,
    state_path,
    suspicion_path,
)

from .. import clock
from .register import Key

log = logging.getLogger(__name__)

WAIT_BEATS = 0.1  # an agent waits a quarter of a beat for its acknowledgement, and a relay costs some of that

Refresh = Callable[[str], Awaitable[bool]]


class Warrant:
    """``refresh(cluster)`` reads anew what is on record of a cluster; False when that failed."""

    def __init__(
        self,
        store: Store,
        name: str,
        beat_seconds: float,
        refresh: Refresh,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._store = store
        self._name = name
        self._beat_seconds = beat_seconds
        self._refresh = refresh
        self._now = now
        self._proven_at = float("-inf")
        self._proving: asyncio.Task[bool] | None = None
        self._versions: dict[Key, int] = {}
        self._known: set[Key] = set()
        self._raising: set[Key] = set()

    def proof_beats(self, now: float) -> float:
        """Since the sending of the last question that ZooKeeper answered, in beats."""
        return (now - self._proven_at) / self._beat_seconds

    def claimed(self, key: Key) -> bool:
        """Whether the node bears our name and what is open of it was read after that."""
        return key in self._known

    def raising(self, key: Key) -> bool:
        """Whether we may have raised a suspicion that has not been read back yet."""
        return key in self._raising

    def forget(self, *keys: Key) -> None:
        """Nodes that another has taken over, or may have; all of them when none is named."""
        for key in keys or tuple(self._versions):
            self._versions.pop(key, None)
            self._known.discard(key)

    async def prove(self, monitors: Callable[[], frozenset[str]]) -> bool:
        """See that our session lives and that ``monitors``, by whom nodes are shared out, are those on record.

        Whoever asks while a proof is under way waits for that one, and not so long that an agent loses its patience.
        """
        if self._proving is None or self._proving.done():
            self._proving = asyncio.create_task(self._prove(monitors))
        try:
            return await asyncio.wait_for(asyncio.shield(self._proving), WAIT_BEATS * self._beat_seconds)
        except TimeoutError:
            return False

    async def _prove(self, monitors: Callable[[], frozenset[str]]) -> bool:
        asked_at = self._now()
        try:
            names, ours = await asyncio.to_thread(self._store.confirm, MONITORS, monitor_path(self._name))
        except AltairError as error:
            log.debug("%s", error)
            return False
        if not ours or frozenset(names) != monitors():
            return False
        self._proven_at = asked_at
        return True

    async def write(self, key: Key, health: NodeHealth) -> bool:
        """Put a node's health on record under our name, which claims the node; False when it could not be done."""
        path = health_path(*key)
        try:
            self._versions[key] = await asyncio.to_thread(self._put, path, health, self._versions.get(key))
        except (Conflict, NotFound) as error:
            log.info("%s is claimed anew: %s", "/".join(key), error)
            self.forget(key)
            return False
        except AltairError as error:
            log.warning("the health of %s could not be written: %s", "/".join(key), error)
            return False
        if key not in self._known and await self._refresh(key[0]) and key in self._versions:
            self._known.add(key)
        return True

    def _put(self, path: str, health: NodeHealth, version: int | None) -> int:
        if version is None:
            found = self._store.version(path)
            if found is None:
                self._store.create(path, health)
                return 0
            version = found
        return self._store.replace(path, health, version)

    async def suspect(self, key: Key, suspicion: Suspicion) -> bool:
        """Raise it if the node is still ours, and primary under that epoch, in one transaction. From here on nothing is
        acknowledged until it is read that nothing is open of the node."""
        self._raising.add(key)
        try:
            await asyncio.to_thread(self._raise, key, suspicion, self._versions[key])
        except (Conflict, NotFound):
            self.forget(key)  # another was first, or watches the node by now
            return False
        except AltairError as error:
            log.warning("the suspicion of %s could not be raised: %s", "/".join(key), error)
            return False
        finally:
            await self.read_back(key)
        return True

    def _raise(self, key: Key, suspicion: Suspicion, version: int) -> None:
        state = self._store.require(state_path(key[0]), ClusterState)
        if (state.value.epoch, state.value.primary) != (suspicion.epoch, suspicion.primary):
            raise Conflict(f"{'/'.join(key)} is not primary under epoch {suspicion.epoch} any more")
        self._store.commit(
            (
                Check(health_path(*key), version),
                Check(state_path(key[0]), state.version),
                Create(suspicion_path(key[0]), suspicion),
            )
        )

    async def read_back(self, key: Key) -> None:
        if await self._refresh(key[0]):
            self._raising.discard(key)

    async def read_back_all(self) -> None:
        for key in tuple(self._raising):
            await self.read_back(key)
