# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which replica to promote, and why not the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .gtid import GtidSet


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One replica after it has caught up. ``server_version`` compares as a tuple, for example (9, 7, 4)."""

    name: str
    reachable: bool
    allowed: bool
    drained: bool
    executed: GtidSet
    server_version: tuple[int, ...]
    in_maintenance: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One row of the table of reasons. ``matches(contender, all)``."""

    because: str
    matches: Callable[[Contender, tuple[Contender, ...]], bool]


def _oldest_live_version(contenders: tuple[Contender, ...]) -> tuple[int, ...]:
    return min(each.server_version[:2] for each in contenders if each.reachable)


EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion("it cannot be reached", lambda one, _all: not one.reachable),
    Exclusion("its owners marked it as not a candidate", lambda one, _all: not one.allowed),
    Exclusion("it is in maintenance", lambda one, _all: one.in_maintenance),
    Exclusion("it has received transactions that it has not applied", lambda one, _all: not one.drained),
    Exclusion(
        "it runs a newer server than a replica that would follow it",
        lambda one, everybody: one.server_version[:2] > _oldest_live_version(everybody),
    ),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """``name`` is None when nobody can be promoted. ``excluded``: name → reason. ``missing``: name → transactions that
    another live replica has and the named one lacks."""

    name: str | None
    excluded: dict[str, str]
    missing: dict[str, int]
    because: str


def _why_excluded(one: Contender, everybody: tuple[Contender, ...]) -> str | None:
    return next((row.because for row in EXCLUSIONS if row.matches(one, everybody)), None)


def choose(contenders: Iterable[Contender]) -> Choice:
    """The allowed replica that lacks the fewest transactions of what any live replica has; ties go by name."""
    everybody = tuple(sorted(contenders, key=lambda one: one.name))
    union = GtidSet()
    for one in everybody:
        if one.reachable:
            union = union | one.executed
    missing = {one.name: len(union - one.executed) for one in everybody if one.reachable}
    excluded: dict[str, str] = {}
    eligible: list[Contender] = []
    for one in everybody:
        reason = _why_excluded(one, everybody)
        if reason is None:
            eligible.append(one)
        else:
            excluded[one.name] = f"{reason}: {one.detail}" if one.detail else reason
    if not eligible:
        return Choice(None, excluded, missing, "no replica can be promoted")
    best = min(eligible, key=lambda one: (missing[one.name], one.name))
    if missing[best.name]:
        because = (
            f"{best.name} lacks {missing[best.name]} transactions that another replica has; it catches up from it first"
        )
    else:
        because = f"{best.name} has every transaction that any live replica has"
    return Choice(best.name, excluded, missing, because)
