# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a replica is behind, by the GTID sets that the primary's agent sends with each question to vouch.

No clocks are compared and nothing is written: a replica's agent keeps when it heard of which set, by its own monotonic
clock, and counts from the oldest one that its mysqld has not applied to the newest; docs/decisions/0010-heartbeat.md.
Times come in as arguments, in seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .gtid import GtidSet
from .observation import Heartbeat

MARKS_MAX = 256  # of how many moments the sets are kept
FRESH_BEATS = 10.0  # after that long without a word of the primary the lag is at least what it was


@dataclass(frozen=True, slots=True)
class _Mark:
    """What the primary had executed at ``at``."""

    at: float
    executed: GtidSet


class Trail:
    """What a replica's agent has heard of one primary, and what of that its mysqld has not applied yet."""

    def __init__(self, beat_seconds: float) -> None:
        self._fresh_seconds = FRESH_BEATS * beat_seconds
        self._primary = ""
        self._marks: deque[_Mark] = deque()
        self._newest: GtidSet | None = None
        self._newest_at = 0.0
        self._was_level = False

    def hear(self, primary: str, executed: GtidSet, at: float) -> None:
        """``primary`` had executed this set at ``at``. With another primary all begins anew."""
        if primary != self._primary:
            self._primary, self._newest, self._was_level = primary, None, False
            self._marks.clear()
        if self._newest is not None and at < self._newest_at:
            return  # two questions that overtook each other
        self._newest_at = at
        if executed == self._newest:
            return
        self._newest = executed
        self._marks.append(_Mark(at, executed))
        if len(self._marks) > MARKS_MAX:
            del self._marks[self._least_missed()]

    def _least_missed(self) -> int:
        """Of the marks between the oldest and the newest the one whose gap is the smallest for its age: a long lag is
        told within some hundredths of itself."""
        marks = list(self._marks)

        def gap(number: int) -> float:
            return (marks[number + 1].at - marks[number - 1].at) / (self._newest_at - marks[number].at)

        return min(range(1, len(marks) - 1), key=gap)

    def heartbeat(self, applied: GtidSet, now: float) -> Heartbeat | None:
        """How far behind a mysqld is that has executed ``applied``; None while nothing was heard of a primary."""
        if self._newest is None:
            return None
        while self._marks and self._marks[0].executed <= applied:
            self._marks.popleft()
            self._was_level = True
        oldest_at = self._marks[0].at if self._marks else self._newest_at
        return Heartbeat(
            primary=self._primary,
            lag_seconds=self._newest_at - oldest_at,
            sure=self._was_level and now - self._newest_at <= self._fresh_seconds,
        )
