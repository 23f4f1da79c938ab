"""Which of a replica's channels counts, and whom it aims at."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Channel
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.survey import channel_of, source_of

SPEC = ClusterSpec(
    cluster="orders",
    nodes=tuple(Node(name=f"db{number}", address=f"10.0.0.{number}") for number in (1, 2, 3)),
    dns=Dns(name="p.example.com", zone="example.com", servers=("10.0.0.9",)),
)
UUIDS = {f"uuid-{number}": f"db{number}" for number in (1, 2, 3)}


def channel(name: str, host: str, uuid: str = "", port: int = 3306) -> Channel:
    return Channel(
        name=name,
        source_host=host,
        source_port=port,
        source_uuid=uuid,
        receiver_running=True,
        applier_running=True,
        gtid_retrieved="",
    )


ELSEWHERE = channel("legacy", "10.9.9.9", "uuid-9")


def test_a_source_is_known_by_its_address_and_port() -> None:
    assert source_of(channel("", "10.0.0.2"), SPEC, {}) == "db2"
    assert source_of(channel("", "10.0.0.2", port=3307), SPEC, {}) is None


def test_a_source_that_is_given_by_a_name_is_known_by_its_identity() -> None:
    assert source_of(channel("", "p.example.com", "uuid-3"), SPEC, UUIDS) == "db3"
    assert source_of(channel("", "p.example.com"), SPEC, UUIDS) is None


def test_the_address_wins_over_an_identity_of_before() -> None:
    assert source_of(channel("", "10.0.0.2", "uuid-1"), SPEC, UUIDS) == "db2"


def test_a_channel_from_elsewhere_is_never_the_one() -> None:
    assert channel_of([ELSEWHERE], SPEC, UUIDS, "db2", "db1") is None
    ours = channel("z", "10.0.0.1")
    assert channel_of([ELSEWHERE, ours], SPEC, UUIDS, "db2", "db1") == (ours, "db1")


def test_of_several_the_one_from_the_new_primary_counts_and_then_the_one_from_the_old() -> None:
    new, old, other = channel("a", "10.0.0.2"), channel("b", "10.0.0.1"), channel("c", "10.0.0.3")
    for order in ([new, old, other], [other, old, new]):
        assert channel_of(order, SPEC, UUIDS, "db2", "db1") == (new, "db2")
        assert channel_of([each for each in order if each != new], SPEC, UUIDS, "db2", "db1") == (old, "db1")
    assert channel_of([other, ELSEWHERE], SPEC, UUIDS, "db2", None) == (other, "db3")


def test_which_channel_counts_does_not_hang_on_their_order() -> None:
    first = channel("a", "10.0.0.3")
    second = replace(first, name="b", source_host="10.0.0.1")
    assert channel_of([first, second], SPEC, {}, "db2") == channel_of([second, first], SPEC, {}, "db2")
