# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arithmetic on sets of global transaction identifiers.

The text form is MySQL's: ``uuid[:tag]:first[-last][:first[-last]...]`` joined by commas, white space ignored
(MySQL Reference Manual, "GTID Format and Storage"; tags exist since 8.3).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from .errors import InvalidInput

GTIDS_SHOWN_MAX = 200  # characters of a set, in a sentence

Interval = tuple[int, int]
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TAG = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_RANGE = re.compile(r"[1-9][0-9]{0,18}(?:-[1-9][0-9]{0,18})?")
_SPACED_SEPARATOR = re.compile(r"\s*([,:-])\s*")
_NUMBER_MAX = 2**63 - 2


def _interval(text: str) -> Interval:
    first, _dash, last = text.partition("-")
    interval = int(first), int(last or first)
    if interval[0] > interval[1]:
        raise InvalidInput(f"'{text}' in a GTID set runs backwards")
    if interval[1] > _NUMBER_MAX:
        raise InvalidInput(f"'{text}' in a GTID set goes beyond the last number there is, {_NUMBER_MAX}")
    return interval


def _merge(intervals: Iterable[Interval]) -> tuple[Interval, ...]:
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def _subtract(mine: Iterable[Interval], theirs: tuple[Interval, ...]) -> Iterator[Interval]:
    begin = 0  # both are sorted: what lies before one interval lies before the next
    for interval in mine:
        first, last = interval
        while begin < len(theirs) and theirs[begin][1] < first:
            begin += 1
        place = begin
        while place < len(theirs) and theirs[place][0] <= last:
            cut_first, cut_last = theirs[place]
            if cut_first > first:
                yield first, cut_first - 1
            first, place = cut_last + 1, place + 1
        if first <= last:
            yield first, last


@dataclass(frozen=True)
class GtidSet:
    """An immutable set of transactions: ``intervals[source]`` are sorted, disjoint and not adjacent.

    ``source`` is ``uuid`` or ``uuid:tag`` in lower case.
    """

    sources: tuple[tuple[str, tuple[Interval, ...]], ...] = ()

    @classmethod
    def parse(cls, text: str) -> GtidSet:
        """Read MySQL's text form; raise InvalidInput that names the part that cannot be read."""
        found: dict[str, list[Interval]] = {}
        for item in filter(None, _SPACED_SEPARATOR.sub(r"\1", text.strip().lower()).split(",")):
            uuid, *parts = item.split(":")
            if not _UUID.fullmatch(uuid) or not parts:
                raise InvalidInput(f"'{item}' is not a GTID set: expected uuid:first-last")
            source = uuid
            for part in parts:
                if _RANGE.fullmatch(part):
                    found.setdefault(source, []).append(_interval(part))
                elif _TAG.fullmatch(part):
                    source = f"{uuid}:{part}"
                else:
                    raise InvalidInput(f"'{part}' in '{item}' is neither a GTID range nor a tag")
        return cls._from(found)

    @classmethod
    def _from(cls, intervals: dict[str, list[Interval]]) -> GtidSet:
        merged = ((source, _merge(ranges)) for source, ranges in sorted(intervals.items()))
        return cls(tuple((source, ranges) for source, ranges in merged if ranges))

    def of(self, uuids: Collection[str]) -> GtidSet:
        """What of it began on one of these servers."""
        return GtidSet(tuple(each for each in self.sources if each[0].partition(":")[0] in uuids))

    def __or__(self, other: GtidSet) -> GtidSet:
        union = {source: list(ranges) for source, ranges in self.sources}
        for source, ranges in other.sources:
            union.setdefault(source, []).extend(ranges)
        return self._from(union)

    def __sub__(self, other: GtidSet) -> GtidSet:
        cut = dict(other.sources)
        return self._from({source: list(_subtract(ranges, cut.get(source, ()))) for source, ranges in self.sources})

    def __and__(self, other: GtidSet) -> GtidSet:
        return self - (self - other)

    def __le__(self, other: GtidSet) -> bool:
        return not self - other

    def __bool__(self) -> bool:
        return bool(self.sources)

    def __len__(self) -> int:
        return sum(last - first + 1 for _source, ranges in self.sources for first, last in ranges)

    def __str__(self) -> str:
        return ",".join(
            f"{source}:" + ":".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
            for source, ranges in self.sources
        )


def shortened(gtids: GtidSet) -> str:
    """For people: the beginning, where it is long."""
    text = str(gtids)
    return text if len(text) <= GTIDS_SHOWN_MAX else f"{text[:GTIDS_SHOWN_MAX]}..."
