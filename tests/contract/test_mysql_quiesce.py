"""A primary that is made read-only while its clients write: by the server's own word, as root over its socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, cast

import pymysql
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import introduce
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.channel_account import ChannelAccount
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import LongTransactions, Node, Policy
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused, StaleEpoch
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import StepRecord
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.quiet import (
    Silence,
    refuse_unless_quiet,
    silence,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Neighbours, Scene
from tests.contract.by_hand import (
    PATIENCE_SECONDS,
    await_caught_up,
    await_that,
    globals_set,
    has_row,
    session_ids,
    sessions,
    sql,
    value,
    vertical,
)
from tests.contract.test_permission_record import SPEC
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab
from tests.unit.core import worlds

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
DB1 = Node(name="db1", address=HOSTS["db1"], port=MYSQL_PORT)
READ_ONLY = "CONCAT(@@global.read_only, @@global.super_read_only)"
EXECUTED = "@@global.gtid_executed"
OPEN = "COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0"


def nothing() -> None:
    """Nobody has taken over."""


def quiesce(policy: LongTransactions = LongTransactions.WAIT, seconds: float = 1.0) -> Silence:
    asked = Policy(long_transactions=policy, long_transaction_seconds_max=seconds)
    return silence(DB1, LOGIN, asked, nothing)


def row(number: int) -> str:
    return f"REPLACE INTO app.writes VALUES (77, {number}, @@server_uuid, NOW(6))"


@contextmanager
def in_transaction(lab: Lab, number: int) -> Iterator[Any]:
    """An application that has written a row and not committed it."""
    with sessions(lab, "db1", 1) as (application,):
        with application.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(row(number))
        assert value(lab, "db1", OPEN) != "0"
        yield application


def commits(application: Any) -> bool:
    try:
        with application.cursor() as cursor:
            cursor.execute("COMMIT")
    except pymysql.MySQLError:
        return False
    return True


def writes_as_root(lab: Lab, number: int) -> bool:
    """Root has SUPER."""
    try:
        sql(lab, "db1", row(number))
    except RuntimeError:
        return False
    return True


@pytest.mark.scenario(43)
def test_a_transaction_that_does_not_end_is_waited_for_and_then_left_alone(lab: Lab) -> None:
    with in_transaction(lab, 9101) as application:
        found = quiesce()
        assert "session" in found.given_up
        assert "app@" in found.given_up
        assert (found.killed, found.attempts) == (0, 0)
        assert value(lab, "db1", READ_ONLY) == "00"
        assert commits(application)
    assert has_row(lab, "db1", 9101)


@pytest.mark.scenario(43)
def test_where_nobody_is_to_be_waited_for_it_is_given_up_at_once(lab: Lab) -> None:
    with in_transaction(lab, 9102) as application:
        found = quiesce(LongTransactions.ABORT, seconds=3600.0)
        assert "waits for nobody" in found.given_up
        assert commits(application)


@pytest.mark.scenario(43)
def test_a_transaction_that_ends_in_time_is_part_of_what_there_is(lab: Lab) -> None:
    with in_transaction(lab, 9103) as application, ThreadPoolExecutor(1) as beside:
        quiet: Future[Silence] = beside.submit(quiesce, seconds=PATIENCE_SECONDS)
        time.sleep(0.5)  # an opportunity to be wrong
        assert not quiet.done()
        assert value(lab, "db1", READ_ONLY) == "00"
        assert commits(application)
        found = quiet.result(PATIENCE_SECONDS)
    assert found.given_up == ""
    assert value(lab, "db1", READ_ONLY) == "11"
    assert has_row(lab, "db1", 9103)
    assert found.executed == value(lab, "db1", EXECUTED)


@pytest.mark.scenario(43)
def test_a_transaction_that_is_killed_leaves_nothing(lab: Lab) -> None:
    with in_transaction(lab, 9104) as application:
        found = quiesce(LongTransactions.KILL, seconds=0.2)
        assert (found.given_up, found.killed) == ("", 1)
        assert value(lab, "db1", READ_ONLY) == "11"
        assert not commits(application)
    assert not has_row(lab, "db1", 9104)


@pytest.mark.scenario(43)
def test_who_holds_a_table_is_named_and_the_writers_behind_it_go_on(lab: Lab) -> None:
    sql(lab, "db1", "CREATE TABLE IF NOT EXISTS app.held (id INT PRIMARY KEY)")
    with sessions(lab, "db1", 2) as (holder, writer):
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLES app.held WRITE")
        found = quiesce(seconds=0.5)
        assert found.attempts >= 1
        assert "by a lock" in found.given_up
        assert value(lab, "db1", READ_ONLY) == "00"
        with writer.cursor() as cursor:
            cursor.execute(row(9105))
    assert has_row(lab, "db1", 9105)
    sql(lab, "db1", "DROP TABLE app.held")


@pytest.mark.scenario(42)
def test_neither_super_users_nor_events_write_until_it_is_taken_back(lab: Lab) -> None:
    ticks = "COUNT(*) FROM app.ticks"
    sql(lab, "db1", "CREATE TABLE app.ticks (id INT AUTO_INCREMENT PRIMARY KEY)")
    sql(lab, "db1", "CREATE EVENT app.tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO app.ticks VALUES ()")
    try:
        with globals_set(lab, "db1", event_scheduler="ON"):
            await_that(lambda: value(lab, "db1", ticks) != "0", "the event writes")
            found = quiesce(seconds=PATIENCE_SECONDS)
            assert found.given_up == ""
            assert not writes_as_root(lab, 9106)
            time.sleep(2.5)  # an opportunity for the event to be wrong
            assert value(lab, "db1", EXECUTED) == found.executed
            before = int(value(lab, "db1", ticks))
            with connect(DB1.address, DB1.port, LOGIN) as server:
                server.set_super_read_only(False)
            assert writes_as_root(lab, 9107)
            await_that(lambda: int(value(lab, "db1", ticks)) > before, "the event writes again")
    finally:
        sql(lab, "db1", "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF")
        sql(lab, "db1", "DROP EVENT app.tick; DROP TABLE app.ticks")


def test_who_has_nothing_open_stays_connected_until_the_name_leads_elsewhere(lab: Lab) -> None:
    with sessions(lab, "db1", 3):
        before = session_ids(lab, "db1", "app")
        assert quiesce(seconds=PATIENCE_SECONDS).given_up == ""
        assert session_ids(lab, "db1", "app") == before


@pytest.mark.scenario(44)
def test_clients_that_come_and_go_do_not_hold_it_up(lab: Lab) -> None:
    over: list[bool] = []

    def storm() -> int:
        many = 0
        while not over:
            with sessions(lab, "db1", 1):
                many += 1
        return many

    with ThreadPoolExecutor(8) as clients:
        storms = [clients.submit(storm) for _each in range(8)]
        try:
            found = quiesce(seconds=PATIENCE_SECONDS)
        finally:
            over.append(True)
        assert all(each.result(PATIENCE_SECONDS) for each in storms)
    assert found.given_up == ""
    assert value(lab, "db1", READ_ONLY) == "11"


def test_short_transactions_without_a_pause_between_them_are_waited_for_one_by_one(lab: Lab) -> None:
    """At every moment one is open, and each for a short time only."""
    over: list[bool] = []

    def work(number: int) -> None:
        with sessions(lab, "db1", 1) as (application,), suppress(pymysql.MySQLError), application.cursor() as cursor:
            while not over:
                cursor.execute("BEGIN")
                cursor.execute(row(number))
                time.sleep(0.03)
                cursor.execute("COMMIT")

    with ThreadPoolExecutor(4) as clients:
        for number in range(9110, 9114):
            clients.submit(work, number)
        try:
            await_that(lambda: has_row(lab, "db1", 9113), "they write")
            found = quiesce(seconds=PATIENCE_SECONDS)
        finally:
            over.append(True)
    assert (found.given_up, found.killed) == ("", 0)
    assert value(lab, "db1", READ_ONLY) == "11"


def test_who_has_been_succeeded_changes_nothing(lab: Lab) -> None:
    def taken_over() -> None:
        raise StaleEpoch("another has taken over")

    with pytest.raises(StaleEpoch):
        silence(DB1, LOGIN, Policy(), taken_over)
    assert value(lab, "db1", READ_ONLY) == "00"


def scene(executed: str) -> Scene:
    """Of a switchover from db1 to db2, right before the promotion; ``executed``: when db1 became quiet."""
    quiet = StepRecord(
        step="quiesce",
        epoch=7,
        changed=True,
        sentence="",
        evidence={"gtid_executed": executed},
        finished_at=0.0,
        seconds=0.0,
    )
    job = replace(worlds.job(JobState.RUNNING), old_primary="db1", candidate="db2", steps=(quiet,))
    spec = replace(SPEC, nodes=(DB1, *SPEC.nodes[1:]))
    nowhere = cast(Any, None)  # nobody has to be asked for a promotion while db1 answers
    switchover = replace(job, kind=JobKind.SWITCHOVER)
    return Scene(store=nowhere, spec=spec, job=switchover, neighbours=Neighbours(login=LOGIN), check=False)


def test_nobody_is_promoted_unless_the_old_primary_is_as_quiet_as_it_was(lab: Lab) -> None:
    executed = quiesce(seconds=PATIENCE_SECONDS).executed
    has, lacks = GtidSet.parse(executed), GtidSet()
    refuse_unless_quiet(scene(executed), has)
    with pytest.raises(Refused, match=r"db2 lacks \d+ transactions of db1"):
        refuse_unless_quiet(scene(executed), lacks)
    sql(lab, "db1", "SET GLOBAL super_read_only = OFF")
    with pytest.raises(Refused, match="db1 has been made writable by somebody"):
        refuse_unless_quiet(scene(executed), has)
    sql(lab, "db1", f"{row(9109)}; SET GLOBAL super_read_only = ON")
    with pytest.raises(Refused, match="db1 has committed 1 transactions since"):
        refuse_unless_quiet(scene(executed), has)


def test_a_new_channel_is_like_the_one_that_was_shown(lab: Lab) -> None:
    query = "SELECT * FROM performance_schema.replication_connection_configuration"
    db2 = Node(name="db2", address=HOSTS["db2"], port=MYSQL_PORT)
    before = vertical(lab, "db2", query)
    with connect(db2.address, db2.port, LOGIN) as server:
        shown = server.options_of("")
        sql(lab, "db2", "STOP REPLICA; RESET REPLICA ALL")
        account = ChannelAccount(user="repl", password=PASSWORDS["repl"], options={})
        introduce(server, "", DB1.address, DB1.port, account.like(shown))
        server.start("")
    sql(lab, "db1", row(9108))
    await_caught_up(lab)
    assert has_row(lab, "db2", 9108)
    assert vertical(lab, "db2", query) == before
