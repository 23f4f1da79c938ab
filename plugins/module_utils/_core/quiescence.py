# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a primary read-only while its clients write: for whom to wait, for how long, and what then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from .cluster import LongTransactions

MOMENT_SECONDS = 1.0  # what is open for no longer is an ordinary transaction
KILL_SECONDS = 10.0  # for how long sessions are killed before the switchover is given up all the same
NAMED_MAX = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A session that holds locks, by a transaction or, where ``transaction`` is empty, otherwise."""

    session: int
    transaction: str = ""
    account: str = ""
    seconds: int = 0
    rows: int = 0

    @property
    def identity(self) -> tuple[int, str]:
        """The same in two looks exactly while the same transaction is open."""
        return self.session, self.transaction

    def __str__(self) -> str:
        who = f"session {self.session} of {self.account or 'somebody'}"
        return f"{who}, {self.rows} rows changed in {self.seconds} s" if self.transaction else f"{who}, by a lock"


def still_open(before: Iterable[Holder], now: Iterable[Holder]) -> tuple[Holder, ...]:
    """Those of ``before`` whose transaction has not ended; who began since is waited for by nobody."""
    open_now = {one.identity: one for one in now}
    return tuple(open_now[one.identity] for one in before if one.identity in open_now)


def named(holders: Iterable[Holder]) -> str:
    listed = sorted(holders, key=lambda one: (-one.seconds, one.session))
    more = f" and {len(listed) - NAMED_MAX} more" if len(listed) > NAMED_MAX else ""
    return "; ".join(str(one) for one in listed[:NAMED_MAX]) + more


class Turn(StrEnum):
    SILENCE = "silence"  # nobody is in the way: make it read-only
    WAIT = "wait"
    KILL = "kill"
    GIVE_UP = "give_up"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """``in_the_way``: how many are; ``seconds``: since the first look, and how many there may be by the policy."""

    policy: LongTransactions
    in_the_way: int
    seconds: float
    seconds_max: float

    @property
    def over(self) -> bool:
        return self.seconds >= self.seconds_max

    @property
    def killing_is_over(self) -> bool:
        return self.seconds >= self.seconds_max + KILL_SECONDS


@dataclass(frozen=True, slots=True)
class Rule:
    """One row; the first that matches decides."""

    turn: Turn
    because: str
    matches: Callable[[Look], bool]


RULES: tuple[Rule, ...] = (
    Rule(Turn.SILENCE, "nobody is in the way", lambda look: look.in_the_way == 0),
    Rule(Turn.WAIT, "an ordinary transaction ends in a moment", lambda look: look.seconds < MOMENT_SECONDS),
    Rule(
        Turn.GIVE_UP,
        "long_transactions is abort, which waits for nobody",
        lambda look: look.policy is LongTransactions.ABORT,
    ),
    Rule(Turn.WAIT, "long_transaction_seconds_max is not over", lambda look: not look.over),
    Rule(
        Turn.KILL,
        "long_transaction_seconds_max is over, and long_transactions is kill",
        lambda look: look.policy is LongTransactions.KILL and not look.killing_is_over,
    ),
    Rule(
        Turn.GIVE_UP,
        "their sessions were killed, and they hold on all the same",
        lambda look: look.policy is LongTransactions.KILL,
    ),
    Rule(Turn.GIVE_UP, "long_transaction_seconds_max is over", lambda _look: True),
)


def rule_for(look: Look) -> Rule:
    return next(rule for rule in RULES if rule.matches(look))
