"""What of a server's set-up bars it from promotion, against what was set and what the mysql client shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_facts import facts_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Facts
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from tests.contract import by_hand
from tests.contract.by_hand import await_that, sql, value, vertical
from tests.lab import services
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)


def facts(host: str = "db2") -> Facts:
    with connect(HOSTS[host], MYSQL_PORT, LOGIN) as server:
        return facts_of(server)


@contextmanager
def restarted_with(lab: Lab, *options: str) -> Iterator[None]:
    """db2 with other options for a while."""
    host = lab.host("db2")
    usual = list(host.state().processes["mysqld"].argv)

    def restart(argv: list[str]) -> None:
        if host.running("mysqld"):
            host.kill("mysqld")
        host.start("mysqld", argv)
        services.wait_until("mysqld on db2", lambda: services.mysqld_answers(host))

    try:
        restart([*usual, *options])
        yield
    finally:
        restart(usual)


def test_nothing_bars_a_usual_replica(lab: Lab) -> None:
    found = facts()
    assert (found.log_bin, found.log_replica_updates, found.gtid_mode) == (True, True, "ON")
    assert (found.delay_seconds, found.filters, found.applier_error, found.receiver_error) == (0, (), "", "")
    assert GtidSet.parse(found.gtid_purged) == GtidSet.parse(value(lab, "db2", "@@global.gtid_purged"))


def test_a_server_without_a_channel_has_no_delay_and_no_filter_and_no_error(lab: Lab) -> None:
    assert vertical(lab, "db1", "SHOW REPLICA STATUS") == {}
    found = facts("db1")
    assert (found.delay_seconds, found.filters, found.applier_error, found.receiver_error) == (0, (), "", "")


def test_the_longest_delay_of_its_channels_is_told(lab: Lab) -> None:
    try:
        by_hand.follow_primary(lab, "SOURCE_DELAY = 3600")
        assert facts().delay_seconds == 3600
    finally:
        by_hand.follow_primary(lab)
    assert facts().delay_seconds == 0


def test_filters_of_what_it_applies_are_told_by_name(lab: Lab) -> None:
    change = "STOP REPLICA SQL_THREAD; CHANGE REPLICATION FILTER {}; START REPLICA SQL_THREAD"
    kinds = ("REPLICATE_IGNORE_DB", "REPLICATE_WILD_IGNORE_TABLE")
    try:
        sql(lab, "db2", change.format(f"{kinds[0]} = (secret), {kinds[1]} = ('other.t%')"))
        assert set(facts().filters) == {"Replicate_Ignore_DB secret", "Replicate_Wild_Ignore_Table other.t%"}
    finally:
        sql(lab, "db2", change.format(", ".join(f"{kind} = ()" for kind in kinds)))
    assert facts().filters == ()


def test_an_applier_that_cannot_go_on_tells_why_and_one_that_was_only_stopped_tells_nothing(lab: Lab) -> None:
    sql(lab, "db2", "STOP REPLICA SQL_THREAD")
    assert facts().applier_error == ""
    sql(lab, "db2", "START REPLICA SQL_THREAD")
    row = "app.writes VALUES (77, 31, @@server_uuid, NOW(6))"
    sql(lab, "db2", f"SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; INSERT INTO {row}")
    try:
        sql(lab, "db1", f"INSERT INTO {row}")
        await_that(
            lambda: vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_SQL_Running"] == "No", "the applier stops"
        )
        own_word = vertical(lab, "db2", "SHOW REPLICA STATUS")["Last_SQL_Error"]
        found = facts()
    finally:
        sql(lab, "db2", "SET sql_log_bin = 0; DELETE FROM app.writes WHERE writer = 77 AND n = 31; START REPLICA")
    assert own_word
    assert found.applier_error == own_word


def test_a_receiver_that_tries_to_connect_has_not_stopped(lab: Lab) -> None:
    lab.host("db1").kill("mysqld")
    await_that(
        lambda: vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_IO_Running"] == "Connecting",
        "db2 notices that its source is gone",
    )
    assert facts().receiver_error == ""


def test_what_was_purged_of_the_binary_log_is_told(lab: Lab) -> None:
    by_hand.write_row(lab, 32)
    by_hand.await_caught_up(lab)
    sql(lab, "db2", "FLUSH BINARY LOGS")
    newest = sql(lab, "db2", "SHOW BINARY LOGS")[-1][0]
    sql(lab, "db2", f"PURGE BINARY LOGS TO '{newest}'")
    told = facts().gtid_purged
    assert GtidSet.parse(told) == GtidSet.parse(value(lab, "db2", "@@global.gtid_executed"))
    assert "\n" not in told


def test_another_gtid_mode_is_told(lab: Lab) -> None:
    with by_hand.globals_set(lab, "db1", gtid_mode="ON_PERMISSIVE"):
        assert facts("db1").gtid_mode == "ON_PERMISSIVE"
    assert facts("db1").gtid_mode == "ON"


def test_a_server_without_a_binary_log_says_so(lab: Lab) -> None:
    with restarted_with(lab, "--skip-log-bin"):
        assert facts().log_bin is False


@pytest.mark.parametrize("schema", ["ON", "OFF"])
def test_what_it_does_not_log_is_told_with_or_without_the_performance_schema(lab: Lab, schema: str) -> None:
    options = ("--log-replica-updates=OFF", "--binlog-ignore-db=secret", "--replicate-do-db=app")
    with restarted_with(lab, *options, f"--performance-schema={schema}"):
        found = facts()
    assert (found.log_bin, found.log_replica_updates) == (True, False)
    assert set(found.filters) == {"Binlog_Ignore_DB secret", "Replicate_Do_DB app"}
