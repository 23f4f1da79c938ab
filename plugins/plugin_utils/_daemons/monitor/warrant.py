# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what warrant a monitor acknowledges: ZooKeeper's word that it watches the node and that nothing is open of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import (
    Check,
    Create,
    Replace,
    Store,
)
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

# A transaction of these many changes, or bytes, at the most; ZooKeeper takes no more than a megabyte.
CHANGES_MAX = 100
BYTES_MAX = 400_000

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
        """As ``write_many``, of one node; False when it could not be done."""
        return key in await self.write_many({key: health})

    async def write_many(self, healths: Mapping[Key, NodeHealth]) -> frozenset[Key]:
        """Put the health of nodes on record under our name, which claims them; those of which it could be done.

        In as few transactions as they fit in; each node's own change is a compare-and-set all the same.
        """
        known = {key: self._versions.get(key) for key in healths}
        try:
            written = await asyncio.to_thread(_put_many, self._store, healths, known)
        except AltairError as error:
            log.warning("the health of %d nodes could not be written: %s", len(healths), error)
            return frozenset()
        for key in healths.keys() - written.keys():
            log.info("%s is claimed anew: another has changed its record", "/".join(key))
            self.forget(key)
        self._versions.update(written)
        await self._know({key for key in written if key not in self._known})
        return frozenset(written)

    async def _know(self, claimed: set[Key]) -> None:
        """What is open of a node counts as known once it was read after the claim."""
        clusters = tuple({key[0] for key in claimed})
        read = dict(zip(clusters, await asyncio.gather(*map(self._refresh, clusters)), strict=True))
        self._known |= {key for key in claimed if read[key[0]] and key in self._versions}

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


_Write = tuple[Create | Replace, int]  # with the length of what it writes


def _put_many(store: Store, healths: Mapping[Key, NodeHealth], known: Mapping[Key, int | None]) -> dict[Key, int]:
    """Blocking. The new version of each node's record; a node that another has changed meanwhile is left out."""
    unknown = [key for key in healths if known[key] is None]
    found = dict(zip(unknown, store.version_many([health_path(*key) for key in unknown]), strict=True))
    changes: dict[Key, _Write] = {}
    for key, health in healths.items():
        version = known[key] if known[key] is not None else found[key]
        raw, path = encode(health), health_path(*key)
        changes[key] = (Create(path, raw) if version is None else Replace(path, raw, version)), len(raw)
    created = [change.path for change, _size in changes.values() if isinstance(change, Create)]
    store.ensure_many(sorted({path.rpartition("/")[0] for path in created}))
    written: dict[Key, int] = {}
    for some in _transactions(changes):
        written |= _put_together(store, some)
    return written


def _transactions(changes: Mapping[Key, _Write]) -> list[dict[Key, Create | Replace]]:
    found: list[dict[Key, Create | Replace]] = [{}]
    size = 0
    for key, (change, length) in changes.items():
        if len(found[-1]) == CHANGES_MAX or (found[-1] and size + length > BYTES_MAX):
            found.append({})
            size = 0
        found[-1][key] = change
        size += length
    return found


def _put_together(store: Store, changes: Mapping[Key, Create | Replace]) -> dict[Key, int]:
    after = {key: change.version + 1 if isinstance(change, Replace) else 0 for key, change in changes.items()}
    try:
        store.commit(tuple(changes.values()))
        return after
    except (Conflict, NotFound):
        if len(changes) == 1:
            return {}
    # One of them forbids all: each for itself.
    return {key: after[key] for key, change in changes.items() if _put_together(store, {key: change})}
