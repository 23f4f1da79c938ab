# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent finds around its mysqld: the data folder's file system, and what the agent itself costs.

A file system may hang for ever. Each look at it has a thread of its own, which nobody waits for, neither a beat nor the
agent's end, and a look that hangs is not begun a second time.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Vitals

PROBE = b"altair" + bytes(4090)  # a block: less might fit into what is left of one
# Why a file cannot be written although the file system may well take writes.
NOT_ITS_FAULT = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
FRESH_BEATS = 2.0  # a look that ended longer ago tells nothing any more


def look_at_disk(folder: str, process_id: int | None, wanted: str | None, state_file: str | None) -> Vitals:
    """Blocking. ``wanted``, ``state_file``: where a file may be written, by the settings.

    Through mysqld's own eyes where it runs: the agent's unit may see the same folder mounted read-only.
    """
    seen = Vitals()
    try:
        found = os.statvfs(f"/proc/{process_id}/cwd" if process_id else folder)
        mounted_read_only = bool(process_id and found.f_flag & os.ST_RDONLY)
    except OSError:
        try:
            found, mounted_read_only = os.statvfs(folder), False
        except OSError as error:
            return replace(seen, disk_detail=f"{folder} cannot be looked at: {error.strerror}")
    used, inodes = found.f_blocks - found.f_bfree, found.f_files - found.f_ffree
    seen = replace(
        seen,
        disk_bytes_used=used * found.f_frsize,
        disk_bytes_total=(used + found.f_bavail) * found.f_frsize,
        inodes_used=inodes if found.f_files else None,
        inodes_total=inodes + found.f_favail if found.f_files else None,
    )
    if mounted_read_only:
        return replace(seen, disk_writable=False, disk_detail=f"{folder} is mounted read-only")
    probe_file = probe_file_for(folder, wanted, state_file)
    return _after_write(seen, probe_file) if probe_file else seen


def _after_write(seen: Vitals, probe_file: Path) -> Vitals:
    """Not synced: what is wanted is whether the file system takes it, and a hung disk shows in mysqld itself."""
    try:
        try:
            with suppress(FileNotFoundError):
                probe_file.unlink()
            # New, and no link followed: others may write in that folder, and the agent may be root.
            with open(os.open(probe_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(PROBE)
        finally:
            with suppress(FileNotFoundError):
                probe_file.unlink()
    except OSError as error:
        takes_none = None if error.errno in NOT_ITS_FAULT else False
        return replace(seen, disk_writable=takes_none, disk_detail=f"{probe_file} cannot be written: {error.strerror}")
    return replace(seen, disk_writable=True)


def probe_file_for(folder: str, wanted: str | None, state_file: str | None) -> Path | None:
    """None where no file may be written on the file system of ``folder``."""
    if wanted:
        return Path(wanted)
    if state_file is None:
        return None
    beside = Path(state_file).with_suffix(".probe")
    try:
        return beside if os.stat(beside.parent).st_dev == os.stat(folder).st_dev else None
    except OSError:
        return None


class Examiner:
    """``look()`` blocks, for as long as it likes; ``seconds``: after that long it counts as hung. ``now`` comes in."""

    def __init__(self, look: Callable[[], Vitals], beat_seconds: float, seconds: float) -> None:
        self._look = look
        self._fresh_seconds = FRESH_BEATS * beat_seconds
        self._seconds = seconds
        self._last = Vitals(disk_detail="not looked at yet")
        self._last_at = float("-inf")
        self._begun_at = 0.0
        self._under_way = False
        self._used = (time.monotonic(), time.process_time())

    def begin(self, now: float) -> None:
        """Look, unless a look is under way."""
        if self._under_way:
            return
        self._under_way, self._begun_at = True, now
        threading.Thread(target=self._work, args=(now,), name="disk", daemon=True).start()

    def _work(self, begun_at: float) -> None:
        try:
            self._last = self._look()
        except Exception as error:  # it must not keep the next look from being begun
            self._last = Vitals(disk_detail=f"the look failed: {error}")
        finally:
            self._last_at = begun_at
            self._under_way = False

    def seen(self, now: float) -> Vitals:
        """What the last look that ended has shown, and what the agent itself costs. Never waits."""
        return replace(self._disk(now), agent_cpu_share=self._cpu_share(), agent_memory_bytes=_resident_bytes())

    def _disk(self, now: float) -> Vitals:
        if self._under_way and now - self._begun_at >= self._seconds:
            return Vitals(disk_detail=f"the file system has not answered for {now - self._begun_at:.0f} s")
        return self._last if now - self._last_at <= self._fresh_seconds else Vitals(disk_detail=self._last.disk_detail)

    def _cpu_share(self) -> float | None:
        (before_at, before), (now_at, spent) = self._used, (time.monotonic(), time.process_time())
        if now_at <= before_at:
            return None
        self._used = (now_at, spent)
        return (spent - before) / (now_at - before_at)


def _resident_bytes() -> int | None:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None
