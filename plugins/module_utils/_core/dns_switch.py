# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do next about the cluster's name, by what it holds, and which trouble is worth another attempt."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, repeat

from .errors import AltairError, Unavailable

PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0)  # between attempts; the last one is repeated


class Turn(StrEnum):
    NOTHING = "nothing"
    UPDATE = "update"
    UPDATE_IF_OURS = "update_if_ours"
    CONFLICT = "conflict"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """``addresses``: what the name holds. ``old``: the old primary's. ``new``: where it shall lead. ``nodes``: of all
    nodes of the cluster. Written as a name server writes them."""

    addresses: tuple[str, ...]
    old: str
    new: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    turn: Turn
    because: str
    matches: Callable[[Held], bool]


# The first row that matches wins. An attempt whose answer was lost shows in the first row when it is looked again.
RULES: tuple[Rule, ...] = (
    Rule(Turn.NOTHING, "it holds the new primary's address and no other", lambda held: held.addresses == (held.new,)),
    Rule(Turn.UPDATE, "it holds nothing", lambda held: not held.addresses),
    Rule(Turn.UPDATE, "it holds the old primary's address", lambda held: held.addresses == (held.old,)),
    # A job given up after its promotion left it so; or a later job has moved it, and this one slept: then it is stale.
    Rule(
        Turn.UPDATE_IF_OURS,
        "it holds addresses of other nodes of the cluster, and no later job than this one is open",
        lambda held: set(held.addresses) <= set(held.nodes),
    ),
    Rule(Turn.CONFLICT, "it holds an address of no node of the cluster", lambda _held: True),
)


def rule_for(held: Held) -> Rule:
    return next(rule for rule in RULES if rule.matches(held))


def written(address: str) -> str:
    """An address as a name server writes it."""
    return str(ipaddress.ip_address(address))


def may_pass(error: AltairError) -> bool:
    """Whether another attempt may succeed though nobody mends anything. A refused key, and a record that somebody else
    changed, do not pass."""
    return isinstance(error, Unavailable)


def pauses() -> Iterator[float]:
    return chain(PAUSES_SECONDS, repeat(PAUSES_SECONDS[-1]))
