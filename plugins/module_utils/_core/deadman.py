# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead-man: what is done about a primary whose agent has died, so that its lease still ends in time.

It goes on asking the voters where the agent has stopped, and fences mysqld when their vouches run out. Why that keeps
the lease's promise is in docs/decisions/0019-dead-man.md. Times are of CLOCK_BOOTTIME and come in as arguments.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .cluster import Node
from .lease import LEASE_BEATS, Holder
from .wire import LeaseTerms

ASK_BEATS = 0.5  # how often the voters are asked while the agent is dead
# How long the first answers are waited for where the lease that the agent left is over already. The agent may have died
# while it was fencing, and both together have to be done within FENCE_BEATS.
TRY_BEATS = 0.12
RENEW_BEATS = 0.75  # by how much the lease must have grown before the agent writes that down again


@dataclass(frozen=True, kw_only=True, slots=True)
class Will:
    """What an agent leaves behind: whose lease it was, until when it is held by what was answered, and which process
    mysqld was (``process_started``: in clock ticks since boot, proc(5)); None: the agent held none."""

    terms: LeaseTerms
    good_until: float
    process_id: int | None = None
    process_started: int | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.good_until):
            raise ValueError(f"good_until {self.good_until} is not a moment")
        if (self.process_id is None) != (self.process_started is None):
            raise ValueError("process_id and process_started belong together")
        if self.process_id is not None and self.process_id < 1:
            raise ValueError(f"process_id {self.process_id} is no process")

    @property
    def voters(self) -> tuple[Node, ...]:
        """Those that the agent went by; of version 0 are the ones that it has never been told of."""
        return self.terms.voters if self.terms.version > 0 else ()

    def outdates(self, earlier: Will | None, beat_seconds: float) -> bool:
        """Whether it says enough that ``earlier`` does not to be written down."""
        if earlier is None:
            return True
        same = (self.terms, self.process_id, self.process_started)
        if same != (earlier.terms, earlier.process_id, earlier.process_started):
            return True
        return self.good_until - earlier.good_until >= RENEW_BEATS * beat_seconds


def holder_after(will: Will, noticed_at: float, beat_seconds: float) -> Holder:
    """The lease as the agent left it. It died before ``noticed_at`` and asked nobody after that, whatever it wrote."""
    holder = Holder(beat_seconds, float("-inf"))
    holder.adopt(voter.name for voter in will.voters)
    holder.acknowledged(min(will.good_until - LEASE_BEATS * beat_seconds, noticed_at))
    return holder


class Act(StrEnum):
    REST = "rest"
    HOLD = "hold"  # ask the voters, and let mysqld write
    FENCE = "fence"


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadmanView:
    """What the dead-man knows. ``will``: the agent left a usable one; the rest is by it.

    ``primary``: this node is. ``mysqld``: the process that the agent knew still runs. ``held``: the lease is, by the
    agent's last answers or the voters' vouches since. ``trying``: the first answers may still come.
    """

    agent_lives: bool
    will: bool
    primary: bool
    voters: int
    mysqld: bool
    held: bool
    trying: bool


@dataclass(frozen=True, slots=True)
class DeadmanRule:
    """One row: the first that matches says what is done, and why."""

    act: Act
    because: str
    matches: Callable[[DeadmanView], bool]


DEADMAN_RULES: tuple[DeadmanRule, ...] = (
    DeadmanRule(Act.REST, "the agent lives and guards the lease itself", lambda view: view.agent_lives),
    DeadmanRule(Act.REST, "no agent has left word of this node", lambda view: not view.will),
    DeadmanRule(
        Act.REST, "another node is primary by the last word of this node's agent", lambda view: not view.primary
    ),
    DeadmanRule(
        Act.REST, "nobody votes on this primary's lease, so its end proves nothing", lambda view: view.voters == 0
    ),
    DeadmanRule(
        Act.REST, "the mysqld that the agent knew has exited, and boots read-only", lambda view: not view.mysqld
    ),
    DeadmanRule(Act.HOLD, "the agent of this primary is dead, and its lease is still held", lambda view: view.held),
    DeadmanRule(
        Act.HOLD,
        "the agent of this primary is dead; the first answers of the voters may come",
        lambda view: view.trying,
    ),
    DeadmanRule(
        Act.FENCE,
        "the agent of this primary is dead, and too few voters vouch to hold its lease",
        lambda _view: True,
    ),
)


def judge(view: DeadmanView) -> DeadmanRule:
    return next(rule for rule in DEADMAN_RULES if rule.matches(view))
