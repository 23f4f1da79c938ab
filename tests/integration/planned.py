"""What the tests of planned work share: a playbook that can be killed, and how its end is seen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import yaml

from tests.integration.record import CLUSTER, Json, steps_of
from tests.integration.test_after import source_of
from tests.integration.world import World
from tests.lab import addresses, daemons, template
from tests.lab.checker import Report
from tests.lab.errors import LabError

ENDS_SECONDS = 60.0  # a session with ZooKeeper, the grace of an orchestrator, and what a busy machine adds
IN_ENVIRONMENT = {
    "ANSIBLE_COLLECTIONS_PATH": str(addresses.TREE / "build" / "collections"),
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_LOCALHOST_WARNING": "False",
    "LC_ALL": "C.UTF-8",
}


def switch(world: World, *extra: str, **variables: object) -> tuple[int, str]:
    return daemons.playbook(world.lab, "switchover", {"cluster": daemons.CLUSTER, **variables}, *extra)


def switched(world: World, target: str) -> Report:
    """Under load; the judge's report of it."""
    with world.writing() as client:
        event = time.monotonic()
        code, output = switch(world, target=target)
        assert code == 0, output
        client.wait_for_another_server(event)
    return world.judge()


@contextmanager
def transaction(world: World, node: str) -> Iterator[Any]:
    """An application that has written a row and does not commit it."""
    with template.connect(world.host(node), "app", timeout=120) as session, session.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("REPLACE INTO app.writes VALUES (77, 1, @@server_uuid, NOW(6))")
        yield cursor


def begun(world: World) -> Path:
    """Files of a playbook that a test starts itself."""
    folder = world.host("client").folder / "planned"
    folder.mkdir(exist_ok=True)
    (folder / "variables.yml").write_text(
        yaml.safe_dump({**daemons.playbook_variables(world.lab, "client"), "cluster": daemons.CLUSTER})
    )
    return folder


def start(world: World, playbook: str, **variables: object) -> subprocess.Popen[bytes]:
    """A playbook that the test can kill, with all that it has started."""
    folder = begun(world)
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), playbook]
    argv += ["--extra-vars", f"@{folder / 'variables.yml'}", "--extra-vars", json.dumps(variables)]
    environment = {**IN_ENVIRONMENT, "ANSIBLE_HOME": str(folder)}
    return world.host("client").popen(argv, env=environment)


def tree_of(pid: int) -> list[int]:
    """The process and all that descend from it, whatever session they are in."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def kill_all(process: subprocess.Popen[bytes]) -> None:
    for pid in tree_of(process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(30)


def wait_step(world: World, step: str) -> None:
    world.wait_for(f"{step} on record", lambda: step in steps_of(world.record.job))


def one_writable(world: World, primary: str) -> bool:
    return [name for name in addresses.databases() if not world.shut(name)] == [primary]


def ended(world: World, earlier: Json, state: str, primary: str) -> None:
    """The job that came after ``earlier`` has, and there is one writable primary that the name leads to."""
    job = world.wait_for_job(earlier, state, seconds=ENDS_SECONDS)
    assert job["kind"] == "switchover"
    assert world.primary == primary
    world.wait_for("one writable primary", lambda: one_writable(world, primary))
    assert world.dns() == [addresses.HOSTS[primary]]


def count(world: World, node: str) -> int:
    return int(world.sql(node, "SELECT COUNT(*) AS number FROM app.writes")["number"])


def assert_replica(world: World, node: str) -> None:
    """By its own word it follows the primary, takes no write, and has every row."""
    assert source_of(world, node) == world.primary
    assert world.fenced(node)
    world.wait_for("all rows", lambda: count(world, node) == count(world, world.primary))
    assert world.record.read(f"{CLUSTER}/returned/{node}") == {}
    report = world.judge()
    assert report.violations == []
    assert node in report.replicas_following
    assert world.dns() == [addresses.HOSTS[world.primary]]


@contextmanager
def supervised(world: World, node: str) -> Iterator[None]:
    """Start mysqld whenever it has ended and has a data folder, as a supervisor would."""
    ended, host = Event(), world.host(node)

    def work() -> None:
        while not ended.wait(0.1):
            if not host.running("mysqld") and (host.data / "mysql.ibd").exists():
                with suppress(LabError):
                    host.start("mysqld")

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
