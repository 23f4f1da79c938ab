# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mysqld process beside the agent: found by its pid file, held by a pidfd, its absence proven by InnoDB's lock.

A pid file may be stale and its number reused, so a process counts as mysqld only when it works in the data folder:
mysqld changes to it at start. That no mysqld runs there is proven by the lock that InnoDB holds on ``ibdata1`` for as
long as it lives (fcntl(2): F_GETLK asks without taking it).
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import signal
import struct
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.work import Effort

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_DYING = 0x4 | 0x400  # of linux/sched.h: PF_EXITING, and PF_SIGNALED, which one that writes its core file has, too
_FLOCK = struct.Struct("hhqqi4x")  # struct flock on 64-bit Linux: type, whence, start, len, pid


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
            return ProcessState.EXITED if _has_exited(self._handle) else ProcessState.RUNNING
        return ProcessState.EXITED if self._saw_exit or self._data_folder_is_free() else ProcessState.UNKNOWN

    def find(self) -> bool:
        """Look for a running mysqld and hold on to it; False when there is none to be found."""
        self.release()
        try:
            process_id = int(self._pid_file.read_text(encoding="ascii").strip())
            handle = os.pidfd_open(process_id)
        except (OSError, ValueError, OverflowError):
            return False
        # The handle is taken before the look, so a number reused in between cannot be mistaken for mysqld.
        if not self._works_in_data_folder(process_id) or _has_exited(handle):
            os.close(handle)
            return False
        self._handle, self.process_id, self._saw_exit = handle, process_id, False
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
        if _has_exited(self._handle):
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
        if self._handle is not None and not _has_exited(self._handle):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    def release(self) -> None:
        if self._handle is not None:
            self._saw_exit = _has_exited(self._handle)
            self._note_exit(self._handle)
            os.close(self._handle)
        self._handle = self._gone = self._loop = self.process_id = None

    def _works_in_data_folder(self, process_id: int) -> bool:
        try:
            return os.path.samefile(f"/proc/{process_id}/cwd", self._data_folder)
        except OSError:
            return False

    def _data_folder_is_free(self) -> bool:
        try:
            with open(self._data_folder / "ibdata1", "rb") as space:
                wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                found = fcntl.fcntl(space, fcntl.F_GETLK, wanted)
        except OSError:
            return False
        return bool(_FLOCK.unpack(found)[0] == fcntl.F_UNLCK)


def _has_exited(handle: int) -> bool:
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(0))
