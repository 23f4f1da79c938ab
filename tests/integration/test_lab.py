"""The lab keeps its promises: hosts die, freeze and part in silence, and nothing is left on the machine."""

import shutil
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pymysql
import pytest

from tests.lab import addresses, checker, load, network, services
from tests.lab.lab import Lab, all_labs
from tests.lab.state import alive

pytestmark = pytest.mark.lab

DB1, DB2 = addresses.HOSTS["db1"], addresses.HOSTS["db2"]


@pytest.fixture(scope="module")
def started() -> Iterator[Lab]:
    with Lab("one", ["db1", "db2", "ns1", "client"]) as lab:
        yield lab


@pytest.fixture
def lab(started: Lab) -> Iterator[Lab]:
    """The shared lab, put right again after each test; only the writability of db1 is left as it became."""
    yield started
    started.heal()
    for host in started.hosts.values():
        if not host.powered():
            host.power_on()
        host.cont()
        if "mysqld" in host.state().processes:
            if not host.running("mysqld"):
                host.start("mysqld")
            services.wait_until(f"mysqld on {host.name}", partial(services.mysqld_answers, host))


def make_writable(lab: Lab) -> None:
    with lab.mysql("db1") as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL super_read_only = OFF")
        cursor.execute("SET GLOBAL read_only = OFF")


def reaches(lab: Lab, source: str, target: str, port: int = addresses.MYSQL_PORT) -> str:
    """How a connection from one host to another ends: `reached`, `refused` or `silence`."""
    with lab.inside(source), socket.socket() as connection:
        connection.settimeout(0.3)
        try:
            connection.connect((addresses.HOSTS[target], port))
        except ConnectionRefusedError:
            return "refused"
        except TimeoutError:
            return "silence"
        return "reached"


def leftovers(lab: Lab) -> list[str]:
    """Everything on the machine that names this lab: namespaces, mounts, processes."""
    mark = str(lab.folder).encode()
    rows = Path("/proc/mounts").read_text().splitlines()
    mounts = [row for row in rows if lab.prefix in row or str(lab.folder) in row]
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return [*network.existing(lab.prefix), *mounts, *found]


def test_down_leaves_nothing_and_so_does_the_next_up_of_a_crashed_run() -> None:
    lab = Lab("two", ["db1", "client"])
    with lab:
        inits = [host.state().init for host in lab.hosts.values()]
        assert all(alive(init) for init in inits)
        assert leftovers(lab)
        # A crash in the middle: the processes are there, the record is not.
        lab.state.path.unlink()
        Lab("two", ["client"]).up()
        assert not any(alive(init) for init in inits)
    assert leftovers(lab) == []
    assert not lab.folder.exists()


def test_down_all_finds_a_lab_of_which_only_namespaces_are_left() -> None:
    lab = Lab("three", ["client"]).up()
    shutil.rmtree(lab.folder)
    try:
        next(each for each in all_labs() if each.name == "three").down()
        assert leftovers(lab) == []
    finally:
        lab.down()


def test_two_labs_have_the_same_addresses_side_by_side(lab: Lab) -> None:
    with Lab("four", ["db1", "client"]) as other:
        uuids = set()
        for each in (lab, other):
            with each.mysql("db1") as session, session.cursor() as cursor:
                cursor.execute("SELECT @@server_uuid AS uuid")
                uuids.add((cursor.fetchone() or {})["uuid"])
        assert len(uuids) == 2
    assert reaches(lab, "client", "db1") == "reached"


def test_no_host_can_be_reached_from_the_machine_itself(lab: Lab) -> None:
    assert reaches(lab, "client", "db1") == "reached"
    for address in lab.addresses.values():
        assert f" {address}" not in network.ip("address", "show")
        assert f" {address}" not in network.ip("route", "show")


def test_a_socket_file_of_a_host_cannot_be_seen_from_the_machine(lab: Lab) -> None:
    assert lab.hosts["db1"].run(["test", "-S", services.SOCKET]).returncode == 0
    assert not Path(services.SOCKET).exists()


def test_a_partition_drops_in_silence_both_ways_and_heals(lab: Lab) -> None:
    lab.partition("db1", "db2")
    assert reaches(lab, "db1", "db2") == "silence"
    assert reaches(lab, "db2", "db1") == "silence"
    assert reaches(lab, "client", "db1") == "reached"
    lab.heal("db2", "db1")
    assert reaches(lab, "db1", "db2") == "reached"
    assert lab.partitions() == set()


def test_a_partition_silences_a_connection_that_is_open(lab: Lab) -> None:
    with lab.inside("client"):
        connection = socket.create_connection((DB1, addresses.MYSQL_PORT), timeout=0.5)
    with connection:
        assert connection.recv(4096)
        lab.partition("client", "db1", one_way=True)
        # A malformed login, to which the server would answer with an error at once.
        connection.sendall(b"\x01\x00\x00\x01\x00")
        with pytest.raises(TimeoutError):
            connection.recv(4096)
        lab.heal()
        connection.settimeout(5)
        assert connection.recv(4096)


def test_an_isolated_host_reaches_nobody_and_nobody_reaches_it(lab: Lab) -> None:
    lab.isolate("db1")
    assert {reaches(lab, "db1", "db2"), reaches(lab, "client", "db1"), reaches(lab, "ns1", "db1")} == {"silence"}
    assert reaches(lab, "client", "db2") == "reached"
    lab.heal("db1")
    assert reaches(lab, "client", "db1") == "reached"


def test_a_dead_process_refuses_and_a_dead_host_is_silent(lab: Lab) -> None:
    host = lab.hosts["db1"]
    host.kill("mysqld")
    assert not host.running("mysqld")
    assert reaches(lab, "client", "db1") == "refused"
    host.start("mysqld")
    services.wait_until("mysqld on db1", lambda: services.mysqld_answers(host))
    host.power_off()
    assert not host.powered()
    assert reaches(lab, "client", "db1") == "silence"
    host.power_on()
    services.wait_until("mysqld on db1", lambda: services.mysqld_answers(host))
    assert reaches(lab, "client", "db1") == "reached"
    with lab.mysql("db1") as session, session.cursor() as cursor:
        cursor.execute("SELECT @@super_read_only AS fenced")
        assert cursor.fetchone() == {"fenced": 1}


def test_a_suspended_server_takes_connections_and_says_nothing_until_it_goes_on(lab: Lab) -> None:
    host = lab.hosts["db1"]
    host.stop("mysqld")
    services.wait_until("the stop of all its threads", lambda: host.stopped("mysqld"))
    assert host.running("mysqld")
    assert reaches(lab, "client", "db1") == "reached"
    with pytest.raises((pymysql.MySQLError, OSError)), lab.mysql("db1", timeout=0.3):
        pass
    host.cont("mysqld")
    assert services.mysqld_answers(host)


def test_a_suspended_host_does_nothing_at_all_until_it_goes_on(lab: Lab) -> None:
    client, beat = lab.hosts["client"], lab.folder / "beat"
    client.start("beat", ["sh", "-c", f"while sleep 0.02; do echo >>{beat}; done"])
    services.wait_until("a beat", lambda: beat.exists() and beat.stat().st_size > 2)
    client.stop()
    frozen = beat.stat().st_size
    time.sleep(0.3)
    assert beat.stat().st_size == frozen
    client.cont()
    services.wait_until("another beat", lambda: beat.stat().st_size > frozen)


def test_a_host_finds_the_programs_of_the_lab_on_its_path(lab: Lab) -> None:
    assert lab.hosts["db1"].run(["mysqlbinlog", "--version"]).returncode == 0
    told = lab.hosts["db1"].run(["mysqld", f"--defaults-file={lab.hosts['db1'].etc / 'my.cnf'}", "--version"])
    assert told.returncode == 0


def test_the_pid_file_holds_the_pid_that_the_host_sees(lab: Lab) -> None:
    host = lab.hosts["db1"]
    pid = (host.data / "mysqld.pid").read_text().strip()
    assert host.run(["cat", f"/proc/{pid}/cmdline"]).stdout.count("--defaults-file") == 1
    record = host.state().processes["mysqld"].running
    assert record is not None
    assert record.inner == int(pid)


def test_a_program_that_is_run_does_not_outlive_its_killed_parent(lab: Lab) -> None:
    client = lab.hosts["client"]
    way_in = client.popen(["sleep", "3456"])
    services.wait_until("the program", lambda: "sleep 3456" in client.run(["ps", "ax"]).stdout)
    way_in.kill()
    way_in.wait()
    services.wait_until("its end", lambda: "sleep 3456" not in client.run(["ps", "ax"]).stdout)


def test_a_client_loses_nothing_over_a_restart_and_the_judge_sees_who_writes(lab: Lab) -> None:
    client, log = lab.hosts["client"], lab.folder / "acks"
    stop = lab.folder / "stop"
    make_writable(lab)
    client.start("load", load.argv(log, lab.etc / "app.cnf", stop))
    time.sleep(1.5)
    event = time.monotonic()
    host = lab.hosts["db1"]
    host.kill("mysqld")
    host.start("mysqld")
    services.wait_until("mysqld on db1", lambda: services.mysqld_answers(host))
    assert checker.check(lab, log).violations == ["There must be one writable node, but no node took a write."]
    make_writable(lab)
    time.sleep(2.5)
    stop.touch()
    services.wait_until("the end of the load", lambda: not client.running("load"))
    services.wait_until("the replica's return", lambda: checker.check(lab, log).replicas_following == ["db2"])
    report = checker.check(lab, log, event=event)
    assert report.violations == []
    assert report.writable == ["db1"]
    assert report.dns == [DB1]
    assert report.replicas_following == ["db2"]
    assert report.lost == []
    assert report.acked > 100
    assert report.gap_seconds is not None
    assert 0.1 < report.gap_seconds < 20
