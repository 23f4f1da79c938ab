"""Clients that sit on an old primary, on a real mysqld: who is disconnected, who is spared, what is on record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import pymysql
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import StaleEpoch
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record, take_over
from ansible_collections.altair.mysql_ha.plugins.modules import disconnect_clients
from tests.contract.by_hand import PATIENCE_SECONDS, await_that, freeze, session_ids, sql
from tests.contract.discovery import EPOCH, ZOOKEEPER, spec, stand_before
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

_roots = count(1)
Run = Callable[..., dict[str, Any]]
LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
CLIENT = HOSTS["client"]


@pytest.fixture
def root() -> str:
    return f"/old-clients/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        stand_before(store, "disconnect_clients", spec())
        yield store


@pytest.fixture
def carry_out(lab: Lab, store: Store, root: str) -> Run:
    """The step of a job that replaced db1, which is fenced."""
    assert store.place
    sql(lab, "db1", "SET GLOBAL super_read_only = ON")

    def run(check: bool = False, **other: Any) -> dict[str, Any]:
        given: dict[str, Any] = {name: each.get("default") for name, each in disconnect_clients.ARGUMENT_SPEC.items()}
        given |= {"cluster": "orders", "epoch": EPOCH, "zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root}
        given |= {"login_user": "altair", "login_password": PASSWORDS["altair"], "read_timeout": 10.0}
        return disconnect_clients.run(given | other, check)

    return run


def far(user: str = "app") -> Any:
    """A session over the network, from the client's own host."""
    return pymysql.connect(
        host=HOSTS["db1"],
        port=MYSQL_PORT,
        user=user,
        password=PASSWORDS[user],
        connect_timeout=PATIENCE_SECONDS,
        read_timeout=PATIENCE_SECONDS,
        autocommit=True,
        ssl_disabled=True,
    )


def connected(session: Any) -> bool:
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (pymysql.MySQLError, OSError):
        return False
    return True


def steps_done(store: Store) -> list[str]:
    found = read_record(store, "orders").job
    assert found is not None
    return list(found.value.steps_done)


def test_clients_are_disconnected_and_on_record_by_account_and_number(lab: Lab, store: Store, carry_out: Run) -> None:
    applications = [far() for _each in range(3)]
    done = carry_out()
    assert not [each for each in applications if connected(each)]
    assert not session_ids(lab, "db1", "app")
    assert done["evidence"]["disconnected"] == 3
    assert done["evidence"]["accounts"] == {f"app@{CLIENT}": "3"}
    assert done["evidence"]["came_back"] == 0
    assert done["evidence"]["looks"] >= 3
    assert done["msg"] == "3 client sessions on db1 were disconnected"
    assert steps_done(store)[-1] == "disconnect_clients"


def test_replicas_and_the_agents_account_are_spared(lab: Lab, carry_out: Run) -> None:
    await_that(lambda: len(session_ids(lab, "db1", "repl")) == 1, "db2's receiver is connected to db1")
    receiver = session_ids(lab, "db1", "repl")
    with connect(HOSTS["db1"], MYSQL_PORT, LOGIN) as agent:
        application = far()
        done = carry_out()
        assert not connected(application)
        assert agent.query("SELECT 1 AS one") == [{"one": 1}]
    assert session_ids(lab, "db1", "repl") == receiver
    assert set(done["evidence"]["accounts"]) == {f"app@{CLIENT}"}


def test_who_came_by_the_hosts_own_socket_is_spared(lab: Lab, carry_out: Run) -> None:
    """A person on the host, say, who looks what is wrong with it."""
    answers: list[list[list[str]]] = []
    person = threading.Thread(target=lambda: answers.append(sql(lab, "db1", "SELECT SLEEP(6)")))
    person.start()
    await_that(lambda: sleepers(lab) == 1, "a person executes something")
    application = far()
    done = carry_out()
    assert not connected(application)
    assert set(done["evidence"]["accounts"]) == {f"app@{CLIENT}"}
    person.join()
    assert answers == [[["0"]]], "the person was not interrupted"


def sleepers(lab: Lab) -> int:
    shown = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'"
    return int(sql(lab, "db1", shown)[0][0])


def test_an_account_to_be_kept_stays(carry_out: Run) -> None:
    application = far()
    done = carry_out(kept_accounts=["app"])
    assert connected(application)
    application.close()
    assert done["evidence"]["disconnected"] == 0
    assert done["msg"] == "no client sits on db1"


def test_the_servers_own_threads_survive(lab: Lab, carry_out: Run) -> None:
    sql(lab, "db1", "SET GLOBAL event_scheduler = ON")
    try:
        scheduler = session_ids(lab, "db1", "event_scheduler")
        application = far()
        carry_out()
        assert not connected(application)
        assert session_ids(lab, "db1", "event_scheduler") == scheduler
        assert scheduler
    finally:
        sql(lab, "db1", "SET GLOBAL event_scheduler = OFF")


@contextmanager
def returning(lab: Lab) -> Iterator[list[float]]:
    """A client that comes back whenever it is disconnected, as one does whose resolver keeps the old address; the
    moments at which it found itself disconnected."""
    over, ended = threading.Event(), list[float]()

    def pool() -> None:
        session = far()
        while not over.is_set():
            if not connected(session):
                ended.append(time.monotonic())
                with suppress(pymysql.MySQLError, OSError):
                    session = far()
            time.sleep(0.05)
        session.close()

    client = threading.Thread(target=pool)
    client.start()
    try:
        await_that(lambda: bool(session_ids(lab, "db1", "app")), "the client is connected")
        yield ended
    finally:
        over.set()
        client.join()


def test_a_client_that_comes_back_is_disconnected_again_and_told_apart(lab: Lab, carry_out: Run) -> None:
    with returning(lab) as ended:
        done = carry_out(seconds_max=4.0)
    assert ended
    assert done["evidence"]["disconnected"] >= 2
    assert done["evidence"]["came_back"] == done["evidence"]["disconnected"] - 1
    assert done["msg"].endswith(" of them had come back")
    assert "of these" in done["evidence"]["accounts"][f"app@{CLIENT}"]


def test_a_step_whose_job_another_has_taken_over_disconnects_nobody_any_more(
    lab: Lab, store: Store, carry_out: Run
) -> None:
    with returning(lab) as ended:

        def take_it_over() -> None:
            await_that(lambda: bool(ended), "the client is disconnected")
            take_over(store, read_record(store, "orders"), owner="orc2", because="the other sleeps")

        other = threading.Thread(target=take_it_over)
        other.start()
        try:
            with pytest.raises(StaleEpoch, match="another job has taken over"):
                carry_out(seconds_max=600.0)
        finally:
            other.join()
    assert "disconnect_clients" not in steps_done(store)


def test_where_nobody_sits_two_looks_are_enough(carry_out: Run) -> None:
    done = carry_out(seconds_max=600.0)
    assert done["evidence"] == {"disconnected": 0, "came_back": 0, "looks": 2, "accounts": {}}
    assert not done["changed"]


def test_an_old_primary_that_is_dead_or_does_not_answer_fails_nothing(lab: Lab, store: Store, carry_out: Run) -> None:
    freeze(lab, "db1")
    done = carry_out(connect_timeout=1.0, read_timeout=1.0, seconds_max=600.0)
    assert done["msg"].startswith("db1 cannot be looked at, so whoever sits on it stays: MySQL at ")
    assert done["evidence"]["looks"] == 0
    assert "timed out" in done["evidence"]["unreachable"]
    lab.host("db1").cont("mysqld")
    lab.host("db1").kill("mysqld")
    done = carry_out(seconds_max=600.0)
    assert done["msg"] == "mysqld on db1 is not there, so no client sits on it"
    assert steps_done(store)[-1] == "disconnect_clients"


def test_check_mode_counts_and_disconnects_nobody(store: Store, carry_out: Run) -> None:
    application = far()
    done = carry_out(check=True)
    assert done["msg"] == "1 client sessions on db1 would be disconnected"
    assert connected(application)
    application.close()
    assert "disconnect_clients" not in steps_done(store)


def test_no_statement_of_a_client_is_on_record(lab: Lab, store: Store, carry_out: Run) -> None:
    application = far()
    secret = "SELECT 'do not tell', SLEEP(30)"

    def ask() -> None:
        with suppress(pymysql.MySQLError, OSError), application.cursor() as cursor:
            cursor.execute(secret)

    asking = threading.Thread(target=ask)
    asking.start()
    await_that(lambda: sleepers(lab) == 1, "the client executes something")
    done = carry_out()
    asking.join()
    assert done["evidence"]["disconnected"] == 1
    found = read_record(store, "orders").job
    assert "do not tell" not in str(done) + str(found)
