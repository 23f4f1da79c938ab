"""Which connections of a replaced primary are clients, and when nobody is waited for any more."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.sessions import (
    ACCOUNTS_MAX,
    SECONDS_MAX,
    SPARED,
    Session,
    Tally,
    clients,
    seconds_to_look,
)

KEPT = ("altair", "pmm")
APP = Session(id=7, user="app", host="10.0.0.51:40112", command="Sleep")
SPARED_ONES = {
    "it is a thread of the server's own": [
        Session(id=5, user="event_scheduler", host="localhost", command="Daemon"),
        Session(id=6, user="system user", host="connecting host", command="Connect"),
        Session(id=9, user="", host="", command="Daemon"),
    ],
    "nobody has logged in through it yet": [
        Session(id=8, user="unauthenticated user", host="10.0.0.51:40113", command="Connect")
    ],
    "it is being ended already": [Session(id=8, user="app", host="10.0.0.51:40113", command="Killed")],
    "a replica copies through it": [
        Session(id=10, user="repl", host="10.0.0.12:51000", command="Binlog Dump GTID"),
        Session(id=11, user="repl", host="10.0.0.13:51000", command="Binlog Dump"),
    ],
    "its account is ours, or one to be kept": [
        Session(id=12, user="altair", host="10.0.0.41:51000", command="Query"),
        Session(id=13, user="pmm", host="10.0.0.99:51000", command="Sleep"),
    ],
    "it came by the host's own socket, so by no name": [
        Session(id=14, user="root", host="localhost", command="Query"),
    ],
}


def test_an_application_is_a_client_whatever_it_does_and_from_wherever_it_came() -> None:
    for command in ("Sleep", "Query", "Execute", "Connect"):
        for host in ("10.0.0.51:40112", "app1.example.com:40112", "localhost:40112", "fd00::51:40112", "10.0.0.51"):
            one = Session(id=7, user="app", host=host, command=command)
            assert clients([one], KEPT) == (one,)


def test_a_replicas_account_that_copies_nothing_is_a_client() -> None:
    one = Session(id=7, user="repl", host="10.0.0.51:40112", command="Sleep")
    assert clients([one], KEPT) == (one,)


@pytest.mark.parametrize("because", SPARED_ONES)
def test_what_is_spared_is_spared_for_one_reason(because: str) -> None:
    for one in SPARED_ONES[because]:
        assert clients([APP, one], KEPT) == (APP,)
        assert because in [row.because for row in SPARED if row.matches(one, KEPT)]


def test_every_reason_has_its_case_here() -> None:
    assert set(SPARED_ONES) == {row.because for row in SPARED}


@pytest.mark.parametrize(
    ("host", "account"),
    [
        ("10.0.0.51:40112", "app@10.0.0.51"),
        ("fd00::51:40112", "app@fd00::51"),
        ("app1.example.com:40112", "app@app1.example.com"),
        ("app1.example.com", "app@app1.example.com"),
        ("", "app@"),
    ],
)
def test_an_account_on_record_has_the_host_without_the_port(host: str, account: str) -> None:
    assert Session(id=1, user="app", host=host, command="Sleep").account == account


@pytest.mark.parametrize(
    ("ttl", "asked", "seconds"),
    [(5, None, 5.0), (3600, None, SECONDS_MAX), (3600, 600.0, 600.0), (5, 0.0, 0.0), (0, None, 0.0)],
)
def test_clients_are_looked_for_as_long_as_they_may_keep_the_name(
    ttl: float, asked: float | None, seconds: float
) -> None:
    assert seconds_to_look(ttl, asked) == seconds


def test_two_looks_in_a_row_without_anybody_are_enough() -> None:
    tally = Tally()
    states = []
    for killed in (["app@a"], [], ["app@a"], [], []):
        tally.add(killed, {})
        states.append(tally.quiet)
    assert states == [False, False, False, False, True]
    assert tally.looks == 5


def test_somebody_who_cannot_be_disconnected_keeps_it_from_being_quiet() -> None:
    tally = Tally()
    for _look in range(3):
        tally.add([], {"boss@b": "Access denied"})
    assert not tally.quiet
    assert tally.left == {"boss@b": "Access denied"}


def test_who_comes_back_is_told_from_who_was_there() -> None:
    tally = Tally()
    tally.add(["app@a", "app@a", "web@b"], {})
    tally.add(["app@a", "new@c"], {})
    assert tally.killed.total() == 5
    assert dict(tally.came_back) == {"app@a": 1}
    assert tally.accounts() == {"app@a": "3, of these 1 after the first look", "web@b": "1", "new@c": "1"}


def test_the_record_stays_small_however_many_hosts_there_were() -> None:
    tally = Tally()
    tally.add([f"app@10.0.{number // 256}.{number % 256}" for number in range(2000)] + ["web@b"] * 3, {})
    accounts = tally.accounts()
    assert len(accounts) == ACCOUNTS_MAX + 1
    assert accounts["web@b"] == "3"
    assert accounts["others"] == f"{2003 - 3 - (ACCOUNTS_MAX - 1)} of {2001 - ACCOUNTS_MAX} accounts"
