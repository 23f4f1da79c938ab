# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has to be pointed at the primary so that every replica leads to it again, and who stays where it is.

Decided for all replicas at once, on what was seen of them at one time: a replica whose own source is being mended is
not moved, and of a loop only one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Move(StrEnum):
    STAY = "stay"
    FOLLOW = "follow"
    LEFT_BEHIND = "left_behind"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replica:
    """One replica as it was seen. ``source``: the node that its channel aims at; None where it has no channel from a
    node of the cluster. ``connected``: it receives from that source now, so somebody is alive there."""

    name: str
    reachable: bool
    source: str | None = None
    connected: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    """``gone``: the primary that was replaced, whether it answers or not; None where no job is under way."""

    replicas: dict[str, Replica]
    primary: str
    gone: str | None = None

    def source_of(self, replica: Replica) -> Replica | None:
        """None where nobody can say what becomes of that source: it is no replica, or it does not answer."""
        found = self.replicas.get(replica.source or "")
        return found if found is not None and found.reachable and found.name != self.gone else None

    def loop_of(self, replica: Replica) -> frozenset[str]:
        """The names in the loop that ``replica`` is part of; empty where it is in none."""
        seen: list[str] = []
        at: Replica | None = replica
        while at is not None and at.name not in seen and at.name != self.primary:
            seen.append(at.name)
            at = self.source_of(at)
        return frozenset(seen) if at is replica else frozenset()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row; the first that matches decides. ``because``: of a replica's ``source``, and of the ``primary``."""

    move: Move
    because: str
    matches: Callable[[Replica, Topology], bool]


def _sourceless(replica: Replica, topology: Topology) -> bool:
    source = topology.source_of(replica)
    return source is not None and source.source is None


RULES: tuple[Rule, ...] = (
    Rule(Move.LEFT_BEHIND, "it cannot be reached", lambda one, _all: not one.reachable),
    Rule(
        Move.LEFT_BEHIND,
        "it has no replication channel from a node of the cluster; rejoin it",
        lambda one, _all: one.source is None,
    ),
    Rule(Move.STAY, "its source is {primary}", lambda one, everybody: one.source == everybody.primary),
    Rule(Move.FOLLOW, "its source was {source}", lambda one, everybody: one.source == everybody.gone),
    Rule(
        Move.STAY,
        "its source {source} cannot be reached from here, but it is connected to it",
        lambda one, everybody: one.connected and everybody.source_of(one) is None,
    ),
    Rule(
        Move.FOLLOW,
        "its source {source} cannot be reached",
        lambda one, everybody: everybody.source_of(one) is None,
    ),
    Rule(Move.FOLLOW, "its source {source} follows nobody", _sourceless),
    Rule(
        Move.FOLLOW,
        "its source {source} leads back to it",
        lambda one, everybody: one.name == min(everybody.loop_of(one), default=None),
    ),
    Rule(Move.STAY, "its source {source} leads to {primary}", lambda _one, _all: True),
)


@dataclass(frozen=True, slots=True)
class Decision:
    move: Move
    because: str


def decide(replicas: Iterable[Replica], *, primary: str, gone: str | None = None) -> dict[str, Decision]:
    """For each replica what becomes of it, and why."""
    topology = Topology(replicas={one.name: one for one in replicas}, primary=primary, gone=gone)
    return {name: _decision(one, topology) for name, one in topology.replicas.items()}


def _decision(replica: Replica, topology: Topology) -> Decision:
    rule = next(row for row in RULES if row.matches(replica, topology))
    return Decision(rule.move, rule.because.format(source=replica.source, primary=topology.primary))
