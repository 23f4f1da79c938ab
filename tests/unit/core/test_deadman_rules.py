"""The dead-man's decision in every small world, and the will that it goes by."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core import deadman, lease
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.deadman import Act, DeadmanView, Will
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.guard import ANSWER_BEATS
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.deadman.vigil import LOOK_BEATS

NODES = tuple(Node(name=f"db{number}", address=f"192.0.2.{number}") for number in range(1, 6))
SLOW, QUICK = 1 - lease.CLOCK_RATE, 1 + lease.CLOCK_RATE


def will(voters: int = 2, version: int = 1, good_until: float = 100.0) -> Will:
    terms = LeaseTerms(epoch=3, primary=NODES[0], settled=True, version=version, voters=NODES[1 : 1 + voters])
    return Will(terms=terms, good_until=good_until, process_id=77, process_started=5)


def worlds() -> list[DeadmanView]:
    facts = ("agent_lives", "will", "primary", "mysqld", "held", "trying")
    return [
        DeadmanView(voters=voters, **dict(zip(facts, values, strict=True)))
        for voters in (0, 1, 2, 4)
        for values in product((True, False), repeat=len(facts))
    ]


def test_mysqld_is_fenced_in_exactly_those_small_worlds_where_nobody_else_can_and_the_lease_is_over() -> None:
    fenced = [view for view in worlds() if deadman.judge(view).act is Act.FENCE]
    assert fenced == [
        view
        for view in worlds()
        if not view.agent_lives
        and (view.will and view.primary and view.mysqld and view.voters > 0)
        and not (view.held or view.trying)
    ]
    assert len(fenced) == 3


def test_voters_are_asked_only_for_a_primary_whose_agent_is_dead_and_whose_mysqld_runs() -> None:
    for view in worlds():
        rule = deadman.judge(view)
        if rule.act is Act.HOLD:
            assert not view.agent_lives
            assert view.primary
            assert view.mysqld
            assert view.held or view.trying
        elif rule.act is Act.REST:
            assert view.agent_lives or not (view.will and view.primary and view.mysqld and view.voters)


def test_every_rule_wins_somewhere_and_has_a_sentence_of_its_own() -> None:
    assert {deadman.judge(view) for view in worlds()} == set(deadman.DEADMAN_RULES)
    assert len({rule.because for rule in deadman.DEADMAN_RULES}) == len(deadman.DEADMAN_RULES)


def test_an_agent_that_dies_while_it_fences_leaves_the_dead_man_time_to_finish() -> None:
    assert ANSWER_BEATS + deadman.TRY_BEATS < lease.FENCE_BEATS
    # Where the voters have vouched since, mysqld is killed at the next look after the last vouch has run out.
    assert (lease.LEASE_BEATS + LOOK_BEATS) / SLOW < lease.EXPIRY_BEATS / QUICK


@pytest.mark.parametrize("voters", [1, 2, 3, 4, 5])
def test_the_lease_that_an_agent_left_ends_when_it_said_or_sooner_than_it_could_have_asked(voters: int) -> None:
    left = will(min(voters, 4), good_until=100.0)
    held = deadman.holder_after(left, noticed_at=99.0, beat_seconds=1.0)
    assert held.ends_at == 100.0
    # A moment that no living agent can have earned: it asked before it died.
    held = deadman.holder_after(replace(left, good_until=1e9), noticed_at=99.0, beat_seconds=1.0)
    assert held.ends_at == 99.0 + lease.LEASE_BEATS


def test_half_of_the_voters_hold_it_in_the_agents_place_for_two_and_a_half_beats_from_the_asking() -> None:
    held = deadman.holder_after(will(voters=4), noticed_at=99.0, beat_seconds=1.0)
    held.vouched("db2", 99.5)
    held.vouched("db1", 99.5)  # itself, no voter
    assert not held.held(100.0)
    held.vouched("db5", 99.8)
    assert held.ends_at == 99.5 + lease.LEASE_BEATS


def test_voters_that_the_agent_has_not_been_told_of_are_none() -> None:
    assert will(version=0).voters == ()
    assert [voter.name for voter in will().voters] == ["db2", "db3"]


def test_a_will_is_written_anew_when_it_names_something_else_or_the_lease_has_grown_by_most_of_a_beat() -> None:
    before = will()
    assert before.outdates(None, 10.0)
    assert not before.outdates(before, 10.0)
    assert not replace(before, good_until=107.4).outdates(before, 10.0)
    assert replace(before, good_until=107.5).outdates(before, 10.0)
    assert replace(before, process_started=6).outdates(before, 10.0)
    assert will(version=2).outdates(before, 10.0)


def test_a_will_comes_back_from_its_file_as_it_was() -> None:
    assert decode(Will, encode(will()), "will.json") == will()


GOOD = encode(will())
NO_PROCESS = GOOD.replace(b'"process_id":77', b'"process_id":null')


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        GOOD[:-9],
        GOOD.replace(b"100.0", b'"100"'),
        GOOD.replace(b"100.0", b"null"),
        GOOD.replace(b"100.0", b"1e999"),
        GOOD.replace(b"77", b"0"),
        GOOD.replace(b"77", b"-1"),
        NO_PROCESS,
        GOOD.replace(b"192.0.2.2", b"db2.example.com"),
        GOOD.replace(b'"agent_port":8430', b'"agent_port":0'),
    ],
)
def test_a_will_that_is_cut_off_or_impossible_is_refused_with_its_file_named(garbage: bytes) -> None:
    assert garbage != GOOD
    with pytest.raises(InvalidInput, match=r"^/run/x/will\.json holds no valid Will"):
        decode(Will, garbage, "/run/x/will.json")
