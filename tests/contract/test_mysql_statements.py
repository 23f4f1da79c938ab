"""What the adapter does to a server, read back as root with the mysql client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pymysql
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, MysqlError, Server, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from tests.contract import by_hand
from tests.contract.by_hand import await_that, session_ids, sessions, sql, value, vertical, write_row
from tests.lab import services
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
READ_ONLY = "CONCAT(@@global.read_only, @@global.super_read_only)"


@contextmanager
def adapter(host: str, login: Login = LOGIN) -> Iterator[Server]:
    with connect(HOSTS[host], MYSQL_PORT, login) as server:
        yield server


def test_the_state_of_a_primary_is_what_the_client_shows(lab: Lab) -> None:
    write_row(lab, 1)
    with adapter("db1") as server:
        state = server.state()
    assert (state.read_only, state.super_read_only, state.writable) == (False, False, True)
    assert GtidSet.parse(state.gtid_executed) == GtidSet.parse(value(lab, "db1", "@@global.gtid_executed"))
    assert "\n" not in state.gtid_executed
    assert state.channels == ()


def test_the_state_of_a_replica_is_what_the_client_shows(lab: Lab) -> None:
    await_that(lambda: vertical(lab, "db2", "SHOW REPLICA STATUS")["Seconds_Behind_Source"] == "0", "db2 is idle")
    with adapter("db2") as server:
        state = server.state()
    shown = vertical(lab, "db2", "SHOW REPLICA STATUS")
    (channel,) = state.channels
    assert (state.read_only, state.super_read_only, state.writable) == (True, True, False)
    assert (channel.name, channel.source_host, channel.source_port) == ("", HOSTS["db1"], MYSQL_PORT)
    assert channel.source_uuid == shown["Source_UUID"] == value(lab, "db1", "@@server_uuid")
    assert (channel.receiver_running, channel.applier_running, channel.error) == (True, True, "")
    assert channel.gtid_retrieved == shown["Retrieved_Gtid_Set"]
    assert channel.lag_seconds == 0.0


def test_a_replica_that_cannot_reach_its_source_has_no_running_receiver_and_no_known_lag(lab: Lab) -> None:
    lab.host("db1").kill("mysqld")
    await_that(
        lambda: vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_IO_Running"] == "Connecting",
        "db2 notices that its source is gone",
    )
    with adapter("db2") as server:
        (channel,) = server.state().channels
    assert (channel.receiver_running, channel.applier_running, channel.lag_seconds) == (False, True, None)
    assert HOSTS["db1"] in channel.error


def test_an_applier_that_broke_tells_why(lab: Lab) -> None:
    row = "app.writes VALUES (77, 2, @@server_uuid, NOW(6))"
    sql(lab, "db2", f"SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; INSERT INTO {row}")
    try:
        sql(lab, "db1", f"INSERT INTO {row}")
        await_that(
            lambda: vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_SQL_Running"] == "No", "the applier stops"
        )
        with adapter("db2") as server:
            (channel,) = server.state().channels
    finally:
        own_word = vertical(lab, "db2", "SHOW REPLICA STATUS")["Last_SQL_Error"]
        sql(lab, "db2", "SET sql_log_bin = 0; DELETE FROM app.writes WHERE writer = 77 AND n = 2; START REPLICA")
    assert (channel.receiver_running, channel.applier_running) == (True, False)
    assert own_word
    assert channel.error == own_word


def test_read_only_keeps_even_root_from_writing(lab: Lab) -> None:
    with adapter("db1") as server:
        server.set_super_read_only(True)
    assert value(lab, "db1", READ_ONLY) == "11"
    with pytest.raises(RuntimeError, match="super-read-only"):
        write_row(lab, 3)


def test_writable_means_that_an_application_can_commit(lab: Lab) -> None:
    sql(lab, "db1", "SET GLOBAL super_read_only = ON")
    with adapter("db1") as server:
        server.set_super_read_only(False)
    assert value(lab, "db1", READ_ONLY) == "00"
    with sessions(lab, "db1", 1) as (application,), application.cursor() as cursor:
        assert cursor.execute("REPLACE INTO app.writes VALUES (77, 4, @@server_uuid, NOW(6))")


def test_read_only_that_cannot_be_had_in_time_is_an_error_and_is_not_read_back_as_held(lab: Lab) -> None:
    with sessions(lab, "db1", 1) as (application,), application.cursor() as cursor:
        cursor.execute("LOCK TABLES app.writes WRITE")
        with adapter("db1", replace(LOGIN, read_timeout=0.5)) as server, pytest.raises(MysqlError) as caught:
            server.set_super_read_only(True)
        with adapter("db1") as server:
            pending = server.state()
        assert cursor.execute("REPLACE INTO app.writes VALUES (77, 5, @@server_uuid, NOW(6))")
    assert caught.value.reach is Reach.TIMED_OUT
    assert pending.super_read_only is False
    # The server goes on with what it was told, although nobody waits for it any more.
    await_that(lambda: value(lab, "db1", READ_ONLY) == "11", "the statement takes effect once the lock is gone")


def outcome(application: pymysql.connections.Connection[pymysql.cursors.DictCursor]) -> str:
    try:
        with application.cursor() as cursor:
            cursor.execute("SELECT 1")
    except pymysql.MySQLError:
        return "disconnected"
    return "connected"


def assert_only_clients_are_killed(lab: Lab) -> None:
    await_that(lambda: len(session_ids(lab, "db1", "repl")) == 1, "db2's receiver is connected to db1")
    receiver = session_ids(lab, "db1", "repl")
    with sessions(lab, "db1", 3) as applications:
        before = session_ids(lab, "db1", "app")
        with adapter("db1") as server:
            killed = server.kill_client_sessions()
            assert server.query("SELECT 1 AS one") == [{"one": 1}]
        assert {outcome(each) for each in applications} == {"disconnected"}
    assert len(before) == 3
    assert killed >= 3
    assert not session_ids(lab, "db1", "app")
    assert session_ids(lab, "db1", "repl") == receiver


def test_clients_are_disconnected_and_replicas_are_not(lab: Lab) -> None:
    assert_only_clients_are_killed(lab)


def test_clients_are_disconnected_where_the_performance_schema_is_off(lab: Lab) -> None:
    host = lab.host("db1")
    usual = list(host.state().processes["mysqld"].argv)
    host.kill("mysqld")
    host.start("mysqld", [*usual, "--performance-schema=OFF"])
    try:
        services.wait_until("mysqld on db1", lambda: services.mysqld_answers(host))
        by_hand.put_right(lab)
        assert_only_clients_are_killed(lab)
    finally:
        host.kill("mysqld")
        host.start("mysqld", usual)


def test_the_servers_own_threads_survive_when_clients_are_disconnected(lab: Lab) -> None:
    with by_hand.globals_set(lab, "db2", event_scheduler="ON"):
        before = threads(lab)
        with sessions(lab, "db2", 1) as (application,), adapter("db2") as server:
            server.kill_client_sessions()
            assert outcome(application) == "disconnected"
        assert before
        assert threads(lab) == before
    assert vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_SQL_Running"] == "Yes"


def threads(lab: Lab) -> set[tuple[str, str]]:
    """Connections of the server's own: the replica's receiver, applier and workers, and the event scheduler."""
    own = ("system user", "event_scheduler")
    return {(row[0], row[1]) for row in sql(lab, "db2", "SHOW PROCESSLIST") if row[1] in own}


def test_a_session_of_an_administrator_is_disconnected_too(lab: Lab) -> None:
    with sessions(lab, "db1", 1, user="altair") as (colleague,):
        with adapter("db1") as server:
            server.kill_client_sessions()
        assert outcome(colleague) == "disconnected"
