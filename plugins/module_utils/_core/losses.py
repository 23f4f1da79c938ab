# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was lost, from what is known of the old primary and the new one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from .gtid import GtidSet
from .manifest import Change, LossAccount, LossManifest, LostTransaction, TableLoss

# So that an account stays well below half of what a znode may hold, 1 MB.
GTID_CHARACTERS_MAX = 200_000
TABLES_MAX = 400
REASON_CHARACTERS_MAX = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """All that is known of an old primary when the account is made.

    ``has``: what the new primary has executed. ``logs``: what the old one's binary logs hold beyond that, None when
    nobody can read them now; ``unread``: why, or why not to their end. ``salvaged``: what the step ``salvage``
    found beyond its candidate, None when it could not read the logs to their end. ``reported``: what the old primary
    had executed, and what its replicas had received, by reports on record.
    """

    has: GtidSet
    logs: GtidSet | None
    unread: str
    salvaged: GtidSet | None
    reported: GtidSet

    @property
    def unexplained(self) -> GtidSet:
        """Reported, and neither on the new primary nor in the logs."""
        return self.reported - self.has - (self.logs or GtidSet())


@dataclass(frozen=True, slots=True)
class Reckoning:
    """A rule: how much the findings say. ``unknown`` of them: empty when they say all."""

    learned: str
    unknown: Callable[[Findings], str]
    matches: Callable[[Findings], bool]


_NOT_HELD = "its binary logs do not hold all that it had reported; it was rebuilt, or logs were removed"

RECKONINGS: tuple[Reckoning, ...] = (
    Reckoning(
        "the old primary's binary logs were read, and lack what was reported",
        lambda _seen: _NOT_HELD,
        lambda seen: seen.logs is not None and not seen.unread and bool(seen.unexplained),
    ),
    Reckoning(
        "the old primary's binary logs were read",
        lambda _seen: "",
        lambda seen: seen.logs is not None and not seen.unread,
    ),
    Reckoning(
        "the old primary's binary logs were read in part",
        lambda seen: seen.unread,
        lambda seen: seen.logs is not None,
    ),
    Reckoning(
        "the old primary's binary logs were read when they were salvaged",
        lambda _seen: "",
        lambda seen: seen.salvaged is not None,
    ),
    Reckoning(
        "the last reports on record",
        lambda seen: seen.unread or "its host does not answer",
        lambda _seen: True,
    ),
)


def reckon(seen: Findings) -> tuple[GtidSet, Reckoning]:
    """What is lost for certain, and by what rule that is known. Every road counts: who had it once has had it."""
    had = seen.reported | (seen.logs or GtidSet()) | (seen.salvaged or GtidSet())
    return had - seen.has, next(rule for rule in RECKONINGS if rule.matches(seen))


def first_of(gtids: GtidSet, characters_max: int) -> GtidSet:
    """As much of a set as can be written with so many characters."""
    room, kept = characters_max, []
    for source, ranges in gtids.sources:
        room -= len(source) + 1
        fitting = []
        for first, last in ranges:
            room -= len(f":{first}-{last}")
            if room < 0:
                break
            fitting.append((first, last))
        if fitting:
            kept.append((source, tuple(fitting)))
    return GtidSet(tuple(kept))


def _membership(gtids: GtidSet) -> Callable[[str], bool]:
    """Whether a set holds one GTID, quickly even where it is in many pieces and the question is asked of many."""
    ranges = dict(gtids.sources)
    begins = {source: [first for first, _last in each] for source, each in gtids.sources}

    def holds(gtid: str) -> bool:
        source, _colon, number = gtid.lower().rpartition(":")
        if source not in ranges or not number.isdecimal():
            return False
        place = bisect_right(begins[source], int(number)) - 1
        return place >= 0 and int(number) <= ranges[source][place][1]

    return holds


def tables_of(transactions: Iterable[LostTransaction]) -> tuple[TableLoss, ...]:
    """The counts of all transactions together, the most changed tables first."""
    sums: dict[str, dict[str, int]] = {}
    for each in transactions:
        for table, counts in each.counts.items():
            of_table = sums.setdefault(table, dict.fromkeys((change.value for change in Change), 0))
            for change, count in counts.items():
                of_table[change] += count
    order = sorted(sums, key=lambda table: (-sum(sums[table].values()), table))
    return tuple(TableLoss(table=table, **sums[table]) for table in order)


def manifest_of(
    seen: Findings,
    transactions: Sequence[LostTransaction],
    *,
    cluster: str,
    job: str,
    old_primary: str,
    new_primary: str,
    since_at: float,
    counted_at: float,
) -> LossManifest:
    """The account, within its bounds, and the rows of what is lost, by what ``transactions`` hold of it."""
    lost, rule = reckon(seen)
    holds = _membership(lost)
    rows = tuple(each for each in transactions if holds(each.gtid))
    read = GtidSet.parse(",".join(each.gtid for each in rows))
    named, tables = first_of(lost, GTID_CHARACTERS_MAX), tables_of(rows)
    account = LossAccount(
        cluster=cluster,
        job=job,
        old_primary=old_primary,
        new_primary=new_primary,
        since_at=since_at,
        counted_at=counted_at,
        learned=rule.learned,
        lost=str(named),
        transactions=len(lost),
        gtids_left_out=len(lost) - len(named),
        unknown=rule.unknown(seen)[:REASON_CHARACTERS_MAX],
        decoded=len(rows),
        tables=tables[:TABLES_MAX],
        tables_left_out=max(len(tables) - TABLES_MAX, 0),
    )
    return LossManifest(
        account=account, transactions=rows, without_rows=str(first_of(lost - read, GTID_CHARACTERS_MAX))
    )
