# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet breaker: when too many primaries are in trouble at once the fault is not theirs, and nobody is promoted."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetBreaker:
    """Nobody is promoted while too many primaries have been suspected or replaced within ``window_seconds``.

    A suspicion that was refuted does not count. Too many is more than ``primaries_max`` and more than the share
    ``share_max`` of all clusters.
    """

    primaries_max: int = 3
    share_max: float = 0.2
    window_seconds: float = 120.0

    def __post_init__(self) -> None:
        for holds, sentence in (
            (self.primaries_max >= 1, "primaries_max must be 1 or more, or no failover would ever be allowed"),
            (0 <= self.share_max <= 1, "share_max must be from 0 to 1"),
            (10 <= self.window_seconds <= 86400, "window_seconds must be from 10 to 86400"),
        ):
            if not holds:
                raise ValueError(sentence)

    def allowed(self, clusters: int) -> int:
        """How many primaries may be in trouble at once in a fleet of that many clusters."""
        return max(self.primaries_max, int(self.share_max * clusters))

    def still_counts(self, at: float, now_at: float) -> bool:
        """Whether trouble last noted at ``at`` lies within the window; clocks may differ either way."""
        return abs(now_at - at) < self.window_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """A primary is suspected and not refuted, or was replaced, at ``at`` (wall clock), by the word of ``noted_by``."""

    cluster: str
    primary: str
    at: float
    noted_by: str
