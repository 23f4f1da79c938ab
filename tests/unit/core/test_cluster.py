"""What operators may register, and what is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import (
    ClusterSpec,
    Dns,
    Node,
    Policy,
    Team,
    Thresholds,
    UnprovenFence,
    checked_name,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, NotFound

DNS = Dns(name="orders-db-primary.example.com", zone="example.com", servers=("10.0.0.9",))
NODES = tuple(Node(name=f"db{number}", address=f"10.0.0.{number}") for number in (1, 2, 3))
SPEC = ClusterSpec(cluster="orders", nodes=NODES, dns=DNS)
SLASHED = ["", "Orders", "a/b", "..", "-a", "a-", "a_b", "a" * 64, "a b", "a\n", "ä"]


@pytest.mark.parametrize("name", SLASHED)
def test_a_name_that_cannot_stand_in_a_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="cluster '"):
        checked_name(name, "cluster")
    with pytest.raises(ValueError, match="is not usable"):
        replace(SPEC, cluster=name)
    with pytest.raises(ValueError, match="is not usable"):
        replace(NODES[0], name=name)


@pytest.mark.parametrize("name", ["a", "orders", "orders-eu-1", "7", "a" * 63])
def test_a_name_fit_for_a_path_and_a_host_name_is_taken(name: str) -> None:
    assert checked_name(name, "cluster") == name
    assert replace(SPEC, cluster=name).cluster == name


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "::1", "fe80::"])
def test_an_address_of_either_family_is_taken(address: str) -> None:
    assert replace(NODES[0], address=address).address == address


MISTAKES: dict[str, Callable[[], object]] = {
    "address ''": lambda: replace(NODES[0], address=""),
    "address 'db1.example.com' of node db1 is no IP address": lambda: replace(NODES[0], address="db1.example.com"),
    "address 'fe80::1%eth0'": lambda: replace(NODES[0], address="fe80::1%eth0"),
    "address '10.0.0'": lambda: replace(NODES[0], address="10.0.0"),
    "address 'db1;reboot'": lambda: replace(NODES[0], address="db1;reboot"),
    "address 'db1:3306'": lambda: replace(NODES[0], address="db1:3306"),
    "port 0 ": lambda: replace(NODES[0], port=0),
    "port 65536 ": lambda: replace(NODES[0], agent_port=65536),
    "does not lie in zone": lambda: replace(DNS, name="orders.example.org"),
    "does not lie in zone 'ample.com'": lambda: replace(DNS, zone="ample.com"),
    "no authoritative server": lambda: replace(DNS, servers=()),
    "ttl_seconds -1": lambda: replace(DNS, ttl_seconds=-1),
    "ttl_seconds 3601": lambda: replace(DNS, ttl_seconds=3601),
    "catch_up_seconds_max": lambda: Policy(catch_up_seconds_max=0),
    "cool_down_seconds": lambda: Policy(cool_down_seconds=-1),
    "quorum_min must be 1": lambda: Policy(quorum_min=0),
    "lag_seconds_max": lambda: Policy(lag_seconds_max=-0.1),
    "transactions_missing_max": lambda: Policy(transactions_missing_max=-1),
    "overload_seconds_max": lambda: Policy(overload_seconds_max=-0.1),
    "disk_share_max must be above 0": lambda: Thresholds(disk_share_max=0),
    "inodes_share_max must be above 0 and not above 1": lambda: Thresholds(inodes_share_max=90),
    "thresholds: lag_seconds_max": lambda: Thresholds(lag_seconds_max=0),
    "looks must be 1": lambda: Thresholds(looks=0),
    "margin_share": lambda: Thresholds(margin_share=1),
    "quorum_min 3 of cluster orders": lambda: replace(SPEC, policy=Policy(quorum_min=3)),
    "zone of node db1 is empty": lambda: replace(NODES[0], zone=""),
    "zone 'north' in the policy of cluster orders is that of no node": lambda: replace(
        SPEC, policy=Policy(zones=("north",))
    ),
    "needs a primary and at least one replica": lambda: replace(SPEC, nodes=NODES[:1]),
    "acknowledge_seconds_max": lambda: Policy(acknowledge_seconds_max=-1),
    "escalate_every_seconds must be 1": lambda: Policy(escalate_every_seconds=0.9),
    "team name 'Web' is not usable": lambda: Team(name="Web"),
    "team web has a target without a name": lambda: Team(name="web", target=""),
    "names a team twice": lambda: replace(SPEC, teams=(Team(name="web"), Team(name="web", target="x"))),
    "names a node twice": lambda: replace(SPEC, nodes=(NODES[0], NODES[0])),
}


@pytest.mark.parametrize("sentence", list(MISTAKES))
def test_a_mistake_is_refused_with_its_own_sentence(sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        MISTAKES[sentence]()


def test_without_another_word_a_job_pauses_rather_than_promote_unproven() -> None:
    assert SPEC.policy.unproven_fence is UnprovenFence.PAUSE


def test_a_node_is_found_by_name_and_a_stranger_is_answered_with_the_names_there_are() -> None:
    assert [SPEC.node(name) for name in SPEC.names] == list(NODES)
    with pytest.raises(NotFound, match="has no node 'db9'; its nodes are db1, db2, db3"):
        SPEC.node("db9")


def test_the_others_are_all_but_the_named_ones() -> None:
    assert [node.name for node in SPEC.others("db2")] == ["db1", "db3"]
    assert SPEC.others("db1", "db2", "db3") == ()
    assert SPEC.others() == NODES


def test_a_promotion_goes_anywhere_unless_the_policy_names_zones() -> None:
    assert all(SPEC.promotes_into(zone) for zone in (None, "north"))
    zoned = replace(SPEC, nodes=(replace(NODES[0], zone="north"), *NODES[1:]), policy=Policy(zones=("north",)))
    assert zoned.promotes_into("north")
    assert not any(zoned.promotes_into(zone) for zone in (None, "south", ""))
