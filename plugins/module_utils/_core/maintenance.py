# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance: an operator's word that a cluster, or one node of it, is being worked on until a named moment.

What dies meanwhile is seen and said; nobody is promoted without a person's word. Times are wall-clock seconds since
1970: a maintenance outlives machines, and people plan it by the clock on the wall.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Maintenance:
    """One maintenance of ``node``, or of the whole cluster (None). It ends by itself at ``until_at``."""

    node: str | None
    until_at: float
    reason: str
    by: str
    begun_at: float

    def __post_init__(self) -> None:
        if self.until_at <= self.begun_at:
            raise ValueError("a maintenance must end after it begins")

    @property
    def what(self) -> str:
        return f"node {self.node}" if self.node else "the cluster"

    def active(self, now_at: float) -> bool:
        return now_at < self.until_at


@dataclass(frozen=True, kw_only=True, slots=True)
class MaintenancePlan:
    """All that is on record of a cluster, what has ended included until the next change."""

    entries: tuple[Maintenance, ...] = ()

    def of(self, node: str | None) -> Maintenance | None:
        return next((each for each in self.entries if each.node == node), None)

    def of_node(self, node: str, now_at: float) -> bool:
        """Whether that very node, and not only its cluster, is worked on: then it is nobody to promote."""
        found = self.of(node)
        return found is not None and found.active(now_at)

    def covering(self, node: str, now_at: float) -> Maintenance | None:
        """What holds for ``node`` now; of several, what ends last."""
        holding = [each for each in self.entries if each.node in (None, node) and each.active(now_at)]
        return max(holding, key=lambda each: each.until_at, default=None)

    def with_entry(self, entry: Maintenance, now_at: float) -> MaintenancePlan:
        """The plan with ``entry`` in place of an earlier one of the same scope; what has ended is dropped."""
        return MaintenancePlan(entries=(*self._kept(entry.node, now_at), entry))

    def without(self, node: str | None, now_at: float) -> MaintenancePlan:
        """The plan without the entry of that scope; what has ended is dropped."""
        return MaintenancePlan(entries=tuple(self._kept(node, now_at)))

    def _kept(self, node: str | None, now_at: float) -> Iterable[Maintenance]:
        return [each for each in self.entries if each.node != node and each.active(now_at)]
