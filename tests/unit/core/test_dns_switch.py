"""What is done about the cluster's name next, and which trouble is worth another attempt."""

from __future__ import annotations

import inspect
from itertools import combinations, islice
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import errors
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.dns_switch import (
    RULES,
    Held,
    Turn,
    may_pass,
    pauses,
    rule_for,
    written,
)

OLD, NEW, THIRD, STRANGER = "10.0.0.1", "10.0.0.2", "10.0.0.3", "192.0.2.99"
NODES = (OLD, NEW, THIRD)
EVERYTHING = [some for count in range(5) for some in combinations((*NODES, STRANGER), count)]


def turn(*addresses: str) -> Turn:
    return rule_for(Held(addresses=addresses, old=OLD, new=NEW, nodes=NODES)).turn


def test_the_new_address_alone_is_what_was_wanted_whoever_brought_it_about() -> None:
    assert turn(NEW) is Turn.NOTHING


def test_nothing_and_the_old_primarys_address_are_replaced() -> None:
    assert turn() is turn(OLD) is Turn.UPDATE


def test_other_nodes_addresses_are_replaced_only_by_the_job_that_is_the_clusters_still() -> None:
    """One that slept would lead the name back from where a later job has led it."""
    for addresses in ((THIRD,), (OLD, NEW), (OLD, THIRD), (NEW, THIRD), NODES):
        assert turn(*addresses) is Turn.UPDATE_IF_OURS


def test_a_record_with_a_strangers_address_is_never_touched() -> None:
    for addresses in EVERYTHING:
        assert (turn(*addresses) is Turn.CONFLICT) == (STRANGER in addresses)


def test_every_rule_wins_somewhere_and_has_a_sentence_of_its_own() -> None:
    assert {rule_for(Held(addresses=each, old=OLD, new=NEW, nodes=NODES)).because for each in EVERYTHING} == {
        rule.because for rule in RULES
    }
    assert len({rule.because for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("given", "shown"), [("fd00:0:0::0001", "fd00::1"), ("FD00::A", "fd00::a"), ("10.0.0.1", "10.0.0.1")]
)
def test_an_address_is_compared_as_a_name_server_writes_it(given: str, shown: str) -> None:
    assert written(given) == shown


FAMILY: list[type[Any]] = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass)]


def test_only_a_neighbour_that_does_not_answer_is_tried_again() -> None:
    assert [kind for kind in FAMILY if may_pass(kind("a sentence"))] == [errors.Unavailable]


def test_attempts_follow_each_other_ever_more_slowly_and_never_stop_by_themselves() -> None:
    first = list(islice(pauses(), 50))
    assert first == sorted(first)
    assert 0 < first[0] < first[-1] <= 1.0
