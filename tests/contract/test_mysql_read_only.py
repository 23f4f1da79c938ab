"""A server that is taken out of its clients' hands, whatever they are at."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pymysql
import pytest
from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.read_only import make_read_only
from tests.contract.by_hand import await_that, has_row, session_ids, sessions, sql, value
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
READ_ONLY = "CONCAT(@@global.read_only, @@global.super_read_only)"
WAITS_FOR_ANSWER = "COUNT(*) FROM performance_schema.threads WHERE PROCESSLIST_STATE LIKE 'Waiting for semi-sync ACK%'"


def write(application: Connection[DictCursor], number: int) -> str:
    try:
        with application.cursor() as cursor:
            cursor.execute("REPLACE INTO app.writes VALUES (77, %s, @@server_uuid, NOW(6))", (number,))
    except pymysql.MySQLError:
        return "no answer"
    return "acknowledged"


@contextmanager
def semi_synchronous(lab: Lab) -> Iterator[None]:
    """db1 acknowledges nothing before a replica has it, and no replica says that it has."""
    try:
        sql(
            lab, "db1", "SET GLOBAL rpl_semi_sync_source_timeout = 600000; SET GLOBAL rpl_semi_sync_source_enabled = ON"
        )
        yield
    finally:
        sql(lab, "db1", "SET GLOBAL rpl_semi_sync_source_enabled = OFF")


@pytest.mark.scenario(40)
def test_a_commit_that_waits_for_a_semi_synchronous_answer_is_never_acknowledged_once_its_server_is_fenced(
    lab: Lab,
) -> None:
    with semi_synchronous(lab), sessions(lab, "db1", 1) as (application,), ThreadPoolExecutor(1) as beside:
        stuck: Future[str] = beside.submit(write, application, 9041)
        await_that(lambda: value(lab, "db1", WAITS_FOR_ANSWER) == "1", "the commit waits for a replica's answer")
        killed = make_read_only(HOSTS["db1"], MYSQL_PORT, LOGIN)
        assert stuck.result(30) == "no answer"
        assert killed >= 1
        assert value(lab, "db1", READ_ONLY) == "11"
        # It is in the server's own log all the same, as after a crash: what nobody was promised.
        assert has_row(lab, "db1", 9041)


def test_a_client_that_holds_a_table_does_not_keep_a_server_from_becoming_read_only(lab: Lab) -> None:
    with sessions(lab, "db1", 2) as (holder, other), holder.cursor() as cursor:
        cursor.execute("LOCK TABLES app.writes WRITE")
        make_read_only(HOSTS["db1"], MYSQL_PORT, LOGIN)
        assert value(lab, "db1", READ_ONLY) == "11"
        assert write(holder, 9042) == write(other, 9043) == "no answer"
    assert not session_ids(lab, "db1", "app")
    assert not has_row(lab, "db1", 9042)


def test_nobody_who_comes_back_can_write(lab: Lab) -> None:
    make_read_only(HOSTS["db1"], MYSQL_PORT, LOGIN)
    with sessions(lab, "db1", 1) as (application,):
        assert write(application, 9044) == "no answer"
    assert not has_row(lab, "db1", 9044)
