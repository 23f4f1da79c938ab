"""Connections that outlive their use, counted by the server itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import (
    Login,
    MysqlError,
    Server,
    connect,
    keeping_connections,
)
from tests.contract.by_hand import await_that, session_ids, sql, value
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
WHERE = (HOSTS["db1"], MYSQL_PORT, LOGIN)


def identity(server: Server) -> int:
    return int(server.query("SELECT CONNECTION_ID() AS id")[0]["id"])


def one(*, anew: bool = False) -> int:
    with connect(*WHERE, anew=anew) as server:
        return identity(server)


def fail() -> None:
    with connect(*WHERE) as server:
        server.query("SELECT nothing FROM nowhere")


def test_a_connection_ends_with_its_use_unless_it_is_to_be_kept(lab: Lab) -> None:
    before = session_ids(lab, "db1", "altair")
    assert one() != one()
    await_that(lambda: session_ids(lab, "db1", "altair") == before, "no connection is left")
    with keeping_connections():
        assert one() == one()
    await_that(lambda: session_ids(lab, "db1", "altair") == before, "no connection is left")


def test_a_proof_opens_its_own_connection(lab: Lab) -> None:
    assert value(lab, "db1", "1") == "1"
    with keeping_connections():
        kept = one()
        assert one(anew=True) != kept
        assert one() == kept


def test_a_kept_connection_that_the_server_has_ended_is_opened_anew(lab: Lab) -> None:
    with keeping_connections():
        kept = one()
        sql(lab, "db1", f"KILL {kept}")
        assert one() != kept


def test_a_connection_that_something_failed_on_is_not_kept(lab: Lab) -> None:
    assert value(lab, "db1", "1") == "1"
    with keeping_connections():
        kept = one()
        with pytest.raises(MysqlError):
            fail()
        assert one() != kept


def test_a_session_whose_variables_were_changed_is_not_kept(lab: Lab) -> None:
    assert value(lab, "db1", "1") == "1"
    with keeping_connections():
        with connect(*WHERE) as server:
            kept = identity(server)
            server.apply([b"SET @@session.sql_mode = 'ANSI'"])
        assert one() != kept


def test_threads_never_share_one_that_is_in_use(lab: Lab) -> None:
    assert value(lab, "db1", "1") == "1"

    def held(_number: int) -> int:
        with connect(*WHERE) as server:
            server.query("SELECT SLEEP(0.2)")
            return identity(server)

    with keeping_connections(), ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(held, range(4)))) == 4
        assert one() == one()
