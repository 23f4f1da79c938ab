# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every group of settings is made of: bounds of a value, and a class that checks itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, get_type_hints


@dataclass(frozen=True, slots=True)
class Within:
    """Bounds of a number, both allowed."""

    low: float
    high: float

    def fault(self, value: float) -> str:
        return "" if self.low <= value <= self.high else f"must be from {self.low:g} to {self.high:g}"


@dataclass(frozen=True, slots=True)
class Matching:
    """A pattern that a text, or each text of a list, must match whole; ``form`` says it for people."""

    pattern: str
    form: str

    def fault(self, value: str | tuple[str, ...]) -> str:
        texts = (value,) if isinstance(value, str) else value
        held = bool(texts) and all(re.fullmatch(self.pattern, text) for text in texts)
        return "" if held else f"must be {self.form}"


Name = Annotated[str, Matching(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "lower-case letters, digits and inner hyphens")]
Text = Annotated[str, Matching(r"(?s).+", "a text that is not empty")]
Port = Annotated[int, Within(1, 65535)]


class Checked:
    """What every group of settings has: no unknown key (pydantic reads this from the class), and its own bounds."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for mark in getattr(hint, "__metadata__", ()):
                fault = mark.fault(getattr(self, name))
                if fault:
                    raise ValueError(f"{name} {fault}")
