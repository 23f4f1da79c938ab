# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what ``mysqlbinlog`` prints: statements to execute, and the transactions they make up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from .gtid import GtidSet

_GTID_NEXT = re.compile(rb"SET @@SESSION\.GTID_NEXT= '([^']+)'")
_AUTOMATIC = b"AUTOMATIC"
ROW = b"### "  # what mysqlbinlog says of rows when it is asked for them
_PREVIOUS = re.compile(rb"Previous-GTIDs\n((?:# [0-9a-fA-F]{8}-[0-9a-fA-F-]{27}:[^\n]*\n)*)")
_DELIMITER = b"DELIMITER "
_CLIENT_CHARSET = b"/*!\\C "  # a command of the mysql client's own: how *it* should read what follows; we send bytes


def _says_something(statement: bytes) -> bool:
    lines = [line for line in statement.splitlines() if line.strip() and not line.startswith(b"#")]
    return bool(lines) and not lines[0].startswith(_CLIENT_CHARSET)


def _pieces(dump: bytes) -> Iterator[tuple[bool, bytes]]:
    """The statements in order (True), and between them the lines that tell of rows (False).

    A line ``DELIMITER x`` changes what ends a statement (MySQL Reference Manual, "mysqlbinlog"); lines that begin with
    ``#`` are comments.
    """
    delimiter = b";"
    gathered: list[bytes] = []
    for ended in BytesIO(dump):  # one after the other: a dump may be large, and an agent has other things to do
        line = ended.removesuffix(b"\n")
        if not gathered and line.startswith(_DELIMITER):
            delimiter = line[len(_DELIMITER) :].strip()
            continue
        if not gathered and (line.startswith(b"#") or not line.strip()):
            if line.startswith(ROW):
                yield False, line
            continue
        gathered.append(line)
        if line.rstrip().endswith(delimiter):
            statement = b"\n".join(gathered).rstrip()[: -len(delimiter)]
            gathered.clear()
            if _says_something(statement):
                yield True, statement


def statements(dump: bytes) -> Iterator[bytes]:
    """The statements in order, without their delimiters, as the ``mysql`` client would send them."""
    return (text for is_statement, text in _pieces(dump) if is_statement)


@dataclass(frozen=True, slots=True)
class Transaction:
    """What stands between one GTID and the next. ``gtid``: empty for what belongs to none. ``rows``: the lines that
    tell of its rows, where mysqlbinlog was asked for them."""

    gtid: str
    statements: tuple[bytes, ...]
    rows: tuple[bytes, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it was written to its end. What mysqlbinlog adds itself bears a comment and ends nothing."""
        said = [each.strip() for each in self.statements[1:]]
        if b"BEGIN" in said or any(each.startswith(b"XA START") for each in said):
            return any(each in (b"COMMIT", b"ROLLBACK") or each.startswith(b"XA PREPARE") for each in said)
        return any(acts(each) for each in said)


def acts(statement: bytes) -> bool:
    """Whether it is more than the setting of a variable or the choice of a database."""
    bare = re.sub(rb"^/\*!\d{5,6} ", b"", statement).upper()
    return not bare.startswith((b"SET ", b"USE ", b"ROLLBACK /* ADDED", b"COMMIT /* ADDED"))


def split(dump: bytes) -> Iterator[Transaction]:
    """The transactions in order, and before, between and after them what belongs to none."""
    gtid, gathered, rows = "", list[bytes](), list[bytes]()
    for is_statement, text in _pieces(dump):
        begun = _GTID_NEXT.match(text) if is_statement else None
        if begun is not None:
            if gathered:
                yield Transaction(gtid, tuple(gathered), tuple(rows))
            gtid, gathered, rows = ("" if begun[1] == _AUTOMATIC else begun[1].decode("ascii", "replace")), [], []
        (gathered if is_statement else rows).append(text)
    if gathered:
        yield Transaction(gtid, tuple(gathered), tuple(rows))


@dataclass(frozen=True, slots=True)
class Tail:
    """``found``: whole transactions. ``cut_off``: those that were not written to their end, so nobody was told that
    they are committed; no statement of theirs is among ``statements``."""

    statements: tuple[bytes, ...]
    found: GtidSet
    cut_off: GtidSet


def tail(dump: bytes) -> Tail:
    """What can be executed of a dump."""
    kept: list[bytes] = []
    found: list[str] = []
    cut_off: list[str] = []
    for each in split(dump):
        if not each.gtid or each.whole:
            kept.extend(each.statements)
        if each.gtid:
            (found if each.whole else cut_off).append(each.gtid)
    return Tail(tuple(kept), _set(found), _set(cut_off))


def _set(gtids: Sequence[str]) -> GtidSet:
    return GtidSet.parse(",".join(gtids))


def transactions(dump: bytes) -> GtidSet:
    """Every transaction that begins in the dump; the last may be cut off."""
    return _set([each.gtid for each in split(dump) if each.gtid])


def previous(dump: bytes) -> GtidSet | None:
    """What all earlier logs hold, by the first log's own header; None when that cannot be read."""
    header = _PREVIOUS.search(dump)
    if header is None:
        return None
    text = b"".join(line.removeprefix(b"# ").strip() for line in header[1].splitlines())
    return GtidSet.parse(text.decode("ascii"))
