# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a mysqld runs on a data folder, and which process that is; by Linux's own means.

A pid file may be stale and its number reused, so a process counts as mysqld only when it works in the data folder:
mysqld changes to it at start. That no mysqld runs there is proven by the lock that InnoDB holds on ``ibdata1`` for as
long as it lives (fcntl(2): F_GETLK asks without taking it).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
from pathlib import Path

_FLOCK = struct.Struct("hhqqi4x")  # struct flock on 64-bit Linux: type, whence, start, len, pid


def is_free(data_folder: Path) -> bool:
    """Whether nobody holds InnoDB's lock; False where that cannot be told."""
    try:
        with open(data_folder / "ibdata1", "rb") as space:
            wanted = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            found = fcntl.fcntl(space, fcntl.F_GETLK, wanted)
    except OSError:
        return False
    return bool(_FLOCK.unpack(found)[0] == fcntl.F_UNLCK)


def hold(pid_file: Path, data_folder: Path) -> tuple[int, int] | None:
    """The mysqld that runs: its process id and a pidfd, to be closed; None when there is none to be found."""
    try:
        process_id = int(pid_file.read_text(encoding="ascii").strip())
        handle = os.pidfd_open(process_id)
    except (OSError, ValueError, OverflowError):
        return None
    # The handle is taken before the look, so a number reused in between cannot be mistaken for mysqld.
    if not _works_in(process_id, data_folder) or has_exited(handle):
        os.close(handle)
        return None
    return process_id, handle


def kill(handle: int) -> None:
    """SIGKILL through the pidfd: it cannot hit another process."""
    if not has_exited(handle):
        signal.pidfd_send_signal(handle, signal.SIGKILL)


def has_exited(handle: int, seconds: float = 0.0) -> bool:
    """Whether the process is gone, or goes within ``seconds``."""
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    return bool(poller.poll(seconds * 1000))


def _works_in(process_id: int, data_folder: Path) -> bool:
    try:
        return os.path.samefile(f"/proc/{process_id}/cwd", data_folder)
    except OSError:
        return False
