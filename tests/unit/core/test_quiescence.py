"""For whom a switchover waits before it makes the primary read-only, and what it does when they do not end."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import LongTransactions
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.quiescence import (
    KILL_SECONDS,
    MOMENT_SECONDS,
    RULES,
    Holder,
    Look,
    Turn,
    named,
    rule_for,
    still_open,
)

BATCH = Holder(session=7, transaction="1001", account="batch@10.0.0.5", seconds=40, rows=2)
LOOK = Look(policy=LongTransactions.WAIT, in_the_way=1, seconds=0.0, seconds_max=10.0)
LOOKS = [
    replace(LOOK, policy=policy, in_the_way=many, seconds=seconds)
    for policy, many, seconds in product(LongTransactions, (0, 1), (0.0, 9.9, 10.0, 10.0 + KILL_SECONDS))
]


@pytest.mark.parametrize("look", LOOKS)
def test_a_server_is_silenced_exactly_when_nobody_is_in_the_way(look: Look) -> None:
    assert (rule_for(look).turn is Turn.SILENCE) == (look.in_the_way == 0)


@pytest.mark.parametrize(
    ("policy", "turns"),
    [
        (LongTransactions.WAIT, [Turn.WAIT, Turn.WAIT, Turn.GIVE_UP, Turn.GIVE_UP]),
        (LongTransactions.ABORT, [Turn.WAIT, Turn.GIVE_UP, Turn.GIVE_UP, Turn.GIVE_UP]),
        (LongTransactions.KILL, [Turn.WAIT, Turn.WAIT, Turn.KILL, Turn.GIVE_UP]),
    ],
)
def test_what_is_done_about_a_transaction_that_does_not_end(policy: LongTransactions, turns: list[Turn]) -> None:
    looks = [look for look in LOOKS if look.policy is policy and look.in_the_way]
    assert [rule_for(look).turn for look in looks] == turns


def test_nobody_is_killed_unless_the_policy_says_so_and_the_time_is_over() -> None:
    for look in LOOKS:
        if rule_for(look).turn is Turn.KILL:
            assert look.policy is LongTransactions.KILL
            assert look.seconds >= look.seconds_max


@pytest.mark.parametrize("policy", list(LongTransactions))
def test_a_transaction_that_is_open_for_a_moment_ends_no_switchover(policy: LongTransactions) -> None:
    look = replace(LOOK, policy=policy, seconds=MOMENT_SECONDS / 2, seconds_max=0.0)
    assert rule_for(look).turn is Turn.WAIT


def test_every_policy_comes_to_an_end() -> None:
    for look in LOOKS:
        late = replace(look, seconds=look.seconds_max + KILL_SECONDS)
        assert rule_for(late).turn in (Turn.SILENCE, Turn.GIVE_UP)


def test_every_rule_wins_somewhere() -> None:
    assert {rule_for(look) for look in LOOKS} == set(RULES)


def test_who_began_since_the_first_look_is_not_waited_for() -> None:
    later = replace(BATCH, session=8, transaction="1002")
    assert still_open([BATCH], [later]) == ()
    assert still_open([BATCH], [later, replace(BATCH, seconds=41)]) == (replace(BATCH, seconds=41),)


def test_the_next_transaction_of_the_same_session_is_another_one() -> None:
    assert still_open([BATCH], [replace(BATCH, transaction="1003")]) == ()


def test_those_in_the_way_are_named_the_oldest_first_and_not_without_end() -> None:
    many = [replace(BATCH, session=number, seconds=number) for number in range(1, 9)]
    words = named(many)
    assert words.startswith("session 8 of batch@10.0.0.5, 2 rows changed in 8 s; session 7")
    assert words.endswith(" and 3 more")
    assert named([Holder(session=3, account="ops@db1")]) == "session 3 of ops@db1, by a lock"
