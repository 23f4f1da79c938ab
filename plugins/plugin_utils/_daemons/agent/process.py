# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mysqld process beside the agent: found by its pid file, held by a pidfd, its absence proven by InnoDB's lock."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import data_folder as folder
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.data_folder import has_exited
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.work import Effort

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_DYING = 0x4 | 0x400  # of linux/sched.h: PF_EXITING, and PF_SIGNALED, which one that writes its core file has, too


class MysqldProcess:
    """Follows mysqld through deaths and restarts. One instance a data folder."""

    def __init__(self, pid_file: str, data_folder: str) -> None:
        self._pid_file = Path(pid_file)
        self._data_folder = Path(data_folder)
        self._handle: int | None = None
        self._gone: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._saw_exit = False
        self.process_id: int | None = None

    @property
    def state(self) -> ProcessState:
        """RUNNING while the pidfd says so; EXITED when its exit was seen or nobody holds the data folder; else UNKNOWN.

        A successor that boots holds the folder's lock before it has written its pid file. Until it is found, the exit
        that was seen stays the truth.
        """
        if self._handle is not None:
            return ProcessState.EXITED if has_exited(self._handle) else ProcessState.RUNNING
        return ProcessState.EXITED if self._saw_exit or folder.is_free(self._data_folder) else ProcessState.UNKNOWN

    def find(self) -> bool:
        """Look for a running mysqld and hold on to it; False when there is none to be found."""
        self.release()
        found = folder.hold(self._pid_file, self._data_folder)
        if found is None:
            return False
        self.process_id, self._handle = found
        self._saw_exit = False
        return True

    def effort(self, now: float) -> Effort | None:
        """What the process that is held has used until now, all its threads together; None where it cannot be told."""
        if self._handle is None or self.process_id is None:
            return None
        try:
            stat = Path(f"/proc/{self.process_id}/stat").read_bytes()
            # After the name in brackets, which may hold anything: the state, and proc(5)'s fields from the fourth on.
            fields = stat[stat.rindex(b")") + 1 :].split()
            flags, ticks = int(fields[6]), int(fields[11]) + int(fields[12])
        except (OSError, ValueError, IndexError):
            return None
        if has_exited(self._handle):
            return None  # the number may have been another's already
        return Effort(now, ticks * _TICK_SECONDS, dying=bool(flags & _DYING))

    async def exited(self) -> None:
        """Return as soon as the process that was found is gone; any number may wait."""
        if self._handle is None:
            return
        if self._gone is None:
            # One watch for all who wait: the loop keeps a single callback for a descriptor.
            self._gone = asyncio.Event()
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._handle, self._note_exit, self._handle)
        await self._gone.wait()

    def _note_exit(self, handle: int) -> None:
        if self._gone is not None and self._loop is not None and not self._gone.is_set():
            self._loop.remove_reader(handle)
            self._gone.set()

    def kill(self) -> None:
        """SIGKILL through the pidfd: it cannot hit another process. Nothing happens when none is held."""
        if self._handle is not None:
            folder.kill(self._handle)

    def release(self) -> None:
        if self._handle is not None:
            self._saw_exit = has_exited(self._handle)
            self._note_exit(self._handle)
            os.close(self._handle)
        self._handle = self._gone = self._loop = self.process_id = None
