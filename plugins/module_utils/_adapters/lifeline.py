# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process lives, by a lock that it holds on a file: the kernel lets go of it, however the process dies.

flock(2) belongs to the open file: it is gone with the last thread of the holder, and programs that the holder starts do
not get it, because Python's files are closed when a program is executed.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from .._core.errors import InvalidInput

_AGAIN_SECONDS = 0.01


def _open(path: Path) -> int:
    try:
        os.makedirs(path.parent, mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise InvalidInput(f"the lock {path} cannot be made: {error.strerror}") from None


def hold(path: Path, seconds: float) -> int:
    """Take the lock for as long as this process lives; the descriptor is to be kept. InvalidInput when another has it.

    ``seconds``: how long to try. Those who only look take it for an instant.
    """
    descriptor = _open(path)
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(_AGAIN_SECONDS)
                continue
            os.close(descriptor)
            raise InvalidInput(
                f"the lock {path} is held by another process; stop the agent that runs already"
            ) from None
        return descriptor


def is_held(path: Path) -> bool:
    """Whether somebody lives who holds it."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until_free(path: Path) -> None:
    """Blocks until whoever holds it is dead; for a thread of its own."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)
