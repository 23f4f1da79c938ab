# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A binary log's own bytes: whether each event is there, whole and sound, and which transactions they begin.

``mysqlbinlog`` takes whatever it cannot read in a log that was not closed for that log's end, and says nothing: after a
crash that is the newest log. So what it prints is held against this.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import StrEnum

from .gtid import GtidSet

PLAIN = b"\xfebin"
ENCRYPTED = b"\xfdbin"
# MySQL Source Code Documentation, "Binlog Event": timestamp, type, server id, length, end position, flags.
_HEADER = struct.Struct("<IBIIIH")
_FORMAT, _GTID, _PREVIOUS = 15, 33, 35
_CHECKSUM_BYTES = 4


class End(StrEnum):
    """How a log ends."""

    WHOLE = "whole"
    CUT = "cut"  # within an event: a crash leaves it so
    DAMAGED = "damaged"  # an event that is all there does not fit its checksum, or is none
    ENCRYPTED = "encrypted"


@dataclass(frozen=True, slots=True)
class Scan:
    """``offset``: where reading ended. ``gtids``: what begins before that, without a last one that is cut off, and
    without those that bear a tag. ``opened``: whether it says what earlier logs hold, before which it has nothing."""

    end: End
    offset: int
    gtids: GtidSet
    opened: bool = False


def _ending(data: memoryview, offset: int) -> End | None:
    """How the log ends if there is no whole event at ``offset``."""
    left = len(data) - offset
    header = bytes(data[offset : offset + _HEADER.size])
    if left < _HEADER.size or not any(header):  # a file system may have added zeros that were never written
        return End.CUT
    length = _HEADER.unpack(header)[3]
    if length < _HEADER.size + _CHECKSUM_BYTES:
        return End.DAMAGED
    return End.CUT if length > left else None


def _sound(event: memoryview) -> bool:
    body, checksum = event[:-_CHECKSUM_BYTES], event[-_CHECKSUM_BYTES:]
    return zlib.crc32(body) == int.from_bytes(checksum, "little")


def _gtid(event: memoryview) -> tuple[str, int]:
    begin = _HEADER.size + 1  # after one byte of flags: the UUID, then the number
    uuid = bytes(event[begin : begin + 16]).hex()
    number = int.from_bytes(event[begin + 16 : begin + 24], "little")
    return "-".join((uuid[:8], uuid[8:12], uuid[12:16], uuid[16:20], uuid[20:])), number


def _set(found: dict[str, list[list[int]]]) -> GtidSet:
    text = (f"{uuid}:" + ":".join(f"{first}-{last}" for first, last in ranges) for uuid, ranges in found.items())
    return GtidSet.parse(",".join(text))


def scan(data: memoryview) -> Scan:
    """Go through a log event by event, verifying checksums where it has them."""
    magic = bytes(data[:4])
    if magic == ENCRYPTED:
        return Scan(End.ENCRYPTED, 0, GtidSet())
    if magic != PLAIN:
        return Scan(End.CUT if PLAIN.startswith(magic) else End.DAMAGED, 0, GtidSet())
    found: dict[str, list[list[int]]] = {}
    offset, checked, opened, end = len(PLAIN), False, False, End.WHOLE
    last: list[int] | None = None
    while offset < len(data):
        ending = _ending(data, offset)
        if ending is not None:
            end = ending
            break
        _at, kind, _server, length, _next, _flags = _HEADER.unpack_from(data, offset)
        event = data[offset : offset + length]
        if kind == _FORMAT:  # its own checksum is of the log as it is when it has been closed
            checked = event[-_CHECKSUM_BYTES - 1] == 1
        elif checked and not _sound(event):
            end = End.DAMAGED
            break
        opened = opened or kind == _PREVIOUS
        if kind == _GTID:
            uuid, number = _gtid(event)
            ranges = found.setdefault(uuid, [])
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
            last = ranges[-1]
        offset += length
    return Scan(end, offset, _without(found, last if end is End.CUT else None), opened)


def _without(found: dict[str, list[list[int]]], last: list[int] | None) -> GtidSet:
    """All but the number that was found last, which ends the range ``last``."""
    if last is not None:
        last[1] -= 1
    whole = {uuid: [each for each in ranges if each[0] <= each[1]] for uuid, ranges in found.items()}
    return _set({uuid: ranges for uuid, ranges in whole.items() if ranges})
