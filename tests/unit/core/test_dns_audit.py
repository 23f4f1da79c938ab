"""What is wrong with a cluster's name before there is an emergency."""

from __future__ import annotations

from itertools import combinations_with_replacement

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.dns_audit import (
    RULES,
    Look,
    Wanted,
    audit,
)

WANTED = Wanted(name="orders.example.com", primary="db1", address="10.0.0.1", ttl_seconds=5)
GOOD = Look(server="10.0.0.53", addresses=("10.0.0.1",), ttl_seconds=5)
SILENT = Look(server="10.0.0.54", fault="the name server 10.0.0.54 does not answer for orders.example.com: timed out")
ABSENT = Look(server="10.0.0.54")
ELSEWHERE = Look(server="10.0.0.54", addresses=("10.0.0.9",), ttl_seconds=5)
TWO = Look(server="10.0.0.54", addresses=("10.0.0.1", "10.0.0.9"), ttl_seconds=5)
LONG = Look(server="10.0.0.54", addresses=("10.0.0.1",), ttl_seconds=300)
LOOKS = (GOOD, SILENT, ABSENT, ELSEWHERE, TWO, LONG)

SAID = {
    "no_answer": (SILENT, SILENT.fault),
    "absent": (ABSENT, "orders.example.com has no address on 10.0.0.54: no client finds the primary there"),
    "several_addresses": (
        TWO,
        "orders.example.com has 2 addresses on 10.0.0.54 (10.0.0.1, 10.0.0.9): clients spread over all of them",
    ),
    "not_the_primary": (
        ELSEWHERE,
        "orders.example.com leads to 10.0.0.9 on 10.0.0.54, the primary db1 is at 10.0.0.1",
    ),
    "long_ttl": (
        LONG,
        "orders.example.com may be kept for 300 s by 10.0.0.54's word, the cluster's ttl_seconds is 5:"
        " after a failover clients hold the old address that long",
    ),
}


def test_a_name_that_leads_to_the_primary_on_all_servers_has_no_findings() -> None:
    assert audit([GOOD], WANTED) == ()
    assert audit([GOOD, Look(server="10.0.0.55", addresses=("10.0.0.1",), ttl_seconds=0)], WANTED) == ()


@pytest.mark.parametrize("fault", SAID)
def test_each_fault_is_said_in_a_sentence_that_names_the_server(fault: str) -> None:
    look, sentence = SAID[fault]
    (found,) = audit([look], WANTED)
    assert (found.fault, found.sentence) == (fault, sentence)
    assert look.server in sentence


def test_every_rule_has_its_case_here() -> None:
    assert set(SAID) == {rule.fault for rule in RULES}
    assert len({rule.sentence for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("ttl", [6, 3600])
def test_a_time_to_live_is_too_long_from_one_second_above_the_clusters_on(ttl: int) -> None:
    look = Look(server="10.0.0.53", addresses=("10.0.0.1",), ttl_seconds=ttl)
    assert [found.fault for found in audit([look], WANTED)] == ["long_ttl"]


def test_servers_disagree_where_two_that_answer_hold_something_else() -> None:
    for pair in combinations_with_replacement(LOOKS, 2):
        found = {each.fault for each in audit(pair, WANTED)}
        answers = {look.addresses for look in pair if not look.fault}
        assert ("disagreement" in found) == (len(answers) == 2)


def test_who_disagrees_is_named_with_what_it_holds() -> None:
    found = {each.fault: each.sentence for each in audit([GOOD, ABSENT, SILENT], WANTED)}
    assert found["disagreement"] == (
        "the authoritative servers disagree on orders.example.com: 10.0.0.53 has 10.0.0.1, 10.0.0.54 has nothing"
    )


def test_of_a_server_that_gave_no_answer_nothing_else_is_said() -> None:
    assert [found.fault for found in audit([SILENT, SILENT], WANTED)] == ["no_answer", "no_answer"]
