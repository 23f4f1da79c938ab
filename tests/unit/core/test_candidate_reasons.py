"""What bars a replica, what ranks it, which transactions are errant, and who feeds whom."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations, product
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import (
    EXCLUSIONS,
    FEEDING_FAULTS,
    PREFERENCES,
    Contender,
    choose,
    left_to_apply,
    strays_to,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Channel, ServerState
from tests.unit.core.worlds import FLAWS, UUID_A, UUID_B, contender

UUID_C = "cccccccc-0000-4000-8000-000000000003"
OLD = f"{UUID_A}:1-10"  # what the old primary, UUID_A, was last known to have


def db2(executed: str = OLD, **facts: Any) -> Contender:
    return contender("db2", executed, **{"server_uuid": UUID_B, "source_uuids": frozenset({UUID_A}), **facts})


def db3(executed: str = OLD, **facts: Any) -> Contender:
    return contender("db3", executed, **{"server_uuid": UUID_C, "source_uuids": frozenset({UUID_A}), **facts})


def gtids(text: str) -> GtidSet:
    return GtidSet.parse(text)


SENTENCES: dict[str, dict[str, Any]] = {
    "it cannot be reached: no route to host": {"reachable": False, "detail": "no route to host"},
    "its owners marked it as not a candidate": {"allowed": False},
    "the cluster's policy promotes nobody in its zone: south": {"in_zones": False, "zone": "south"},
    "the cluster's policy promotes nobody in its zone: it has none": {"in_zones": False},
    "it is in maintenance": {"in_maintenance": True},
    "its gtid_mode is not ON: ON_PERMISSIVE": {"gtid_mode": "ON_PERMISSIVE"},
    "its binary log does not hold what it applies (log_bin and log_replica_updates must be on)": {"logged": False},
    "it is delayed on purpose: 3600 s": {"delay_seconds": 3600, "drained": False},
    "it leaves out a part of what it replicates: Replicate_Do_DB a, Binlog_Do_DB b": {
        "filters": ("Replicate_Do_DB a", "Binlog_Do_DB b")
    },
    "it has no replication channel, so it follows nobody": {"replicates": False},
    "it follows another server than the old primary: 10.0.0.4:3306": {"strays_to": "10.0.0.4:3306"},
    f"it has errant transactions, which the old primary never had: {UUID_B}:3-4": {
        "executed": f"{OLD},{UUID_B}:3-4",
    },
    "its disk takes no writes: read-only file system": {"disk_dead": "read-only file system"},
    "its applier has stopped and does not get any further: a duplicate key": {
        "drained": False,
        "applier_error": "a duplicate key",
    },
    "it has received transactions that it has not applied": {"drained": False},
    "its disk has little room left, and others have more: 91% full": {"disk_short": "91% full"},
    "it runs a newer server than a replica that would follow it": {"version": (9, 8, 0)},
}


@pytest.mark.parametrize("sentence", list(SENTENCES))
def test_who_must_not_be_promoted_is_told_why_in_full_and_the_other_is_chosen(sentence: str) -> None:
    choice = choose((db2(**SENTENCES[sentence]), db3()), primary_executed=gtids(OLD))
    assert choice.excluded == {"db2": sentence}
    assert (choice.name, choice.ranking) == ("db3", ("db3",))


def test_each_row_is_among_the_sentences() -> None:
    assert all(any(told.startswith(row.because) for told in SENTENCES) for row in EXCLUSIONS)


def test_of_two_reasons_the_one_that_stands_first_in_the_table_is_told() -> None:
    flaws = [{"reachable": False}, {"allowed": False}, {"in_maintenance": True}, *FLAWS]

    def row_of(*facts: dict[str, Any]) -> int:
        merged = {key: value for each in facts for key, value in each.items()}
        one = contender("db2", f"{OLD},{UUID_B}:1", **merged)
        told = choose((one, db3()), primary_executed=gtids(OLD)).excluded["db2"]
        return next(index for index, row in enumerate(EXCLUSIONS) if told.startswith(row.because))

    for one, other in combinations(flaws, 2):
        assert row_of(one, other) == min(row_of(one), row_of(other))


def test_an_applier_that_has_stopped_with_nothing_left_to_apply_bars_nobody() -> None:
    assert choose((db2(applier_error="a duplicate key"),)).name == "db2"


@pytest.mark.scenario(30)
def test_a_newer_server_is_never_promoted_above_an_older_replica_however_advanced() -> None:
    versions = ((8, 4, 9), (9, 7, 3), (9, 7, 4), (9, 8, 0), (10, 0, 0))
    for mine, theirs in product(versions, repeat=2):
        choice = choose((db2(f"{UUID_A}:1-99", version=mine), db3(f"{UUID_A}:1", version=theirs)))
        chosen, other = {"db2": (mine, theirs), "db3": (theirs, mine)}[str(choice.name)]
        assert chosen[:2] <= other[:2]


def test_a_disk_with_little_room_yields_when_nobody_else_is_left_and_it_is_said() -> None:
    choice = choose((db2(disk_short="91% full"), db3(allowed=False)))
    assert choice.name == "db2"
    assert choice.excluded == {"db3": "its owners marked it as not a candidate"}
    assert choice.because.endswith(
        "; nobody else could be promoted, although its disk has little room left, and others have more: 91% full"
    )


def test_of_all_other_reasons_none_yields() -> None:
    assert [row.because for row in EXCLUSIONS if row.yields] == ["its disk has little room left, and others have more"]
    for facts in SENTENCES.values():
        if "disk_short" not in facts and "version" not in facts:
            assert choose((db2(**facts),), primary_executed=gtids(OLD)).name is None


def test_missing_transactions_outweigh_the_zone_and_the_zone_outweighs_the_name() -> None:
    ahead, behind = OLD, f"{UUID_A}:1-9"
    four = (
        contender("db5", ahead, zone="north"),
        contender("db4", ahead, zone="south"),
        contender("db3", behind, zone="north"),
        contender("db2", behind, zone="south"),
    )
    for order in permutations(four):
        assert choose(order, primary_zone="north").ranking == ("db5", "db4", "db3", "db2")
        assert choose(order, primary_zone="south").ranking == ("db4", "db5", "db2", "db3")
        assert choose(order).ranking == choose(order, primary_zone="west").ranking == ("db4", "db5", "db2", "db3")


def test_every_preference_decides_somewhere() -> None:
    pairs: tuple[tuple[Contender, Contender], ...] = (
        (contender("db2", f"{UUID_A}:1-9"), contender("db3", OLD)),
        (contender("db2", zone="south"), contender("db3", zone="north")),
    )
    assert len(pairs) == len(PREFERENCES)
    assert [choose(pair, primary_zone="north").name for pair in pairs] == ["db3", "db3"]


# What is errant.


def errant(*contenders: Contender, primary: str | None = OLD) -> dict[str, str]:
    start = "it has errant transactions, which the old primary never had: "
    known = None if primary is None else gtids(primary)
    told = choose(contenders, primary_executed=known).excluded
    return {name: reason.removeprefix(start) for name, reason in told.items() if reason.startswith(start)}


def test_what_a_replica_wrote_itself_is_errant_and_named() -> None:
    assert errant(db2(f"{OLD},{UUID_B}:1-3:7"), db3()) == {"db2": f"{UUID_B}:1-3:7"}
    assert errant(db2(f"{OLD},{UUID_B}:backup:1"), db3()) == {"db2": f"{UUID_B}:backup:1"}
    assert errant(db2(f"{OLD},{UUID_B}:1")) == {"db2": f"{UUID_B}:1"}


def test_what_it_wrote_when_it_was_primary_is_not_errant() -> None:
    assert errant(db2(f"{OLD},{UUID_B}:1-5"), db3(), primary=f"{OLD},{UUID_B}:1-5") == {}
    assert errant(db2(f"{OLD},{UUID_B}:1-5"), db3(f"{OLD},{UUID_B}:1-5"), primary=f"{UUID_A}:1-4") == {}
    assert errant(db2(f"{OLD},{UUID_B}:1-5"), db3(held=gtids(f"{UUID_B}:1-5"))) == {}


def test_what_the_primary_wrote_after_its_last_word_is_not_errant() -> None:
    assert errant(db2(f"{UUID_A}:1-99"), db3()) == {}


def test_without_the_primarys_word_only_another_replica_that_is_as_far_tells_what_is_errant() -> None:
    was_primary = f"{UUID_A}:1-8,{UUID_B}:1-5"
    assert errant(db2(was_primary), primary=None) == {}
    assert errant(db2(was_primary), db3(f"{UUID_A}:1-4"), primary=None) == {}
    assert errant(db2(was_primary), db3(f"{UUID_A}:1-8"), primary=None) == {"db2": f"{UUID_B}:1-5"}
    assert errant(db2(was_primary), db3(f"{UUID_A}:1-9,{UUID_B}:1-5"), primary=None) == {}


def test_a_replica_that_follows_the_errant_one_is_no_witness_and_is_excluded_with_it() -> None:
    cascade = db3(f"{OLD},{UUID_B}:1", source_uuids=frozenset({UUID_B}))
    assert errant(db2(f"{OLD},{UUID_B}:1"), cascade) == {"db2": f"{UUID_B}:1", "db3": f"{UUID_B}:1"}
    uuid = UUID_C.replace("c", "d")
    last = contender("db4", f"{OLD},{UUID_B}:1", server_uuid=uuid, source_uuids=frozenset({UUID_C}))
    assert set(errant(db2(f"{OLD},{UUID_B}:1"), cascade, last)) == {"db2", "db3", "db4"}


def test_a_circle_of_replicas_ends() -> None:
    one, other = db2(source_uuids=frozenset({UUID_C})), db3(source_uuids=frozenset({UUID_B}))
    assert errant(one, other) == {}


def test_nobody_lacks_an_errant_transaction() -> None:
    choice = choose((db2(f"{OLD},{UUID_B}:1-50"), db3()), primary_executed=gtids(OLD))
    assert (choice.name, choice.missing, choice.feedings, choice.not_fed) == (
        "db3",
        {"db2": 0, "db3": 0},
        (),
        GtidSet(),
    )


def test_a_persons_word_lets_an_errant_transaction_count_like_any_other() -> None:
    both = (db2(f"{OLD},{UUID_B}:1-5"), db3())
    choice = choose(both, primary_executed=gtids(OLD), accept_errant=True)
    assert (choice.name, choice.excluded, choice.missing) == ("db2", {}, {"db2": 0, "db3": 5})
    barred = choose((replace(both[0], allowed=False), both[1]), primary_executed=gtids(OLD), accept_errant=True)
    assert [(each.donor, str(each.gtids)) for each in barred.feedings] == [("db2", f"{UUID_B}:1-5")]


# Who feeds whom.

BEHIND = f"{UUID_A}:1-6"


def fed(*contenders: Contender) -> list[tuple[str, str]]:
    choice = choose(contenders, primary_executed=gtids(OLD))
    assert choice.name == "db2"
    return [(each.donor, str(each.gtids)) for each in choice.feedings]


@pytest.mark.parametrize(
    "flaw", [{"allowed": False}, {"in_maintenance": True}, {"in_zones": False}, {"drained": False}, {"disk_dead": "x"}]
)
def test_the_most_advanced_feeds_the_chosen_one_although_it_must_not_be_promoted(flaw: dict[str, Any]) -> None:
    assert fed(db2(BEHIND), db3(**flaw)) == [("db3", f"{UUID_A}:7-10")]


CANNOT_FEED: dict[str, dict[str, Any]] = {
    "it cannot be reached": {"reachable": False},
    "its errant transactions would come along": {"executed": f"{OLD},{UUID_C}:1"},
    "it leaves out a part of what it replicates": {"filters": ("Replicate_Do_DB app",)},
    "its binary log does not hold what it applies": {"logged": False, "allowed": False},
    "its gtid_mode is not ON": {"gtid_mode": "OFF_PERMISSIVE"},
    "its binary log has been purged of what would be needed": {"purged": gtids(f"{UUID_A}:1-7"), "allowed": False},
    "it runs a newer server than the chosen one": {"version": (9, 8, 0)},
}


def test_every_reason_not_to_be_fed_by_somebody_is_tried() -> None:
    assert list(CANNOT_FEED) == [row.because for row in FEEDING_FAULTS]


@pytest.mark.parametrize("because", list(CANNOT_FEED))
def test_who_cannot_feed_is_passed_over_and_what_is_not_got_is_named(because: str) -> None:
    one, other = db2(BEHIND), db3(**CANNOT_FEED[because])
    assert fed(one, other) == []
    choice = choose((one, other), primary_executed=gtids(OLD))
    lost = f"{UUID_A}:7-10" if other.reachable else ""
    assert str(choice.not_fed) == lost
    assert choice.because.endswith(f"no replica can give it 4 that one has applied or received ({lost})") == bool(lost)
    more = contender("db4", OLD, allowed=False)
    assert fed(one, other, more) == [("db4", f"{UUID_A}:7-10")]


def test_a_purge_of_what_the_chosen_one_has_does_no_harm() -> None:
    assert fed(db2(BEHIND), db3(purged=gtids(BEHIND), allowed=False)) == [("db3", f"{UUID_A}:7-10")]


def test_what_one_donor_lacks_the_next_gives() -> None:
    assert fed(
        db2(BEHIND), db3(f"{UUID_A}:1-8", allowed=False), contender("db4", f"{UUID_A}:1-6:8-10", allowed=False)
    ) == [("db4", f"{UUID_A}:8-10"), ("db3", f"{UUID_A}:7")]


def test_what_was_only_received_by_one_that_does_not_apply_it_is_named() -> None:
    choice = choose((db2(BEHIND), db3(BEHIND, held=gtids(OLD), delay_seconds=60, drained=False)))
    assert (choice.name, choice.missing["db2"], choice.feedings) == ("db2", 0, ())
    assert str(choice.not_fed) == f"{UUID_A}:7-10"


# Whom a replica follows.

NODES = {name: Node(name=name, address=f"10.0.0.{name[2:]}") for name in ("db1", "db2", "db3")}


def state(*sources: tuple[str, int, str], received: str = "", executed: str = "") -> ServerState:
    channels = tuple(
        Channel(
            name=f"c{number}",
            source_host=host,
            source_port=port,
            source_uuid=uuid,
            receiver_running=False,
            applier_running=True,
            gtid_retrieved=received,
        )
        for number, (host, port, uuid) in enumerate(sources)
    )
    return ServerState(
        server_uuid=UUID_B,
        version="9.7.4",
        read_only=True,
        super_read_only=True,
        gtid_executed=executed,
        channels=channels,
    )


STRAYS: dict[str, tuple[ServerState, str, str]] = {
    "the old primary": (state(("10.0.0.1", 3306, UUID_A)), UUID_A, ""),
    "the old primary, whose identity nobody knows": (state(("10.0.0.1", 3306, UUID_A)), "", ""),
    "the old primary by a host name": (state(("db1.example.com", 3306, UUID_A)), UUID_A, ""),
    "some host name, which may be the old primary's": (state(("db1.example.com", 3306, UUID_A)), "", ""),
    "some host name that never answered": (state(("db1.example.com", 3306, "")), UUID_A, ""),
    "nobody": (state(), UUID_A, ""),
    "another replica": (state(("10.0.0.3", 3306, UUID_C)), UUID_A, "10.0.0.3:3306"),
    "another replica, without the old primary's identity": (state(("10.0.0.3", 3306, "")), "", "10.0.0.3:3306"),
    "another port of the old primary's host": (state(("10.0.0.1", 3307, UUID_C)), UUID_A, "10.0.0.1:3307"),
    "a stranger": (state(("10.9.9.9", 3306, UUID_C)), UUID_A, "10.9.9.9:3306"),
    "two, one of them the old primary": (state(("10.0.0.3", 3306, UUID_C), ("10.0.0.1", 3306, UUID_A)), UUID_A, ""),
}


@pytest.mark.parametrize("whom", list(STRAYS))
def test_a_replica_that_follows(whom: str) -> None:
    followed, uuid, wanted = STRAYS[whom]
    assert strays_to(followed, NODES["db1"], uuid, (NODES["db3"],)) == wanted


def test_what_is_left_to_apply_is_what_any_channel_received_and_nobody_executed() -> None:
    one = state(("10.0.0.1", 3306, UUID_A), received=f"{UUID_A}:1-9", executed=f"{UUID_A}:1-7,{UUID_B}:1")
    assert left_to_apply(one) == gtids(f"{UUID_A}:8-9")
    assert left_to_apply(state()) == GtidSet()
