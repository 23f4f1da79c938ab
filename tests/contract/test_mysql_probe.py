"""What one look at a MySQL server says of its being alive, in every state a server can be in."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pymysql
import pytest
import trustme

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, MysqlError, connect, probe
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from tests.contract.by_hand import freeze, globals_set, sql, value
from tests.lab import services
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

DB1 = HOSTS["db1"]
LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=0.5, read_timeout=0.5)
PATIENT = replace(LOGIN, connect_timeout=10, read_timeout=10)
APP = replace(PATIENT, user="app", password=PASSWORDS["app"])


def reach(login: Login = PATIENT, port: int = MYSQL_PORT) -> Reach:
    seen = probe(DB1, port, login)
    assert bool(seen.detail) == (seen.reach is not Reach.REACHED)
    assert "\n" not in seen.detail
    assert login.password not in seen.detail
    return seen.reach


def socket_of(lab: Lab) -> str:
    """The server's socket, which is private to its host, by the way the kernel offers to root."""
    return f"/proc/{lab.host('db1').pid('mysqld')}/root{services.SOCKET}"


def test_a_server_that_lets_us_in_is_reached_and_its_state_is_the_servers_own(lab: Lab) -> None:
    seen = probe(DB1, MYSQL_PORT, PATIENT)
    assert seen.reach is Reach.REACHED
    assert seen.server
    assert seen.server.server_uuid == value(lab, "db1", "@@server_uuid")
    assert seen.server.version == value(lab, "db1", "@@version")


def test_a_port_where_nobody_listens_refuses(lab: Lab) -> None:
    assert lab.host("db1").running("mysqld")
    assert reach(port=3399) is Reach.REFUSED


def test_a_killed_server_refuses(lab: Lab) -> None:
    lab.host("db1").kill("mysqld")
    assert reach() is Reach.REFUSED


def test_a_frozen_server_times_out(lab: Lab) -> None:
    freeze(lab, "db1")
    assert reach(LOGIN) is Reach.TIMED_OUT


def test_a_blackholed_server_times_out(lab: Lab) -> None:
    lab.partition("client", "db1")
    assert reach(LOGIN) is Reach.TIMED_OUT


def test_a_server_whose_answers_are_lost_times_out(lab: Lab) -> None:
    lab.partition("db1", "client", one_way=True)
    assert reach(LOGIN) is Reach.TIMED_OUT


def test_a_host_without_power_times_out(lab: Lab) -> None:
    lab.host("db1").power_off()
    try:
        assert reach(LOGIN) is Reach.TIMED_OUT
    finally:
        lab.host("db1").power_on()


@pytest.mark.parametrize(
    "login",
    [replace(PATIENT, password="wrong"), replace(PATIENT, user="nobody"), replace(PATIENT, password="")],
    ids=["wrong password", "unknown user", "no password"],
)
def test_a_server_that_does_not_know_us_is_alive(lab: Lab, login: Login) -> None:
    assert lab.host("db1").running("mysqld")
    seen = probe(DB1, MYSQL_PORT, login)
    assert seen.reach is Reach.DUBIOUS
    assert "Access denied" in seen.detail


def test_a_server_with_too_many_connections_is_alive(lab: Lab) -> None:
    with globals_set(lab, "db1", max_connections=1), ExitStack() as crowd:
        with suppress(pymysql.MySQLError):
            for _each in range(10):
                crowd.enter_context(lab.mysql("db1", "app"))
        seen = probe(DB1, MYSQL_PORT, APP)
    assert seen.reach is Reach.DUBIOUS
    assert "Too many connections" in seen.detail


def test_a_server_that_wants_a_client_certificate_is_alive_without_one_and_reached_with_one(lab: Lab) -> None:
    sql(lab, "db1", "ALTER USER altair REQUIRE X509")
    try:
        assert reach() is Reach.DUBIOUS
        tls = lab.etc / "tls"
        certified = replace(PATIENT, client_cert=str(tls / "client.pem"), client_key=str(tls / "client.key"))
        assert reach(certified) is Reach.REACHED
    finally:
        sql(lab, "db1", "ALTER USER altair REQUIRE NONE")


def test_a_server_that_requires_tls_lets_us_in(lab: Lab) -> None:
    with globals_set(lab, "db1", require_secure_transport=1):
        assert reach() is Reach.REACHED


@contextmanager
def tls_settings(lab: Lab, **settings: str) -> Iterator[None]:
    with globals_set(lab, "db1", **settings):
        sql(lab, "db1", "ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR")
        yield
    sql(lab, "db1", "ALTER INSTANCE RELOAD TLS")


def test_a_server_without_tls_is_alive_and_gets_no_password(lab: Lab) -> None:
    with tls_settings(lab, tls_version=""):
        assert reach() is Reach.DUBIOUS


def test_a_server_whose_certificate_our_authority_did_not_sign_is_alive(lab: Lab, tmp_path: Path) -> None:
    stranger = tmp_path / "ca.pem"
    stranger.write_bytes(trustme.CA().cert_pem.bytes())
    assert reach(replace(PATIENT, ca_cert=str(lab.etc / "tls" / "ca.pem"))) is Reach.REACHED
    assert reach(replace(PATIENT, ca_cert=str(stranger))) is Reach.DUBIOUS


def test_a_certificate_of_another_host_is_noticed_when_asked_for(lab: Lab) -> None:
    trusting = replace(PATIENT, ca_cert=str(lab.etc / "tls" / "ca.pem"))
    assert reach(replace(trusting, check_hostname=True)) is Reach.REACHED
    tls = lab.etc / "tls"
    with tls_settings(lab, ssl_cert=str(tls / "zk1.pem"), ssl_key=str(tls / "zk1.key")):
        assert reach(trusting) is Reach.REACHED
        assert reach(replace(trusting, check_hostname=True)) is Reach.DUBIOUS


def test_a_file_of_our_own_that_is_missing_says_nothing_about_the_server(lab: Lab) -> None:
    assert lab.host("db1").running("mysqld")
    for login in (replace(PATIENT, ca_cert="/no/ca.pem"), replace(PATIENT, client_cert="/no/cert.pem")):
        with pytest.raises(InvalidInput, match=r"/no/c\w+\.pem"):
            probe(DB1, MYSQL_PORT, login)


def test_a_certificate_file_that_is_none_says_nothing_about_the_server(lab: Lab) -> None:
    garbage = lab.etc / "altair.cnf"
    with pytest.raises(InvalidInput, match=r"altair\.cnf"):
        probe(DB1, MYSQL_PORT, replace(PATIENT, ca_cert=str(garbage)))


@pytest.mark.usefixtures("lab")
def test_a_name_that_cannot_be_resolved_says_nothing_about_the_server() -> None:
    assert probe("db1.invalid", MYSQL_PORT, LOGIN).reach is Reach.UNKNOWN


def test_running_out_of_file_descriptors_says_nothing_about_the_server(lab: Lab) -> None:
    assert reach() is Reach.REACHED
    assert lab.host("db1").running("mysqld")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        seen = probe(DB1, MYSQL_PORT, PATIENT)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert os.strerror(errno.EMFILE) in seen.detail
    assert seen.reach is Reach.UNKNOWN


def test_over_the_servers_own_socket_it_is_reached_refused_or_times_out_as_it_lives(lab: Lab) -> None:
    way, root = socket_of(lab), Login(user="root", connect_timeout=0.5, read_timeout=0.5)
    assert probe("", 0, root, way).reach is Reach.REACHED
    freeze(lab, "db1")
    assert probe("", 0, root, way).reach is Reach.TIMED_OUT
    lab.host("db1").cont("mysqld")
    assert probe("", 0, root, way.replace("mysqld.sock", "other.sock")).reach is Reach.REFUSED
    left_behind = Path(f"/proc/{lab.host('db1').state().init.pid}/root{services.SOCKET}")  # type: ignore[union-attr]
    lab.host("db1").kill("mysqld")
    assert left_behind.exists()
    assert probe("", 0, root, str(left_behind)).reach is Reach.REFUSED


def kill(lab: Lab, host: str) -> None:
    lab.host(host).kill("mysqld")


@pytest.mark.parametrize(
    ("harm", "meant"), [(kill, Reach.REFUSED), (freeze, Reach.TIMED_OUT)], ids=["killed", "frozen"]
)
def test_an_open_connection_tells_a_server_that_died_from_one_that_hangs(
    lab: Lab, harm: Callable[[Lab, str], None], meant: Reach
) -> None:
    with connect(DB1, MYSQL_PORT, LOGIN) as server:
        harm(lab, "db1")
        with pytest.raises(MysqlError) as caught:
            server.state()
    assert caught.value.reach is meant
    assert f"{DB1}:{MYSQL_PORT}" in str(caught.value)


def test_a_password_in_any_script_is_the_one_that_was_set(lab: Lab) -> None:
    sql(lab, "db1", "SET NAMES utf8mb4; CREATE USER polyglot IDENTIFIED BY 'пароль-é-密'")
    try:
        assert reach(replace(PATIENT, user="polyglot", password="falsch-é")) is Reach.DUBIOUS
        with connect(DB1, MYSQL_PORT, replace(PATIENT, user="polyglot", password="пароль-é-密")) as server:
            assert server.query("SELECT 1 AS one") == [{"one": 1}]
    finally:
        sql(lab, "db1", "DROP USER polyglot")


def test_a_refused_statement_names_the_server_and_mysqls_own_number(lab: Lab) -> None:
    assert lab.host("db1").running("mysqld")
    with connect(DB1, MYSQL_PORT, PATIENT) as server, pytest.raises(MysqlError) as caught:
        server.query("SELECT * FROM app.no_such_table")
    assert (caught.value.code, caught.value.reach) == (1146, Reach.DUBIOUS)
