# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tail of this node's binary logs: read with ``mysqlbinlog`` checksums verified, dead mysqld or not."""

from __future__ import annotations

import asyncio
import base64
import logging
import mmap
import time
import zlib
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog import previous, transactions
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog_file import End, Scan, scan
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog_rows import Sieve
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import SalvageAnswer

log = logging.getLogger(__name__)

DUMP_BYTES_MAX = 128 * 1024 * 1024
ROWS_BYTES_MAX = 32 * 1024 * 1024  # of rows in readable form; beyond that they are named without their values
CHUNK_BYTES = 1024 * 1024


def find_index(known: str, data_folder: str) -> Path:
    """The index of the binary logs: as the server said while it lived, else the only one in its data folder."""
    if known:
        return Path(data_folder, known)  # it may be relative to that
    found = [path for path in Path(data_folder).glob("*.index") if "relay" not in path.name]
    if len(found) != 1:
        raise Unavailable(
            f"{data_folder} holds {len(found)} indexes of binary logs; which is the server's is not known"
        )
    return found[0]


def listed(index: Path) -> list[Path]:
    """The logs, oldest first; raises Unavailable when the index cannot be read."""
    try:
        lines = index.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise Unavailable(f"the index of binary logs {index} cannot be read: {error.strerror}") from None
    return [index.parent / line.strip() for line in lines if line.strip()]


class _Look:
    """One reading of a node's logs, from the newest backwards, that has to be over at ``by`` on the monotonic clock."""

    def __init__(self, program: str, have: GtidSet, by: float, *, rows: bool) -> None:
        self._program = program
        self._have = have
        self._by = by
        self._rows = rows
        self.bytes = 0

    @property
    def _left(self) -> float:
        return max(self._by - time.monotonic(), 0.0)

    def late(self, path: Path) -> Unavailable:
        return Unavailable(f"there was no time to read {path} to its end; give mysqld.salvage_seconds more")

    async def scan(self, path: Path) -> Scan:
        """Of a log's own bytes, in a thread that is left behind if the disk hangs."""
        try:
            return await asyncio.wait_for(asyncio.to_thread(_scan, path), self._left)
        except TimeoutError:
            raise self.late(path) from None

    async def dump(self, path: Path) -> tuple[bytes, str]:
        """What mysqlbinlog prints of one log beyond what is had, and its last complaint if it has failed."""
        sieve = Sieve(DUMP_BYTES_MAX - self.bytes, ROWS_BYTES_MAX - self.bytes if self._rows else None)
        command = [self._program, "--no-defaults", "--verify-binlog-checksum"]
        command += ["--verbose", "--base64-output=DECODE-ROWS"] if self._rows else []
        command += [f"--exclude-gtids={self._have}"] if self._have else []
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise Unavailable(f"{self._program} cannot be started: {error.strerror}; set mysqld.mysqlbinlog") from None
        try:
            async with asyncio.timeout(self._left):
                complaint = await _listen(process, sieve)
        except TimeoutError:
            raise self.late(path) from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        self.bytes += len(sieve)
        lines = complaint.decode("utf-8", "replace").strip().splitlines()
        failed = process.returncode != 0
        return sieve.kept, (lines[-1] if lines else f"exit code {process.returncode}") if failed else ""


def _scan(path: Path) -> Scan:
    """Blocking."""
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return scan(memoryview(b""))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as data:
                return scan(data)
    except OSError as error:
        raise Unavailable(f"the binary log {path} cannot be read: {error.strerror}") from None


async def _listen(process: asyncio.subprocess.Process, sieve: Sieve) -> bytes:
    """Until it ends; what it complains of."""
    printed, complained = process.stdout, process.stderr
    if printed is None or complained is None:
        raise Unavailable("mysqlbinlog was started without pipes")
    complaint = asyncio.create_task(complained.read())
    try:
        while chunk := await printed.read(CHUNK_BYTES):
            sieve.feed(chunk)
            if sieve.full:
                raise Unavailable(f"the binary logs hold more than {DUMP_BYTES_MAX} bytes that the candidate lacks")
        await process.wait()
        return await complaint
    finally:
        complaint.cancel()


def _pack(dump: bytes) -> str:
    """Blocking."""
    return base64.b64encode(zlib.compress(dump, 1)).decode("ascii")


def _unread(path: Path, ending: Scan, missing: GtidSet, complaint: str) -> str:
    """Why the end of the newest log is not known; empty when it is."""
    if ending.end is End.DAMAGED:
        return f"{path} is damaged from offset {ending.offset} on, so what it held there is not known"
    if missing:
        why = complaint or "it does not say why; is it older than the server?"
        return f"mysqlbinlog does not print all that {path} holds: {why}"
    if complaint and ending.end is End.WHOLE:
        return f"mysqlbinlog has not read {path} to its end: {complaint}"
    return ""


async def salvage(program: str, index: Path, have: GtidSet, seconds: float, *, rows: bool = False) -> SalvageAnswer:
    """Everything beyond ``have``, from the newest log backwards until an earlier one can hold nothing new.

    ``seconds`` are for all of it. Unavailable when what is there cannot be told; of the newest log the end may be
    missing, and the answer says so.
    """
    look = _Look(program, have, time.monotonic() + seconds, rows=rows)
    logs = listed(index)
    if not logs:
        raise Unavailable(f"the index of binary logs {index} names none")
    newest_dump = asyncio.create_task(look.dump(logs[-1]))  # beside the scan: both read all of it
    try:
        return await _salvage(look, logs, have, newest_dump)
    finally:
        newest_dump.cancel()
        await asyncio.gather(newest_dump, return_exceptions=True)


async def _salvage(
    look: _Look, logs: list[Path], have: GtidSet, newest_dump: asyncio.Task[tuple[bytes, str]]
) -> SalvageAnswer:
    begun = logs[-1]
    ending = await look.scan(begun)
    while ending.end is End.CUT and not ending.opened and len(logs) > 1:  # begun in the moment of the crash
        logs.pop()
        ending = await look.scan(logs[-1])
    newest = logs[-1]
    if ending.end is End.ENCRYPTED:
        raise Unavailable(f"{newest} is encrypted, and mysqlbinlog reads no encrypted log from a file")
    dumps: list[bytes] = []
    complaint, earlier = "", GtidSet()
    for path in reversed(logs):
        printed, complained = await (newest_dump if path == begun else look.dump(path))
        header = previous(printed)
        if path == newest:
            complaint = complained
        if header is None:
            raise Unavailable(f"{path} cannot be read: {complained or 'it has no header'}")
        if path != newest and complained:
            raise Unavailable(f"{path} cannot be read whole: {complained}")
        dumps.insert(0, printed)
        earlier = header
        if earlier <= have:
            break
    dump = b"".join(dumps)
    found = await asyncio.to_thread(transactions, dump)
    missing = ending.gtids - have - found
    return SalvageAnswer(
        dump=await asyncio.to_thread(_pack, dump),
        truncated=ending.end is End.CUT,
        detail=complaint,
        purged=str(earlier - have - found),
        missing=str(missing),
        unread=_unread(newest, ending, missing, complaint),
    )
