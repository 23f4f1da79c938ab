"""Every topology of up to four replicas: afterwards all lead to the primary, without a loop, and none moved in vain."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.topology import (
    RULES,
    Decision,
    Move,
    Replica,
    decide,
)

PRIMARY, OLD = "db1", "db0"
NAMES = ("db2", "db3", "db4", "db5")


def topologies(many: int, *, connected: tuple[bool, ...] = (False,)) -> Iterator[tuple[Replica, ...]]:
    """Each replica reached or not, aiming at nobody, at either primary, or at another replica."""
    names = NAMES[:many]
    seats = [
        [
            Replica(name=name, reachable=reachable, source=source, connected=joined and source is not None)
            for reachable in (True, False)
            for source in (None, PRIMARY, OLD, *(other for other in names if other != name))
            for joined in connected
        ]
        for name in names
    ]
    yield from product(*seats)


def sources_after(replicas: tuple[Replica, ...], decisions: dict[str, Decision]) -> dict[str, str | None]:
    """Whom each replica that answers aims at once the decisions are carried out."""
    return {
        one.name: PRIMARY if decisions[one.name].move is Move.FOLLOW else one.source
        for one in replicas
        if one.reachable
    }


def leads(name: str, sources: dict[str, str | None]) -> bool:
    """Walk from source to source, at most once by each replica; who does not answer leads nowhere."""
    at: str | None = name
    for _step in range(len(sources) + 1):
        if at == PRIMARY:
            return True
        at = sources.get(at) if at is not None else None
    return False


@pytest.mark.parametrize("many", [1, 2, 3, 4])
def test_every_replica_that_answers_and_has_a_channel_leads_to_the_new_primary(many: int) -> None:
    for replicas in topologies(many):
        sources = sources_after(replicas, decide(replicas, primary=PRIMARY, gone=OLD))
        for one in replicas:
            assert leads(one.name, sources) == (one.reachable and one.source is not None), replicas


@pytest.mark.parametrize("many", [1, 2, 3, 4])
def test_nobody_is_moved_who_would_lead_there_if_it_alone_stayed(many: int) -> None:
    for replicas in topologies(many):
        decisions = decide(replicas, primary=PRIMARY, gone=OLD)
        for one in replicas:
            if decisions[one.name].move is Move.FOLLOW:
                stayed = {**sources_after(replicas, decisions), one.name: one.source}
                assert not leads(one.name, stayed), replicas


def test_who_does_not_answer_or_has_no_channel_is_left_behind_and_nobody_else() -> None:
    for replicas in topologies(3, connected=(False, True)):
        decisions = decide(replicas, primary=PRIMARY, gone=OLD)
        for one in replicas:
            left = decisions[one.name].move is Move.LEFT_BEHIND
            assert left == (not one.reachable or one.source is None), replicas


def test_the_order_in_which_replicas_are_named_changes_nothing() -> None:
    for replicas in topologies(3):
        forth = decide(replicas, primary=PRIMARY, gone=OLD)
        assert decide(reversed(replicas), primary=PRIMARY, gone=OLD) == forth


def chain(**sources: str | None) -> tuple[Replica, ...]:
    return tuple(Replica(name=name, reachable=True, source=source) for name, source in sources.items())


def test_an_intermediate_whose_source_is_the_old_primary_is_moved_and_its_child_stays() -> None:
    decisions = decide(chain(db2=OLD, db3="db2", db4="db3"), primary=PRIMARY, gone=OLD)
    assert {name: each.move for name, each in decisions.items()} == {
        "db2": Move.FOLLOW,
        "db3": Move.STAY,
        "db4": Move.STAY,
    }
    assert decisions["db2"].because == "its source was db0"
    assert decisions["db3"].because == "its source db2 leads to db1"


def test_a_child_of_a_dead_intermediate_is_given_the_primary() -> None:
    dead = Replica(name="db2", reachable=False)
    decisions = decide([dead, *chain(db3="db2", db4="db3")], primary=PRIMARY)
    assert decisions["db3"] == Decision(Move.FOLLOW, "its source db2 cannot be reached")
    assert decisions["db4"].move is Move.STAY


def test_a_child_that_is_connected_to_an_intermediate_out_of_our_reach_stays() -> None:
    far = Replica(name="db2", reachable=False)
    child = Replica(name="db3", reachable=True, source="db2", connected=True)
    assert decide([far, child], primary=PRIMARY)["db3"].move is Move.STAY


def test_who_is_connected_to_the_old_primary_is_moved_all_the_same() -> None:
    child = Replica(name="db3", reachable=True, source=OLD, connected=True)
    assert decide([child], primary=PRIMARY, gone=OLD)["db3"].move is Move.FOLLOW


def test_a_returned_old_primary_without_a_channel_is_not_touched_and_nobody_stays_below_it() -> None:
    decisions = decide(chain(db0=None, db2="db0", db3=PRIMARY), primary=PRIMARY)
    assert decisions["db0"].move is Move.LEFT_BEHIND
    assert decisions["db2"] == Decision(Move.FOLLOW, "its source db0 follows nobody")
    assert decisions["db3"].move is Move.STAY


def test_of_a_loop_one_is_moved_and_who_hangs_on_it_stays() -> None:
    decisions = decide(chain(db2="db3", db3="db4", db4="db3"), primary=PRIMARY)
    assert {name: each.move for name, each in decisions.items()} == {
        "db2": Move.STAY,
        "db3": Move.FOLLOW,
        "db4": Move.STAY,
    }


def test_every_rule_decides_somewhere() -> None:
    said = {
        decision.because
        for gone in (OLD, None)
        for replicas in topologies(2, connected=(False, True))
        for decision in decide(replicas, primary=PRIMARY, gone=gone).values()
    }
    for rule in RULES:
        texts = {rule.because.format(source=source, primary=PRIMARY) for source in (PRIMARY, OLD, *NAMES)}
        assert said & texts, rule.because
