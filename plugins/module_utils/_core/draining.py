# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each replica has to apply before one of them is chosen, and for whom nobody waits."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from .candidate import union
from .cluster import ClusterSpec, Node
from .gtid import GtidSet


@dataclass(frozen=True, slots=True)
class Halt:
    """A replica that receives nothing more: what it has, applied or not, and what of it is left to apply.

    ``source``: see ``strays_to``; None, like all else, where the replica could not be asked (``fault``).
    """

    held: GtidSet = field(default_factory=GtidSet)
    left: GtidSet = field(default_factory=GtidSet)
    delay_seconds: int = 0
    source: str | None = None
    changed: bool = False
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Drain:
    """How far one replica came."""

    drained: bool
    changed: bool
    sentence: str


def spared_of(node: Node, halt: Halt, wanted: GtidSet) -> Drain | None:
    """Of one that is not waited for; None of the others."""
    left = len(halt.left)
    if halt.fault:
        return Drain(False, False, halt.fault)
    if not left:
        return Drain(True, halt.changed, f"{node.name} has applied all it received (0 were left)")
    if halt.delay_seconds:
        sentence = f"{node.name} is delayed by {halt.delay_seconds} s and not waited for; {left} transactions are left"
        return Drain(False, halt.changed, sentence)
    if not wanted:
        sentence = f"{node.name} is no candidate and has received nothing that a candidate lacks; it is not waited for"
        return Drain(False, halt.changed, sentence)
    return None


def wanted_of(
    spec: ClusterSpec, old_primary: str, in_maintenance: Collection[str], halts: Mapping[str, Halt]
) -> dict[str, GtidSet]:
    """What each has to apply: all that a candidate has received; of the others', what no candidate has."""
    candidates = {
        node.name
        for node in spec.others(old_primary)
        if node.candidate
        and spec.promotes_into(node.zone)
        and node.name not in in_maintenance
        and not halts[node.name].delay_seconds
    }
    held = union(halts[name].held for name in candidates)
    return {name: halt.left if name in candidates else halt.left - held for name, halt in halts.items()}
