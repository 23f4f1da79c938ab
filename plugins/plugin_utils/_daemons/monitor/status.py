# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor costs, by its own count: for whoever asks, and as a line of the log a minute."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import MonitorStatus

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
LINE_SECONDS = 60.0


class Status:
    """``reports`` and ``refused`` are counted by who takes and refuses."""

    def __init__(self, name: str, store: Store) -> None:
        self._name, self._store = name, store
        self._started_at = time.monotonic()
        self._lags = [0.0, 0.0]  # the worst of the minute before, and of this one
        self.reports = self.refused = 0

    def now(self, *, nodes: int, clusters: int) -> MonitorStatus:
        return MonitorStatus(
            monitor=self._name,
            nodes=nodes,
            clusters=clusters,
            reports=self.reports,
            refused=self.refused,
            zookeeper_reads=self._store.reads,
            zookeeper_writes=self._store.writes,
            cpu_seconds=time.process_time(),
            resident_bytes=_resident_bytes(),
            lag_seconds_max=max(self._lags),
            up_seconds=time.monotonic() - self._started_at,
        )

    async def keep(self, sizes: Callable[[], tuple[int, int]]) -> None:
        """For ever: see how late the loop is, and say once a minute what was done. ``sizes``: of nodes, clusters."""
        before = self.now(nodes=0, clusters=0)
        while True:
            begun = time.monotonic()
            while time.monotonic() < begun + LINE_SECONDS:
                asleep_at = time.monotonic()
                await asyncio.sleep(LOOK_SECONDS)
                self._lags[1] = max(self._lags[1], time.monotonic() - asleep_at - LOOK_SECONDS)
            nodes, clusters = sizes()
            after = self.now(nodes=nodes, clusters=clusters)
            _say(before, after)
            before, self._lags = after, [self._lags[1], 0.0]


def _say(before: MonitorStatus, after: MonitorStatus) -> None:
    seconds = after.up_seconds - before.up_seconds
    log.info(
        "%d nodes in %d clusters; in the last minute %d reports, %d refused, %.1f ZooKeeper reads and %.1f writes a "
        "second, %.1f s of CPU; %d MB resident, loop late by %.0f ms at the most",
        after.nodes,
        after.clusters,
        after.reports - before.reports,
        after.refused - before.refused,
        (after.zookeeper_reads - before.zookeeper_reads) / seconds,
        (after.zookeeper_writes - before.zookeeper_writes) / seconds,
        after.cpu_seconds - before.cpu_seconds,
        after.resident_bytes // 2**20,
        after.lag_seconds_max * 1000,
    )


def _resident_bytes() -> int:
    """proc(5): the second number is of resident pages."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
