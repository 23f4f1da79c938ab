"""A binary log's bytes: where it ends, whether that is a crash's doing or damage, and what it began before that."""

from __future__ import annotations

import struct
import zlib

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog_file import End, scan
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet

UUID = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER = "bbbbbbbb-0000-4000-8000-000000000002"
FORMAT, QUERY, GTID, PREVIOUS, TAGGED = 15, 2, 33, 35, 42


def event(kind: int, body: bytes, checked: bool = True) -> bytes:
    header = struct.pack("<IBIIIH", 1795314180, kind, 11, 19 + len(body) + 4 * checked, 0, 0)
    whole = header + body
    return whole + struct.pack("<I", zlib.crc32(whole)) if checked else whole


def gtid(number: int, uuid: str = UUID, checked: bool = True) -> bytes:
    body = b"\x01" + bytes.fromhex(uuid.replace("-", "")) + struct.pack("<q", number) + b"\x02" + bytes(16)
    return event(GTID, body, checked)


def described(checked: bool = True) -> bytes:
    """The description of the format says last which checksum the log has; its own is as if the log had been closed."""
    body = struct.pack("<H50sI", 4, b"9.7.4", 0) + bytes(41) + bytes([checked])
    return b"\xfebin" + event(FORMAT, body)[:-4] + b"????" + event(PREVIOUS, bytes(8), checked)


LOG = described() + gtid(1) + event(QUERY, b"BEGIN") + gtid(2) + event(QUERY, b"BEGIN") + gtid(7, OTHER)
LOG += event(QUERY, b"CREATE TABLE t (a INT)") + event(TAGGED, b"of another form")


def test_a_whole_log_ends_whole_and_its_transactions_are_named() -> None:
    found = scan(memoryview(LOG))
    assert (found.end, found.offset) == (End.WHOLE, len(LOG))
    assert found.gtids == GtidSet.parse(f"{UUID}:1-2,{OTHER}:7")


def test_wherever_a_log_is_cut_that_is_said_and_never_called_damage() -> None:
    ends = {4}
    offset = 4
    while offset < len(LOG):
        offset += struct.unpack_from("<I", LOG, offset + 9)[0]
        ends.add(offset)
    for size in range(len(LOG)):
        found = scan(memoryview(LOG[:size]))
        assert found.end is (End.WHOLE if size in ends else End.CUT), size
        assert found.offset <= size


def test_a_log_is_open_once_it_says_what_earlier_ones_hold() -> None:
    assert scan(memoryview(LOG)).opened
    assert not scan(memoryview(described()[:-1])).opened
    assert not scan(memoryview(b"")).opened


def test_of_a_log_that_is_cut_the_last_transaction_is_not_counted() -> None:
    cut = described() + gtid(1) + event(QUERY, b"BEGIN") + gtid(2) + event(QUERY, b"BEGIN")[:-3]
    assert scan(memoryview(cut)).gtids == GtidSet.parse(f"{UUID}:1")
    only = described() + gtid(5) + event(QUERY, b"BEGIN")[:-3]
    assert scan(memoryview(only)).gtids == GtidSet()


def test_zeros_that_were_never_written_are_an_end_that_is_cut() -> None:
    found = scan(memoryview(LOG + bytes(4096)))
    assert (found.end, found.offset) == (End.CUT, len(LOG))


@pytest.mark.parametrize("bit", [1, 128])
def test_a_changed_byte_is_damage_from_its_event_on(bit: int) -> None:
    begin = LOG.index(b"CREATE TABLE") - 19
    spoiled = bytearray(LOG)
    spoiled[begin + 25] ^= bit
    found = scan(memoryview(bytes(spoiled)))
    assert (found.end, found.offset) == (End.DAMAGED, begin)
    assert found.gtids == GtidSet.parse(f"{UUID}:1-2,{OTHER}:7")


def test_an_event_that_is_too_short_to_be_one_is_damage() -> None:
    assert scan(memoryview(LOG + struct.pack("<IBIIIH", 1, QUERY, 11, 5, 0, 0))).end is End.DAMAGED


def test_a_log_without_checksums_is_read_without_them() -> None:
    log = described(checked=False) + gtid(3, checked=False) + event(QUERY, b"BEGIN", checked=False)
    found = scan(memoryview(log))
    assert (found.end, found.gtids) == (End.WHOLE, GtidSet.parse(f"{UUID}:3"))


@pytest.mark.parametrize(
    ("begin", "end"),
    [(b"", End.CUT), (b"\xfeb", End.CUT), (b"\xfdbin" + bytes(600), End.ENCRYPTED), (b"not a log", End.DAMAGED)],
)
def test_what_is_no_log_or_none_yet_is_told_by_how_it_begins(begin: bytes, end: End) -> None:
    assert scan(memoryview(begin)).end is end
