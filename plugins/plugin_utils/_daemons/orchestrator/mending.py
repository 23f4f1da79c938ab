# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a cluster's replicas have to be repaired: told by the record of their health, and nothing is asked at rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import notice_of_repair
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.strays import Stray, strays
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import NodeHealth, health_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import Record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import maintenance_plan
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.repair import Repaired, repair

from ..notifier import Tell

log = logging.getLogger(__name__)

AGAIN_SECONDS = 30.0  # after an attempt; twice as long after each at the same replicas, since each takes the lock
AGAIN_SECONDS_MAX = 600.0
PATIENCE_SECONDS = 3.0  # for each wait of one attempt: meanwhile a suspicion of the same cluster has to wait
# To stop a channel takes longer than to look; cut off between two statements it would be left stopped.
STATEMENT_SECONDS = 10.0


class Mending:
    """What one orchestrator remembers of the repair of one cluster; times are of the monotonic clock.

    ``wake`` is called, on any thread, when the health of a node changes on record.
    """

    def __init__(self, cluster: str, owner: str, store: Store, tell: Tell, wake: Callable[[], None]) -> None:
        self._cluster = cluster
        self._owner = owner
        self._store = store
        self._tell = tell
        self._watcher = store.watcher(lambda _path: wake())
        self._settled: frozenset[Stray] = frozenset()
        self._open: frozenset[Stray] = frozenset()
        self._pause = AGAIN_SECONDS
        self._not_before = 0.0

    def due(self, record: Record, *, now: float, now_at: float) -> frozenset[Stray]:
        """Blocking. Those to be looked at now: by the record they may stray, and it was not seen that they do not."""
        names = record.spec.names
        found = self._store.read_many([(health_path(self._cluster, name), NodeHealth) for name in names], self._watcher)
        health = {
            name: known.value
            for name, known in zip(names, found, strict=True)
            if known is not None and not isinstance(known, Exception)
        }
        job = record.job.value if record.job else None
        now_straying = strays(job, health, record.state.value.primary)
        self._settled &= now_straying
        before, self._open = self._open, now_straying - self._settled
        if self._open != before:
            self._pause = AGAIN_SECONDS
        if not self._open or now < self._not_before:
            return frozenset()
        entry = maintenance_plan(self._store, self._cluster).of(None)
        if entry is not None and entry.active(now_at):
            self._not_before = now + AGAIN_SECONDS
            return frozenset()
        return self._open

    def mend(self, due: Iterable[Stray], login: Login, *, now: float, now_at: float) -> None:
        """Blocking; the caller holds the cluster's lock. May raise what the repair raises; then it is tried again."""
        self._not_before, self._pause = now + self._pause, min(2 * self._pause, AGAIN_SECONDS_MAX)
        patient = replace(login, read_timeout=max(login.read_timeout, STATEMENT_SECONDS))
        done = repair(self._store, self._cluster, patient, seconds=PATIENCE_SECONDS, now_at=now_at)
        again = set(done.to_try_again)
        self._settled |= {each for each in due if each.node not in again}
        self._say(done, now_at)

    def seconds_left(self, now: float) -> float | None:
        """Until the next attempt; None where none is waited for."""
        return self._not_before - now if self._open and self._not_before > now else None

    def _say(self, done: Repaired, now_at: float) -> None:
        for name, one in done.replicas.items():
            if one.changed or one.needs_person:
                log.warning("%s/%s: %s", self._cluster, name, one.sentence)
            if one.needs_person or (one.changed and one.following):
                self._tell(
                    notice_of_repair(
                        cluster=self._cluster,
                        node=name,
                        epoch=done.epoch,
                        sentence=one.sentence,
                        repaired=one.following,
                        at=now_at,
                        by=self._owner,
                    )
                )
