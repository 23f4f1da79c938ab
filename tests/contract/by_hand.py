"""The other road: what the tests do to and read from MySQL without the adapter, as root over the host's own socket."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from tests.lab import services
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

PATIENCE_SECONDS = 30.0


def sql(lab: Lab, host: str, statements: str) -> list[list[str]]:
    """Run statements with the mysql client on the host itself; rows of text, NULL as 'NULL'."""
    argv = ["mysql", "--no-defaults", "--user=root", f"--socket={services.SOCKET}", "--batch", "--skip-column-names"]
    done = lab.host(host).run([*argv, "--raw"], input=statements, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return [line.split("\t") for line in done.stdout.splitlines()]


def value(lab: Lab, host: str, expression: str) -> str:
    return "".join(line for (line,) in sql(lab, host, f"SELECT {expression}"))  # a GTID set comes in several lines


def vertical(lab: Lab, host: str, statement: str) -> dict[str, str]:
    """The first row of a statement by column, as the client's vertical form shows it."""
    argv = ["mysql", "--no-defaults", "--user=root", f"--socket={services.SOCKET}", "-E"]
    shown = lab.host(host).run(argv, input=statement, check=True, timeout=60).stdout
    pairs = (line.split(": ", 1) for line in shown.splitlines() if ": " in line and not line.startswith("*"))
    return {name.strip(): text for name, text in pairs}


def await_that(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds; how long that takes is no part of any claim."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"it never came about that {what}")
        time.sleep(0.05)


def freeze(lab: Lab, host: str, process: str = "mysqld") -> None:
    """Suspend a process, and come back when not one of its threads runs any more."""
    pid = lab.host(host).pid(process)
    lab.host(host).stop(process)
    threads = Path(f"/proc/{pid}/task")
    await_that(
        lambda: {(each / "stat").read_text().rpartition(")")[2].split()[0] for each in threads.iterdir()} == {"T"},
        f"every thread of {process} on {host} stands still",
    )


@contextmanager
def globals_set(lab: Lab, host: str, **values: object) -> Iterator[None]:
    """Global variables of a server changed for a while."""
    before = {name: value(lab, host, f"@@global.{name}") for name in values}
    try:
        sql(lab, host, "".join(f"SET GLOBAL {name} = {_literal(new)};" for name, new in values.items()))
        yield
    finally:
        sql(lab, host, "".join(f"SET GLOBAL {name} = {_literal(old)};" for name, old in before.items()))


def _literal(text: object) -> str:
    plain = str(text)
    return plain if plain.lstrip("-").isdigit() else "'" + plain.replace("'", "''") + "'"


@contextmanager
def sessions(lab: Lab, host: str, count: int, user: str = "app") -> Iterator[list[Any]]:
    """Open connections of an application, by the raw driver."""
    with ExitStack() as stack:
        yield [stack.enter_context(lab.mysql(host, user, timeout=PATIENCE_SECONDS)) for _each in range(count)]


def follow_primary(lab: Lab, *options: str, host: str = HOSTS["db1"], channel: str = "") -> None:
    """Let db2 start to follow a server over TLS, with options of CHANGE REPLICATION SOURCE beside the usual ones."""
    usual = [f"SOURCE_HOST = '{host}'", f"SOURCE_PORT = {MYSQL_PORT}", "SOURCE_USER = 'repl'"]
    usual += [f"SOURCE_PASSWORD = '{PASSWORDS['repl']}'", "SOURCE_AUTO_POSITION = 1", "SOURCE_SSL = 1"]
    usual += ["SOURCE_CONNECT_RETRY = 1", "SOURCE_RETRY_COUNT = 86400", "SOURCE_HEARTBEAT_PERIOD = 1"]
    chosen = ", ".join(usual + list(options))
    sql(
        lab,
        "db2",
        f"STOP REPLICA; RESET REPLICA ALL; CHANGE REPLICATION SOURCE TO {chosen} FOR CHANNEL '{channel}';"
        f" START REPLICA FOR CHANNEL '{channel}'",
    )


def skip(lab: Lab, host: str, gtids: GtidSet) -> None:
    """Let a server have transactions without what is in them."""
    singles = [f"{uuid}:{n}" for uuid, ranges in gtids.sources for a, b in ranges for n in range(a, b + 1)]
    if not singles:
        return
    empty = "".join(f"SET gtid_next = '{each}'; BEGIN; COMMIT;" for each in singles)
    before = value(lab, host, "@@global.super_read_only")
    sql(
        lab,
        host,
        f"SET GLOBAL super_read_only = OFF; {empty} SET gtid_next = AUTOMATIC; SET GLOBAL super_read_only = {before}",
    )


def put_right(lab: Lab) -> None:
    """db1 takes writes; db2 follows it, is super_read_only and has every transaction."""
    sql(lab, "db1", "SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF")
    sql(lab, "db2", "SET GLOBAL super_read_only = ON")
    # What a test has left on db2 alone is none of the next one's business: db1 gets it, without what it did.
    had, has = (GtidSet.parse(value(lab, name, "@@global.gtid_executed")) for name in ("db1", "db2"))
    skip(lab, "db1", has - had)
    status = vertical(lab, "db2", "SHOW REPLICA STATUS")
    running = (status.get("Replica_IO_Running"), status.get("Replica_SQL_Running"), status.get("Channel_Name", ""))
    if running != ("Yes", "Yes", "") or status.get("Source_Host") != HOSTS["db1"]:
        follow_primary(lab)
    await_caught_up(lab)


def await_caught_up(lab: Lab) -> None:
    executed = value(lab, "db1", "@@global.gtid_executed")
    await_that(
        lambda: value(lab, "db2", f"GTID_SUBSET('{executed}', @@global.gtid_executed)") == "1",
        "db2 has every transaction of db1",
    )


def write_row(lab: Lab, number: int) -> str:
    """Commit one row on db1; returns all that db1 has executed since."""
    sql(lab, "db1", f"REPLACE INTO app.writes VALUES (77, {number}, @@server_uuid, NOW(6))")
    return value(lab, "db1", "@@global.gtid_executed")


def has_row(lab: Lab, host: str, number: int) -> bool:
    return value(lab, host, f"COUNT(*) FROM app.writes WHERE writer = 77 AND n = {number}") == "1"


def session_ids(lab: Lab, host: str, user: str) -> set[str]:
    """Connections that a user has open, by the server's own list."""
    return {row[0] for row in sql(lab, host, "SHOW PROCESSLIST") if row[1] == user}
