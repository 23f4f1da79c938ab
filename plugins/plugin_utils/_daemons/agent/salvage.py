# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tail of this node's binary logs: read with ``mysqlbinlog`` while mysqld is dead, checksums verified."""

from __future__ import annotations

import asyncio
import base64
import logging
import zlib
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog import previous
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import SalvageAnswer

log = logging.getLogger(__name__)

DUMP_BYTES_MAX = 128 * 1024 * 1024


def find_index(known: str, data_folder: str) -> Path:
    """The index of the binary logs: as the server said while it lived, else the only one in its data folder."""
    if known:
        return Path(known)
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


async def _dump(program: str, path: Path, have: GtidSet, seconds: float) -> tuple[bytes, bool, str]:
    command = [program, "--no-defaults", "--verify-binlog-checksum"]
    if have:
        command.append(f"--exclude-gtids={have}")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            str(path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise Unavailable(f"{program} cannot be started: {error.strerror}; set mysqld.mysqlbinlog") from None
    try:
        printed, complaint = await asyncio.wait_for(process.communicate(), seconds)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise Unavailable(f"{program} has not read {path} within {seconds:g} s") from None
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return printed, process.returncode != 0, lines[-1] if lines and process.returncode else ""


async def salvage(program: str, index: Path, have: GtidSet, seconds: float) -> SalvageAnswer:
    """Everything beyond ``have``, from the newest log backwards until an earlier one can hold nothing new."""
    dumps: list[bytes] = []
    truncated, detail = False, ""
    for path in reversed(listed(index)):
        printed, failed, complaint = await _dump(program, path, have, seconds)
        if not dumps:
            truncated, detail = failed, complaint
        elif failed:
            raise Unavailable(f"{path} cannot be read whole: {complaint}")
        dumps.insert(0, printed)
        if sum(map(len, dumps)) > DUMP_BYTES_MAX:
            raise Unavailable(f"the binary logs hold more than {DUMP_BYTES_MAX} bytes that the candidate lacks")
        if previous(printed) <= have:
            break
    packed = await asyncio.to_thread(zlib.compress, b"".join(dumps), 1)
    return SalvageAnswer(dump=base64.b64encode(packed).decode("ascii"), truncated=truncated, detail=detail)
