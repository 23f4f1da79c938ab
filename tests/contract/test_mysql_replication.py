"""How a replica is drained, cut off and pointed elsewhere, read back with the mysql client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, MysqlError, Server, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from tests.contract import by_hand
from tests.contract.by_hand import await_that, has_row, sessions, value, vertical, write_row
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
NOBODY = HOSTS["db3"]


@contextmanager
def adapter(login: Login = LOGIN) -> Iterator[Server]:
    with connect(HOSTS["db2"], MYSQL_PORT, login) as server:
        yield server


def status(lab: Lab) -> dict[str, str]:
    return vertical(lab, "db2", "SHOW REPLICA STATUS")


def retrieved(lab: Lab) -> GtidSet:
    return GtidSet.parse(status(lab)["Retrieved_Gtid_Set"])


@contextmanager
def applier_held_back(lab: Lab) -> Iterator[None]:
    """A lock on db2 that its applier waits for as long as it is held."""
    with sessions(lab, "db2", 1) as (reader,), reader.cursor() as cursor:
        cursor.execute("LOCK TABLES app.writes READ")
        yield


def test_a_drained_replica_has_applied_what_it_received_although_its_receiver_is_stopped(lab: Lab) -> None:
    with adapter() as server:
        with applier_held_back(lab):
            written = write_row(lab, 10)
            new = GtidSet.parse(written) - GtidSet.parse(value(lab, "db2", "@@global.gtid_executed"))
            await_that(lambda: new <= retrieved(lab), "db2 receives the row")
            server.stop_receivers()
            assert status(lab)["Replica_IO_Running"] == "No"
            assert server.wait_applied(written, 0.2) is False
            assert not has_row(lab, "db2", 10)
        assert server.wait_applied(written, 20) is True
    assert has_row(lab, "db2", 10)
    assert status(lab)["Replica_SQL_Running"] == "Yes"


def test_a_stopped_receiver_takes_nothing_more(lab: Lab) -> None:
    with adapter() as server:
        server.stop_receivers()
        written = write_row(lab, 11)
        assert server.wait_applied(written, 0.2) is False
    assert not has_row(lab, "db2", 11)


def test_waiting_for_no_time_looks_once(lab: Lab) -> None:
    with adapter(replace(LOGIN, read_timeout=5)) as server:
        server.stop_receivers()
        executed = value(lab, "db2", "@@global.gtid_executed")
        assert server.wait_applied(executed, 0) is True
        assert server.wait_applied(write_row(lab, 12), 0) is False
        assert server.wait_applied(executed, -1) is True


def test_a_stopped_applier_goes_on_where_it_stopped(lab: Lab) -> None:
    by_hand.sql(lab, "db2", "STOP REPLICA SQL_THREAD")
    written = write_row(lab, 13)
    with adapter() as server:
        assert server.wait_applied(written, 0.2) is False
        server.start_appliers()
        assert server.wait_applied(written, 20) is True
    assert has_row(lab, "db2", 13)


def test_waiting_on_a_server_that_freezes_ends_with_an_error(lab: Lab) -> None:
    with adapter(replace(LOGIN, read_timeout=0.5)) as server:
        by_hand.freeze(lab, "db2")
        with pytest.raises(MysqlError) as caught:
            server.wait_applied("", 0.1)
    assert caught.value.reach is Reach.TIMED_OUT


def test_a_forgotten_source_leaves_no_channel(lab: Lab) -> None:
    with adapter() as server:
        server.forget_source()
        server.forget_source()
        assert server.state().channels == ()
    assert status(lab) == {}
    assert value(lab, "db2", "COUNT(*) FROM performance_schema.replication_connection_configuration") == "0"


def test_every_channel_is_forgotten(lab: Lab) -> None:
    by_hand.follow_primary(lab, "SOURCE_DELAY = 0", channel="extra")
    with adapter() as server:
        server.forget_source()
    assert value(lab, "db2", "COUNT(*) FROM performance_schema.replication_connection_configuration") == "0"


CONFIGURATION = "SELECT * FROM performance_schema.replication_connection_configuration"
APPLIER = "SELECT * FROM performance_schema.replication_applier_configuration"


@pytest.mark.parametrize("channel", ["", "from-primary"])
def test_who_follows_another_source_keeps_account_tls_and_retry_options(lab: Lab, channel: str) -> None:
    tls = lab.etc / "tls"
    options = (
        f"SOURCE_SSL_CA = '{tls}/ca.pem'",
        f"SOURCE_SSL_CERT = '{tls}/db2.pem'",
        f"SOURCE_SSL_KEY = '{tls}/db2.key'",
        "SOURCE_SSL_VERIFY_SERVER_CERT = 1",
        "SOURCE_TLS_VERSION = 'TLSv1.3'",
        "GET_SOURCE_PUBLIC_KEY = 1",
        "SOURCE_COMPRESSION_ALGORITHMS = 'zlib'",
        "PRIVILEGE_CHECKS_USER = NULL",
        "REQUIRE_ROW_FORMAT = 1",
    )
    by_hand.follow_primary(lab, *options, host=NOBODY, channel=channel)
    before, applier_before = vertical(lab, "db2", CONFIGURATION), vertical(lab, "db2", APPLIER)
    with adapter() as server:
        server.follow(channel, HOSTS["db1"], MYSQL_PORT)
    after = vertical(lab, "db2", CONFIGURATION)
    assert before["HOST"] == NOBODY
    assert after == before | {"HOST": HOSTS["db1"]}
    assert vertical(lab, "db2", APPLIER) == applier_before
    assert (after["CHANNEL_NAME"], after["USER"], after["SSL_ALLOWED"]) == (channel, "repl", "YES")
    assert after["CONNECTION_RETRY_COUNT"] == "86400"
    await_that(lambda: status(lab)["Replica_IO_Running"] == "Yes", "db2 is connected to db1")
    write_row(lab, 14)
    by_hand.await_caught_up(lab)
    assert has_row(lab, "db2", 14)


def test_who_follows_another_source_moves_by_gtid_and_takes_its_port(lab: Lab) -> None:
    with adapter() as server:
        server.follow("", NOBODY, 3399)
        (channel,) = server.state().channels
    assert (channel.source_host, channel.source_port) == (NOBODY, 3399)
    assert status(lab)["Auto_Position"] == "1"


def test_a_channel_name_is_never_taken_for_sql(lab: Lab) -> None:
    with adapter() as server, pytest.raises(MysqlError, match="Replica channel 'x'; drop schema app' does not exist"):
        server.follow("x'; DROP SCHEMA app", HOSTS["db1"], MYSQL_PORT)
    assert value(lab, "db2", "COUNT(*) FROM information_schema.schemata WHERE schema_name = 'app'") == "1"
