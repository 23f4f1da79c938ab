# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what ``mysqlbinlog`` prints: statements to execute, and the transactions they make up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .gtid import GtidSet

_GTID_NEXT = re.compile(rb"^SET @@SESSION\.GTID_NEXT= '([0-9a-fA-F-]{36}:[^']+)'", re.MULTILINE)
_PREVIOUS = re.compile(rb"Previous-GTIDs\n((?:# [0-9a-fA-F]{8}-[0-9a-fA-F-]{27}:[^\n]*\n)*)")
_DELIMITER = b"DELIMITER "
_CLIENT_CHARSET = b"/*!\\C "  # a command of the mysql client's own: how *it* should read what follows; we send bytes


def _says_something(statement: bytes) -> bool:
    lines = [line for line in statement.splitlines() if line.strip() and not line.startswith(b"#")]
    return bool(lines) and not lines[0].startswith(_CLIENT_CHARSET)


def statements(dump: bytes) -> Iterator[bytes]:
    """The statements in order, without their delimiters, as the ``mysql`` client would send them.

    A line ``DELIMITER x`` changes what ends a statement (MySQL Reference Manual, "mysqlbinlog"); lines that begin with
    ``#`` are comments.
    """
    delimiter = b";"
    gathered = bytearray()
    for line in dump.splitlines(keepends=True):
        if line.startswith(_DELIMITER):
            delimiter = line[len(_DELIMITER) :].strip()
            continue
        if not gathered and line.startswith(b"#"):
            continue
        gathered += line
        if gathered.rstrip().endswith(delimiter):
            statement = bytes(gathered.rstrip()[: -len(delimiter)])
            gathered.clear()
            if _says_something(statement):
                yield statement


def transactions(dump: bytes) -> GtidSet:
    """Every transaction that begins in the dump; the last may be cut off."""
    found = GtidSet()
    for match in _GTID_NEXT.findall(dump):
        found = found | GtidSet.parse(match.decode("ascii"))
    return found


def previous(dump: bytes) -> GtidSet:
    """What all earlier logs hold, by the first log's own header; empty when it says nothing."""
    header = _PREVIOUS.search(dump)
    if header is None:
        return GtidSet()
    text = b"".join(line.removeprefix(b"# ").strip() for line in header[1].splitlines())
    return GtidSet.parse(text.decode("ascii"))
