# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL option files, read as the server's own programs read them (MySQL Reference Manual, "Using Option Files")."""

from __future__ import annotations

import re

_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "r": "\r", "s": " ", "\\": "\\", '"': '"', "'": "'"}


def _without_comment(value: str) -> str:
    """Up to the first # that stands outside quotes."""
    quote, escaped = "", False
    for index, letter in enumerate(value):
        if letter in "'\"" and not escaped:
            quote = "" if quote == letter else quote or letter
        if letter == "#" and not quote:
            return value[:index]
        escaped = bool(quote) and letter == "\\" and not escaped
    return value


def _value(raw: str) -> str:
    value = _without_comment(raw).strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        value = value[1:-1]
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), value)


def options_of(group: str, text: str) -> dict[str, str]:
    """The options of one group, the last word on each; raise ValueError when ``text`` is not an option file."""
    found: dict[str, str] = {}
    current = None
    for line in map(str.strip, text.splitlines()):
        if not line or line[0] in "#;!":
            continue
        if line.startswith("["):
            current, bracket, _rest = line[1:].partition("]")
            if not bracket:
                raise ValueError("a group's name is not closed")
        elif current is None:
            raise ValueError("an option stands before any group")
        elif current == group:
            name, _equals, raw = line.partition("=")
            found[_without_comment(name).strip()] = _value(raw)
    return found
