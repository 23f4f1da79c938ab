"""When a node's data may be destroyed, and who gives it other data: nobody who has what should not be there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rebuild import (
    DONOR_FAULTS,
    DONOR_PREFERENCES,
    REFUSALS,
    Donor,
    Recipient,
    choose_donors,
    refusal_of,
    version_of,
)
from tests.unit.core.worlds import UUID_A, UUID_B

HAS = GtidSet.parse(f"{UUID_A}:1-100")
NEW = (9, 7, 4)
READY = Recipient(node="db1", primary="db2", confirm="db1")
REPLICA = Donor(
    name="db3",
    address="192.0.2.3",
    recipient="db1",
    primary="db2",
    recipient_version=NEW,
    version=NEW,
    executed=HAS,
    has=HAS,
    purged=GtidSet.parse(f"{UUID_A}:1-50"),
)
PRIMARY = replace(REPLICA, name="db2", address="192.0.2.2")
REFUSED: dict[str, dict[str, object]] = {
    "job orders-3 has not ended": {"job": "orders-3"},
    "db1 is the primary": {"primary": "db1"},
    "confirm is '' and not 'db1'": {"confirm": ""},
    "db1 does not answer (refused)": {"unreached": "refused"},
    "db1 takes writes although db2 is the primary": {"writable": True},
    "db1 could not be a replica afterwards: it is db3's twin": {"unfit": "it is db3's twin"},
    "db3 and db4 replicate from db1": {"followers": ("db3", "db4")},
    "a CLONE is running on db1 already (session 7)": {"copying": 7},
}
FAULTS: dict[str, dict[str, object]] = {
    "it cannot be reached (refused)": {"unreached": "refused"},
    "it is in maintenance": {"in_maintenance": True},
    "it is in quarantine or being rebuilt itself": {"on_its_way": True},
    "CLONE takes no IPv6 address, and its address is fd00::3": {"address": "fd00::3"},
    "it does not replicate from db2": {"follows": False},
    "it leaves out a part of what it replicates: Replicate_Ignore_DB a": {"filters": ("Replicate_Ignore_DB a",)},
    f"it has transactions that db2 never had ({UUID_B}:1)": {"executed": HAS | GtidSet.parse(f"{UUID_B}:1")},
    "it runs MySQL 8.4.9 and db1 9.7.4; CLONE copies within one series only": {"version": (8, 4, 9)},
    "it lacks transactions that the binary logs of db2 have no longer": {"executed": GtidSet.parse(f"{UUID_A}:1-49")},
}


def test_a_node_that_nothing_speaks_against_may_be_rebuilt() -> None:
    assert refusal_of(READY) == ""


@pytest.mark.parametrize("sentence", REFUSED)
def test_each_reason_against_a_rebuild_is_said(sentence: str) -> None:
    refusal = refusal_of(replace(READY, **REFUSED[sentence]))  # type: ignore[arg-type]
    assert refusal.startswith(sentence)


def test_no_other_reason_against_a_rebuild_exists() -> None:
    winners = {
        next(row for row in REFUSALS if row.matches(replace(READY, **change))).because  # type: ignore[arg-type]
        for change in REFUSED.values()
    }
    assert winners == {row.because for row in REFUSALS}


@pytest.mark.parametrize("confirm", ["", "db2", "DB1", "db1 "])
def test_only_the_nodes_own_name_confirms(confirm: str) -> None:
    assert "so say its name" in refusal_of(replace(READY, confirm=confirm))


def test_a_rehearsal_asks_for_no_word_and_for_all_else() -> None:
    assert refusal_of(replace(READY, confirm=""), confirmed=False) == ""
    assert refusal_of(replace(READY, confirm="", writable=True), confirmed=False).startswith("db1 takes writes")


@pytest.mark.parametrize("sentence", FAULTS)
def test_each_reason_against_a_donor_is_said(sentence: str) -> None:
    donors = choose_donors([replace(REPLICA, **FAULTS[sentence])])  # type: ignore[arg-type]
    assert donors.ranking == ()
    assert donors.excluded == {"db3": sentence}


def test_no_other_reason_against_a_donor_exists() -> None:
    winners = {
        next(row for row in DONOR_FAULTS if row.matches(replace(REPLICA, **change))).because  # type: ignore[arg-type]
        for change in FAULTS.values()
    }
    assert winners == {row.because for row in DONOR_FAULTS}


def test_a_healthy_replica_gives_before_the_primary_and_the_primary_before_nobody() -> None:
    assert choose_donors([PRIMARY, REPLICA]).ranking == ("db3", "db2")
    late = replace(REPLICA, executed=GtidSet.parse(f"{UUID_A}:1-60"), plugin=False)
    assert choose_donors([PRIMARY, late]).ranking == ("db3", "db2")
    assert choose_donors([PRIMARY, replace(REPLICA, in_maintenance=True)]).ranking == ("db2",)


def test_of_replicas_the_one_with_the_plugin_gives_then_the_one_that_lacks_least_then_by_name() -> None:
    late = replace(REPLICA, name="db4", executed=GtidSet.parse(f"{UUID_A}:1-60"))
    bare = replace(REPLICA, name="db5", plugin=False)
    twin = replace(REPLICA, name="db6")
    assert choose_donors([bare, late, twin, REPLICA]).ranking == ("db3", "db6", "db4", "db5")
    assert len(DONOR_PREFERENCES) == 3


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        ((9, 7, 4), (9, 7, 1), True),
        ((9, 7, 4), (9, 6, 4), False),
        ((8, 4, 1), (8, 4, 9), True),
        ((8, 0, 37), (8, 0, 44), True),
        ((8, 0, 36), (8, 0, 44), False),
        ((8, 0, 44), (8, 0, 36), False),
        ((8, 0, 36), (8, 0, 36), True),
    ],
)
def test_point_releases_are_told_apart_where_the_server_does(
    mine: tuple[int, ...], theirs: tuple[int, ...], same: bool
) -> None:
    assert replace(REPLICA, version=mine, recipient_version=theirs).same_series is same


def test_a_version_is_read_without_what_follows_its_numbers() -> None:
    assert version_of("9.7.4-debug-log") == (9, 7, 4)
    assert version_of("8.0.44") == (8, 0, 44)
    assert version_of("unknown") == ()
