# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead-man's loop: sleep until the agent is dead, keep vigil until it is back."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import data_folder, lifeline, process
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller, base_url
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import prepare
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.deadman import Will
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import VOUCH_PATH, Vouch, VouchRequest

from ..agent.bequest import LOCK_FILE, read_will
from ..loop import ready
from ..settings import DeadmanSettings
from .vigil import Vigil

log = logging.getLogger(__name__)


class Mysqld:
    """The process that the will names, held by a pidfd, so that nobody else can be hit."""

    def __init__(self, will: Will | None) -> None:
        self._handle: int | None = None
        if will is not None and will.process_id is not None and will.process_started is not None:
            self._handle = process.hold_same(will.process_id, will.process_started)

    def runs(self) -> bool:
        return self._handle is not None and not data_folder.has_exited(self._handle)

    def kill(self) -> None:
        if self._handle is not None:
            with suppress(ProcessLookupError):  # it has just exited by itself
                data_folder.kill(self._handle)

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None


async def agents_death(lock: Path) -> None:
    """Return when no agent holds the lock: at once when one dies. The thread that waits goes with this process."""
    loop, dead = asyncio.get_running_loop(), asyncio.Event()

    def wait() -> None:
        try:
            lifeline.wait_until_free(lock)
        except (AltairError, OSError) as error:
            log.error("the agent's lock cannot be waited for: %s", error)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(dead.set)

    threading.Thread(target=wait, name="agent's death", daemon=True).start()
    await dead.wait()


async def stand_by(settings: DeadmanSettings, caller: Caller) -> None:
    """For ever."""
    folder, beat_seconds = settings.folder(), settings.profile.beat_seconds
    lock = Path(folder) / LOCK_FILE

    async def ask(voter: Node, question: VouchRequest) -> bool:
        url = base_url(voter.address, voter.agent_port) + VOUCH_PATH
        try:
            await caller.post(url, question, Vouch, beat_seconds)
        except Unavailable as error:
            log.debug("%s", error)
            return False
        return True

    while True:
        await agents_death(lock)
        will = read_will(folder)
        mysqld = Mysqld(will)
        try:
            await Vigil(
                (settings.cluster, settings.node),
                beat_seconds,
                will,
                agent_lives=lambda: lifeline.is_held(lock),
                mysqld_runs=mysqld.runs,
                kill=mysqld.kill,
                ask=ask,
            ).run()
        finally:
            mysqld.release()


async def run(settings: DeadmanSettings, stop: asyncio.Event) -> None:
    """The daemon's body, until ``stop``."""
    prepare(Will, VouchRequest, Vouch)
    async with Caller(settings.tls.files) as caller:
        works: list[asyncio.Task[object]] = [asyncio.create_task(stand_by(settings, caller))]
        works.append(asyncio.create_task(stop.wait()))
        ready(f"standing by for the agent of {settings.cluster}/{settings.node}")
        done, _pending = await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        for task in works:
            task.cancel()
        for task in done:
            task.result()
