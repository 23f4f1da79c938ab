"""The address plan."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from tests.lab import addresses
from tests.lab.errors import LabError


def test_every_host_has_an_address_of_its_own_in_the_lab_network() -> None:
    found = list(addresses.HOSTS.values())
    assert len(set(found)) == len(found)
    assert all(ip_address(address) in ip_network("10.77.0.0/24") for address in found)


@pytest.mark.parametrize(
    ("host", "role"),
    [("db3", "agent"), ("mon1", "monitor"), ("orc2", "orchestrator"), ("client", "operator"), ("zk1", None)],
)
def test_a_host_has_the_role_its_name_says(host: str, role: str | None) -> None:
    assert addresses.role_of(host) == role


def test_two_trees_and_two_labs_never_share_a_namespace() -> None:
    prefixes = {addresses.namespace_prefix(lab, Path(tree)) for lab in ("a", "b") for tree in ("/one", "/two")}
    assert len(prefixes) == 4
    assert not any(one != other and one.startswith(other) for one in prefixes for other in prefixes)


@pytest.mark.parametrize("name", ["", "../x", "A", "a-b", "x" * 21])
def test_a_name_that_could_leave_the_lab_folder_is_refused(name: str) -> None:
    with pytest.raises(LabError, match="cannot name a lab"):
        addresses.namespace_prefix(name)


def test_a_chosen_subset_keeps_the_order_of_the_plan() -> None:
    assert list(addresses.chosen(["zk1", "db2", "db1"])) == ["db1", "db2", "zk1"]
    assert addresses.databases(["zk1", "db2", "db1"]) == ["db1", "db2"]


def test_an_unknown_host_is_named_in_the_refusal() -> None:
    with pytest.raises(LabError, match="no host db9"):
        addresses.chosen(["db1", "db9"])
    with pytest.raises(LabError, match="no host db9"):
        addresses.cut_pairs("db1", "db9")


def test_a_partition_cuts_both_ways_unless_told_one() -> None:
    assert addresses.cut_pairs("db1", "db2") == {("db1", "db2"), ("db2", "db1")}
    assert addresses.cut_pairs("db1", "db2", one_way=True) == {("db1", "db2")}


def test_isolation_cuts_a_host_from_all_others_and_not_from_itself() -> None:
    pairs = addresses.isolation_pairs("db1", list(addresses.HOSTS))
    assert len(pairs) == 2 * (len(addresses.HOSTS) - 1)
    assert all("db1" in pair and pair[0] != pair[1] for pair in pairs)


def test_a_cut_drops_in_silence() -> None:
    assert addresses.blackholes("db1", "db2") == ["from", "10.77.0.11", "to", "10.77.0.12", "blackhole"]
