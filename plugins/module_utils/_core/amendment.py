# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may not be changed in a cluster's description, and when: the first row that matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .cluster import ClusterSpec
from .znodes import Job


@dataclass(frozen=True, kw_only=True, slots=True)
class Amendment:
    """``primary``: by the record. ``job``: the one that is open, if any."""

    before: ClusterSpec
    after: ClusterSpec
    primary: str
    job: Job | None = None

    @property
    def cluster(self) -> str:
        return self.after.cluster

    @property
    def dealt_with(self) -> tuple[str, ...]:
        """The nodes on whose addresses the open job acts: the one that it replaces, and the one it has chosen."""
        if self.job is None:
            return ()
        return tuple(name for name in (self.job.old_primary, self.job.candidate) if name)

    @property
    def lost(self) -> str:
        """The first of them that would be left out; empty where none would."""
        return next((name for name in self.dealt_with if name not in self.after.names), "")

    @property
    def moved(self) -> str:
        """The first of them that would be called at another address or port; empty where none would."""
        return next((name for name in self.dealt_with if _place(self.before, name) != _place(self.after, name)), "")


def _place(spec: ClusterSpec, name: str) -> tuple[str, int, int] | None:
    return next(((node.address, node.port, node.agent_port) for node in spec.nodes if node.name == name), None)


@dataclass(frozen=True, slots=True)
class Row:
    """``sentence``: filled in from the amendment."""

    matches: Callable[[Amendment], bool]
    sentence: str


ROWS: tuple[Row, ...] = (
    Row(
        lambda wish: bool(wish.lost),
        "job {wish.job.id} of cluster {wish.cluster} is open and deals with {wish.lost}; leave that node in until"
        " it has ended",
    ),
    Row(
        lambda wish: bool(wish.moved),
        "job {wish.job.id} of cluster {wish.cluster} is open and deals with {wish.moved}; change its address and ports"
        " when it has ended",
    ),
    Row(
        lambda wish: wish.primary not in wish.after.names,
        "{wish.primary} is the primary of cluster {wish.cluster} and cannot be left out; let another node be primary"
        " first",
    ),
)


def against(wish: Amendment) -> str | None:
    """Why it is refused; None: it may be done."""
    row = next((row for row in ROWS if row.matches(wish)), None)
    return None if row is None else row.sentence.format(wish=wish)
