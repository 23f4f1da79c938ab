# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who votes on a primary's lease, and how that changes: one change at a time, acknowledged by the primary's agent."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from .znodes import Voters


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the monitor that watches the primary knows. ``reported_version``: what its agent says that it goes by.

    ``others``: every other registered node; ``silent``: those of them whose agents do not report.
    """

    record: Voters | None
    primary: str
    reported_version: int
    others: tuple[str, ...]
    silent: Collection[str]

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(name for name in self.others if name not in self.silent)


@dataclass(frozen=True, slots=True)
class Change:
    """One row: the first that matches says what becomes of the record."""

    because: str
    matches: Callable[[Standing, Voters], bool]
    result: Callable[[Standing, Voters], Voters]


CHANGES: tuple[Change, ...] = (
    Change(
        "a new primary: every other node votes once its agent knows",
        lambda now, record: record.primary != now.primary,
        lambda now, record: Voters(
            primary=now.primary, version=max(record.version, now.reported_version) + 1, names=now.others, former=()
        ),
    ),
    Change(
        "the primary's agent goes by these voters",
        lambda now, record: record.former is not None and now.reported_version == record.version,
        lambda _now, record: replace(record, former=None),
    ),
    Change(
        "the primary's agent has forgotten its voters",
        lambda now, record: record.former is None and now.reported_version < record.version,
        lambda _now, record: replace(record, former=()),
    ),
    Change(
        "a voter is dead, or is back",
        lambda now, record: record.former is None and set(now.wanted) != set(record.names),
        lambda now, record: replace(record, version=record.version + 1, names=now.wanted, former=record.names),
    ),
)


def change(now: Standing) -> tuple[Voters, str] | None:
    """What the record must become, and why; None when it is right."""
    record = now.record or Voters(primary="", version=0, names=())
    row = next((row for row in CHANGES if row.matches(now, record)), None)
    return None if row is None else (row.result(now, record), row.because)
