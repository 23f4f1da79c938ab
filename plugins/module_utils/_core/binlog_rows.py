# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``mysqlbinlog --verbose --base64-output=DECODE-ROWS`` prints of the rows of each transaction.

It knows columns by their numbers only, ``@1`` being the first, and prints a value as one line: control characters are
escaped (``\\x0a``), NULL is ``NULL``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .binlog import ROW, Transaction, acts, split
from .manifest import Change, LostRow, LostTransaction

_HEAD = re.compile(rb"### (INSERT INTO|UPDATE|DELETE FROM) (\S.*?)\s*$")
_VALUE = re.compile(rb"###   (@[0-9]+)=(.*)$")
_CHANGES = {b"INSERT INTO": Change.INSERT, b"UPDATE": Change.UPDATE, b"DELETE FROM": Change.DELETE}
_FRAME = (b"BEGIN", b"COMMIT", b"ROLLBACK", b"XA ")
STATEMENT_CHARACTERS_MAX = 10_000


class Sieve:
    """Takes what is printed. Beyond ``values_max`` bytes it lets go of the rows' values and still names each row;
    beyond ``bytes_max`` it is full."""

    def __init__(self, bytes_max: int, values_max: int | None = None) -> None:
        self._bytes_max = bytes_max
        self._values_max = bytes_max if values_max is None else values_max
        self._kept = bytearray()
        self._rest = b""

    @property
    def kept(self) -> bytes:
        return bytes(self._kept) + self._rest

    def __len__(self) -> int:
        return len(self._kept) + len(self._rest)

    @property
    def full(self) -> bool:
        return len(self) > self._bytes_max

    def feed(self, chunk: bytes) -> None:
        if len(self) <= self._values_max:
            whole, line_end, rest = chunk.rpartition(b"\n")
            self._kept += self._rest + whole + line_end if line_end else b""
            self._rest = rest if line_end else self._rest + chunk
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if not line.startswith(ROW) or _HEAD.match(line):
                self._kept += line + b"\n"


@dataclass(slots=True)
class _Row:
    table: str
    change: Change
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _table(quoted: bytes) -> str:
    parts = re.findall(r"`((?:[^`]|``)+)`", _text(quoted))
    return ".".join(part.replace("``", "`") for part in parts) or _text(quoted)


def _rows(lines: Iterable[bytes]) -> Iterator[_Row]:
    """Tolerant: what is not understood is left out."""
    row: _Row | None = None
    into: dict[str, str] = {}
    column = ""
    for line in lines:
        head, value = _HEAD.match(line), _VALUE.match(line)
        if head:
            if row is not None:
                yield row
            row, into, column = _Row(_table(head[2]), _CHANGES[head[1]]), {}, ""
        elif row is None:
            continue
        elif line.rstrip() in (b"### WHERE", b"### SET"):
            into = row.before if line.rstrip().endswith(b"WHERE") else row.after
        elif value:
            column = _text(value[1])
            into[column] = _text(value[2])
        elif column and line.startswith(b"###     "):  # a JSON document that was changed in part goes over lines
            into[column] += _text(line[3:].strip())
    if row is not None:
        yield row


def decoded(dump: bytes, *, rows_max: int, bytes_max: int) -> Iterator[LostTransaction]:
    """The whole transactions of a dump with their rows. Of rows beyond the bounds there are no values: they are counted
    in ``rows_left_out`` of their transaction, and under their table."""
    rows_left, bytes_left = rows_max, bytes_max
    for each in split(dump):
        if not each.gtid or not each.whole:
            continue
        rows: list[LostRow] = []
        counts: dict[str, dict[str, int]] = {}
        left_out = 0
        for row in _rows(each.rows):
            of_table = counts.setdefault(row.table, {change.value: 0 for change in Change})
            of_table[row.change.value] += 1
            size = sum(len(name) + len(value) for half in (row.before, row.after) for name, value in half.items())
            if rows_left < 1 or size > bytes_left or not (row.before or row.after):
                left_out += 1
                continue
            rows_left, bytes_left = rows_left - 1, bytes_left - size
            rows.append(LostRow(table=row.table, change=row.change, before=row.before, after=row.after))
        yield LostTransaction(
            gtid=each.gtid, rows=tuple(rows), statements=_said(each), counts=counts, rows_left_out=left_out
        )


def _said(transaction: Transaction) -> tuple[str, ...]:
    """What it did by statement, DDL for example."""
    bare = (each.strip() for each in transaction.statements[1:])
    telling = (each for each in bare if acts(each) and not each.startswith(_FRAME))
    return tuple(_text(each)[:STATEMENT_CHARACTERS_MAX] for each in telling)
