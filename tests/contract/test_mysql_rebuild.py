"""One real server is cloned into the other: bounded, watched, interrupted and tried again; read back as root."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event, Thread

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import read_channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_clone import copy_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import PostconditionFailed, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rebuild import Bounds
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rejoin import Course
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import Stage
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import job_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.copying import Copying
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.rebuild import Order, Rebuilt, rebuild
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.rejoin import rejoin
from tests.contract.by_hand import await_caught_up, await_that, has_row, sql, value, write_row
from tests.contract.test_mysql_follow import NODES, errant_transaction, options, status
from tests.contract.test_mysql_rejoin import LOGIN_SOON, NOW_AT, WISH, on_record, store
from tests.contract.test_mysql_repair import job
from tests.lab.lab import Lab

__all__ = ["store"]  # the fixture

TOLD: list[str] = []
SLOW = Bounds(data_mib=10, network_mib=10, threads=1)  # some seconds, in which it can be interrupted
COPYING = Copying(
    login=LOGIN_SOON,
    bounds=Bounds(),
    encrypted=True,
    seconds_max=120.0,
    restart_seconds=30.0,
    tell=TOLD.append,
)
ORDER = Order(
    node="db2", confirm="db2", by="operator:ann@ops1", now_at=NOW_AT, copying=COPYING, retries=1, retry_seconds=0.1
)


def start_again(lab: Lab) -> None:
    """Nobody supervises the lab's servers."""
    host = lab.host("db2")
    await_that(lambda: not host.running("mysqld"), "db2's mysqld has shut down")
    host.start("mysqld")


def admit(lab: Lab, store: Store) -> None:
    account = read_channel_account(str(lab.etc / "repl.cnf"))
    wish = replace(WISH, account=account, renew=True, wait_seconds=60.0)
    done = rejoin(store, "orders", wish, LOGIN_SOON)
    assert done.admitted, done.sentence


def by_an_operator(lab: Lab, session: int) -> None:
    sql(lab, "db2", f"KILL QUERY {session}")


def by_death(lab: Lab, _session: int) -> None:
    lab.host("db2").kill("mysqld")
    lab.host("db2").start("mysqld")


@contextmanager
def interrupted(lab: Lab, how: Callable[[Lab, int], None] = by_an_operator) -> Iterator[None]:
    """Once, as soon as db2 has begun to remove what it has."""
    ended = Event()

    def work() -> None:
        while not ended.wait(0.02):
            with connect(NODES["db2"].address, NODES["db2"].port, LOGIN_SOON) as server:
                copy = copy_of(server)
            if copy.unfinished and copy.state == "In Progress":
                how(lab, copy.session)
                return

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_a_node_gets_all_data_of_its_donor_and_keeps_its_own_identity(lab: Lab, store: Store) -> None:
    uuid = value(lab, "db2", "@@server_uuid")
    sql(lab, "db2", "STOP REPLICA")
    write_row(lab, 50)
    done = rebuild(store, "orders", ORDER)
    assert (done.donor, done.needs_start, done.attempts, done.destroyed) == ("db1", True, (), "")
    assert done.donors.excluded.keys() == {"db3"}
    assert done.bytes > 1_000_000
    entry = on_record(store)
    assert entry is not None
    assert (entry.stage, entry.donor) == (Stage.COPIED, "db1")
    start_again(lab)
    admit(lab, store)
    assert on_record(store) is None
    await_caught_up(lab)
    assert has_row(lab, "db2", 50)
    assert value(lab, "db2", "@@server_uuid") == uuid != value(lab, "db1", "@@server_uuid")
    assert value(lab, "db2", "CONCAT(@@read_only, @@super_read_only)") == "11"


@pytest.mark.parametrize("how", [by_an_operator, by_death])
def test_a_copy_that_is_interrupted_is_begun_again_and_ends(
    lab: Lab, store: Store, how: Callable[[Lab, int], None]
) -> None:
    TOLD.clear()
    slow = replace(ORDER, copying=replace(COPYING, bounds=SLOW))
    with interrupted(lab, how):
        done = rebuild(store, "orders", slow)
    assert len(done.attempts) == 1
    assert done.attempts[0].startswith("no copy of db1: ")
    assert done.needs_start
    assert any("DROP DATA" in stage.name for stage in done.last.stages)
    assert any(sentence.startswith("db2: file copy") for sentence in TOLD)
    assert any("again from db1 in 0.1 s" in sentence for sentence in TOLD)
    start_again(lab)
    admit(lab, store)
    await_caught_up(lab)


def test_one_that_is_killed_each_time_fails_and_is_no_replica_until_a_rebuild_has_ended(lab: Lab, store: Store) -> None:
    slow = replace(ORDER, copying=replace(COPYING, bounds=SLOW), retries=0)
    with interrupted(lab), pytest.raises(PostconditionFailed, match="holds nothing that counts now"):
        rebuild(store, "orders", slow)
    entry = on_record(store)
    assert entry is not None
    assert entry.stage is Stage.COPYING
    account = read_channel_account(str(lab.etc / "repl.cnf"))
    assert rejoin(store, "orders", replace(WISH, account=account), LOGIN_SOON).course is Course.REBUILD
    assert status(lab) == {}
    assert rebuild(store, "orders", ORDER).needs_start
    start_again(lab)
    admit(lab, store)
    await_caught_up(lab)


def test_what_only_the_node_has_is_named_before_it_is_destroyed(lab: Lab, store: Store) -> None:
    with errant_transaction(lab) as errant:
        said = rebuild(store, "orders", ORDER, check=True)
        assert f"1 transactions that only it has would be destroyed ({errant})" in said.sentence
        done = rebuild(store, "orders", ORDER)
        assert done.destroyed == errant
        start_again(lab)
        admit(lab, store)
        assert value(lab, "db2", f"GTID_SUBSET('{errant}', @@global.gtid_executed)") == "0"


def refused(lab: Lab, store: Store, order: Order, sentence: str) -> None:
    before, executed = options(lab), value(lab, "db2", "@@global.gtid_executed")
    with pytest.raises(Refused, match=sentence):
        rebuild(store, "orders", order)
    assert options(lab) == before
    assert value(lab, "db2", "@@global.gtid_executed") == executed
    assert on_record(store) is None


def test_without_its_name_said_once_more_nothing_is_destroyed(lab: Lab, store: Store) -> None:
    refused(lab, store, replace(ORDER, confirm=""), "so say its name")


def test_nothing_is_destroyed_where_nobody_can_give(lab: Lab, store: Store) -> None:
    refused(lab, store, replace(ORDER, donor="db3"), "nobody can give db2 a copy .db3: it cannot be reached")


def test_nothing_is_destroyed_while_a_job_is_open(lab: Lab, store: Store) -> None:
    store.create(job_path("orders"), job(JobState.RUNNING))
    refused(lab, store, ORDER, "job orders-1 has not ended")


def test_the_primary_is_not_rebuilt(lab: Lab, store: Store) -> None:
    refused(lab, store, replace(ORDER, node="db1", confirm="db1"), "db1 is the primary")


def test_a_rehearsal_tells_donor_and_size_and_changes_nothing(lab: Lab, store: Store) -> None:
    before = options(lab)
    said: Rebuilt = rebuild(store, "orders", replace(ORDER, confirm=""), check=True)
    assert said.sentence.startswith("db2 would be rebuilt from db1, about ")
    assert said.sentence.endswith("it has nothing that db1 has not")
    assert options(lab) == before
    assert on_record(store) is None
