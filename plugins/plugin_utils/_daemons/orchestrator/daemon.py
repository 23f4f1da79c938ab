# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The orchestrator's loop: be known, keep a desk for every registered cluster, keep the playbook warm."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, read_option_file
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ORCHESTRATORS,
    OrchestratorPresence,
    orchestrator_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screening import Means

from ..fleet import Fleet
from ..loop import ready
from ..notifier import Tell, notifying, tell_nobody
from ..settings import OrchestratorSettings
from .desk import Desk
from .escalator import Escalator
from .follower import JobFollower
from .runner import PlaybookRunner, runner_for

log = logging.getLogger(__name__)

AGENT_MARGIN_SECONDS = 1.0  # an agent's own probe may take its whole deadline before it answers us
PRESENCE_SECONDS = 1.0


class Orchestrator:
    """One orchestrator: a desk for each cluster, each attended by its own task."""

    def __init__(
        self,
        settings: OrchestratorSettings,
        store: Store,
        means: Means,
        runner: PlaybookRunner,
        tell: Tell = tell_nobody,
    ) -> None:
        self._tell = tell
        self._follower = JobFollower(settings.name, tell)
        self._settings = settings
        self._store = store
        self._means = means
        self._runner = runner
        self._known: tuple[str, ...] = ()
        self._desks: dict[str, Desk] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._fleet = Fleet(store, self._cluster_changed)
        self.escalator = Escalator(settings.name, store, self._fleet.members, tell)

    async def start(self) -> None:
        await asyncio.to_thread(self._store.ensure, ORCHESTRATORS)
        await asyncio.to_thread(self._store.watch_children, ORCHESTRATORS, self._learn)
        await self._fleet.start()

    def _learn(self, names: tuple[str, ...]) -> None:
        """On the session's thread."""
        self._known = names

    async def stay_known(self) -> None:
        """For ever: see that our ephemeral znode is there; an earlier session's may stand a while, ours may be lost."""
        path = orchestrator_path(self._settings.name)
        presence = OrchestratorPresence(name=self._settings.name)
        while True:
            with suppress(Conflict, Unavailable):
                if not await asyncio.to_thread(self._store.owns, path):
                    await asyncio.to_thread(self._store.create, path, presence, ephemeral=True)
            await asyncio.sleep(PRESENCE_SECONDS)

    def _cluster_changed(self, cluster: str) -> None:
        if cluster in self._fleet.members:
            self._follower.look(cluster, self._fleet.members[cluster].job)
        if cluster in self._desks:
            self._desks[cluster].wake()
            return
        desk = Desk(
            cluster,
            self._settings.name,
            self._store,
            self._means,
            self._runner,
            orchestrators=lambda: self._known,
            host_command=self._settings.host_command,
            tell=self._tell,
        )
        self._desks[cluster] = desk
        log.info("attending cluster %s", cluster)
        task = asyncio.create_task(self._attend(desk))
        self._tasks.add(task)

    async def _attend(self, desk: Desk) -> None:
        await desk.watch()
        desk.wake()
        await desk.attend()

    async def broken(self) -> None:
        """Return (by raising) when a desk's task has died: a defect that must not go unseen."""
        while True:
            await asyncio.sleep(1.0)
            for task in self._tasks:
                if task.done():
                    task.result()

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()


async def run(settings: OrchestratorSettings, stop: asyncio.Event) -> None:
    """The daemon's body: attend until ``stop``."""
    keeper, seconds = settings.zookeeper, settings.mysql.probe_seconds
    login = read_option_file(
        settings.mysql.credentials_file, Login(connect_timeout=seconds * 0.9, read_timeout=seconds * 0.9)
    )
    runner = runner_for(settings.runner)
    session = open_store(
        keeper.hosts, keeper.root, session_seconds=keeper.session_seconds, connect_seconds=keeper.connect_seconds
    )
    with session as store, ThreadPoolExecutor(16, "connect") as threads:
        async with Caller(settings.tls.files, each_max=1) as caller, notifying(settings.targets) as tell:
            means = Means(caller=caller, login=login, seconds=seconds + AGENT_MARGIN_SECONDS, threads=threads)
            orchestrator = Orchestrator(settings, store, means, runner, tell)
            await runner.prepare()
            try:
                await orchestrator.start()
                ready(f"orchestrator {settings.name}")
                ended = asyncio.create_task(stop.wait())
                bodies = (orchestrator.broken(), orchestrator.stay_known(), orchestrator.escalator.watch_over())
                loops = [asyncio.create_task(each) for each in bodies]
                done, _pending = await asyncio.wait([ended, *loops], return_when=asyncio.FIRST_COMPLETED)
                for task in (ended, *loops):
                    task.cancel()
                for task in done:
                    task.result()
            finally:
                orchestrator.cancel()
                await runner.close()
