"""A server that comes back is compared with the primary and admitted, or left exactly as it was; read back as root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import read_channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_clone import copy_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rejoin import Course
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import ReturnedNode, Stage
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Heritage,
    cluster_path,
    job_path,
    returned_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.candidates import known_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.rejoin import Rejoined, Wish, rejoin
from tests.contract import by_hand
from tests.contract.by_hand import await_caught_up, has_row, sql, value, write_row
from tests.contract.test_mysql_follow import GONE, LOGIN, NODES, errant_transaction, options, status
from tests.contract.test_mysql_repair import job
from tests.lab.addresses import HOSTS, MYSQL_PORT, ZOOKEEPER_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

NOW_AT = 1000.0
LOGIN_SOON = replace(LOGIN, connect_timeout=1)
WISH = Wish(node="db2", by="operator:ann@ops1", now_at=NOW_AT)
READ_ONLY = "CONCAT(@@global.read_only, @@global.super_read_only)"
EMPTY_UUID = "22222222-3333-4444-5555-666666666666"
_roots = count(1)


@pytest.fixture
def store(lab: Lab) -> Iterator[Store]:
    """Where a cluster is registered whose primary is db1 and whose third node does not answer."""
    assert lab.host("zk1").running("zookeeper")
    spec = ClusterSpec(
        cluster="orders",
        nodes=tuple(NODES.values()),
        dns=Dns(name="p.example.com", zone="example.com", servers=(HOSTS["ns1"],)),
    )
    with open_store(f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}", f"/rejoin/{next(_roots)}") as store:
        store.create(cluster_path("orders"), spec)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        yield store


@pytest.fixture
def wish(lab: Lab) -> Wish:
    return replace(WISH, account=read_channel_account(str(lab.etc / "repl.cnf")))


def back(store: Store, wish: Wish, *, check: bool = False) -> Rejoined:
    return rejoin(store, "orders", wish, LOGIN_SOON, check=check)


def on_record(store: Store) -> ReturnedNode | None:
    found = store.read(returned_path("orders", "db2"), ReturnedNode)
    return found.value if found else None


def cut_loose(lab: Lab) -> None:
    """As an old primary is that comes back: no channel, and it lacks what was written since."""
    sql(lab, "db2", "STOP REPLICA; RESET REPLICA ALL")


def test_a_node_without_a_channel_is_given_one_and_follows_super_read_only(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    write_row(lab, 40)
    done = back(store, wish)
    assert (done.course, done.admitted, done.changed) == (Course.ADMIT, True, True)
    assert done.sentence.endswith("db2 follows db1")
    await_caught_up(lab)
    assert has_row(lab, "db2", 40)
    assert value(lab, "db2", READ_ONLY) == "11"
    shown = options(lab)
    assert (shown["HOST"], shown["USER"], shown["AUTO_POSITION"]) == (HOSTS["db1"], "repl", "1")
    assert (shown["SSL_ALLOWED"], shown["CONNECTION_RETRY_COUNT"]) == ("YES", "86400")
    again = back(store, wish)
    assert (again.course, again.admitted, again.changed) == (Course.REPLICA, True, False)
    assert options(lab) == shown


def test_check_mode_says_so_and_leaves_it_without_a_channel(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    done = back(store, wish, check=True)
    assert (done.course, done.admitted) == (Course.ADMIT, False)
    assert done.sentence.endswith("db2 would follow db1")
    assert status(lab) == {}


def test_without_an_account_nothing_is_begun_and_the_file_is_asked_for(lab: Lab, store: Store) -> None:
    cut_loose(lab)
    with pytest.raises(InvalidInput, match="altair_replication_credentials_file"):
        back(store, WISH)
    assert status(lab) == {}


def test_a_node_that_only_reads_is_super_read_only_afterwards(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    sql(lab, "db2", "SET GLOBAL super_read_only = OFF")
    assert back(store, wish).admitted
    assert value(lab, "db2", READ_ONLY) == "11"


def test_a_channel_that_is_there_keeps_its_options_and_is_renewed_only_when_asked_for(
    lab: Lab, store: Store, wish: Wish, tmp_path: Path
) -> None:
    by_hand.follow_primary(lab, "SOURCE_COMPRESSION_ALGORITHMS = 'zstd'", host=GONE)
    before = options(lab)
    assert back(store, wish).admitted
    assert options(lab) == before | {"HOST": HOSTS["db1"]}
    file = tmp_path / "repl.cnf"
    ca = lab.etc / "tls" / "ca.pem"
    file.write_text(f"[client]\nuser=repl\npassword={PASSWORDS['repl']}\nssl-mode=VERIFY_CA\nssl-ca={ca}\n")
    assert back(store, replace(wish, account=read_channel_account(str(file)), renew=True)).admitted
    after = options(lab)
    assert (after["SSL_CA_FILE"], after["COMPRESSION_ALGORITHM"]) == (str(ca), "uncompressed")
    write_row(lab, 41)
    await_caught_up(lab)
    assert has_row(lab, "db2", 41)


def test_a_node_with_an_errant_transaction_is_quarantined_and_not_touched(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    with errant_transaction(lab) as errant:
        done = back(store, wish)
        again = back(store, wish)
    assert (done.course, done.admitted, done.changed) == (Course.QUARANTINE, False, True)
    assert (again.course, again.changed) == (Course.QUARANTINE, False)
    assert f"it has 1 transactions that db1 never had ({errant})" in done.sentence
    entry = on_record(store)
    assert entry is not None
    assert (entry.stage, entry.errant, entry.transactions) == (Stage.QUARANTINED, errant, 1)
    assert entry.rows_unread == "the agent of db2 was not asked"
    assert status(lab) == {}
    # The primary has it now, so nothing speaks against the node any more.
    assert back(store, wish).admitted
    assert on_record(store) is None


def test_a_replica_with_an_errant_transaction_goes_on_and_is_on_record(lab: Lab, store: Store, wish: Wish) -> None:
    before = options(lab)
    with errant_transaction(lab):
        assert back(store, wish).course is Course.QUARANTINE
    assert options(lab) == before
    assert status(lab)["Replica_IO_Running"] == "Yes"


def test_a_node_that_lacks_what_is_purged_is_only_said_to_need_a_rebuild(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    had = GtidSet.parse(value(lab, "db1", "@@global.gtid_executed"))
    number = len(had.of({EMPTY_UUID})) + 1
    sql(
        lab,
        "db1",
        f"SET GTID_NEXT = '{EMPTY_UUID}:{number}'; BEGIN; COMMIT; SET GTID_NEXT = 'AUTOMATIC'; FLUSH BINARY LOGS",
    )
    newest = sql(lab, "db1", "SHOW BINARY LOGS")[-1][0]
    sql(lab, "db1", f"PURGE BINARY LOGS TO '{newest}'")
    try:
        done = back(store, wish)
        assert (done.course, done.admitted, done.changed) == (Course.REBUILD, False, False)
        assert f"have no longer ({EMPTY_UUID}:{number})" in done.sentence
        assert status(lab) == {}
    finally:
        has = GtidSet.parse(value(lab, "db2", "@@global.gtid_executed"))
        by_hand.skip(lab, "db2", GtidSet.parse(f"{EMPTY_UUID}:{number}") - has)


def test_what_an_interrupted_rebuild_has_left_is_not_admitted(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    with connect(HOSTS["db2"], MYSQL_PORT, LOGIN) as server:  # of a rebuild that other tests may have made
        earlier = copy_of(server).begun
    entry = ReturnedNode(
        node="db2", stage=Stage.COPYING, because="a test", by="ann", at=1.0, donor="db1", earlier_copy=earlier
    )
    store.create(returned_path("orders", "db2"), entry)
    assert back(store, wish).course is Course.REBUILD
    assert status(lab) == {}


def test_whose_data_is_being_exchanged_is_nobodys_candidate_for_having_been_primary(store: Store) -> None:
    spec, was_primary = store.require(cluster_path("orders"), ClusterSpec).value, Heritage(former="db2")
    assert known_of(store, spec, (), NOW_AT, heritage=was_primary).heritage == was_primary
    entry = ReturnedNode(node="db2", stage=Stage.COPYING, because="a test", by="ann", at=1.0, donor="db1")
    store.create(returned_path("orders", "db2"), entry)
    assert known_of(store, spec, (), NOW_AT, heritage=was_primary).heritage is None


def test_a_record_that_cannot_be_read_keeps_the_node_out(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    store.create(returned_path("orders", "db2"), {"stage": "who knows"})
    assert back(store, wish).course is Course.REBUILD
    assert status(lab) == {}


def test_a_node_that_takes_writes_is_refused_and_said(lab: Lab, store: Store, wish: Wish) -> None:
    sql(lab, "db2", "SET GLOBAL read_only = OFF")
    done = back(store, wish)
    assert (done.course, done.changed) == (Course.WRITABLE, False)
    sql(lab, "db2", "SET GLOBAL super_read_only = ON")


def test_nobody_is_asked_anything_while_a_job_is_open(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    store.create(job_path("orders"), job(JobState.PAUSED))
    assert back(store, wish).course is Course.JOB_OPEN
    assert status(lab) == {}


def test_the_primary_itself_and_one_that_does_not_answer_are_told_apart(store: Store, wish: Wish) -> None:
    assert back(store, replace(wish, node="db1")).course is Course.PRIMARY
    assert back(store, replace(wish, node="db3")).course is Course.UNREACHABLE


def test_nobody_is_compared_with_a_primary_that_is_read_only(lab: Lab, store: Store, wish: Wish) -> None:
    cut_loose(lab)
    sql(lab, "db1", "SET GLOBAL super_read_only = ON")
    with pytest.raises(Refused, match="read-only"):
        back(store, wish)
    assert status(lab) == {}
