"""A primary with much too much to do: people are told, it is given time, and then it is replaced."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from tests.integration.record import CLUSTER, Json
from tests.integration.world import World, servers
from tests.lab import daemons, template

pytestmark = pytest.mark.lab

SESSIONS = 1200  # each with a query without an end
PATIENT, IMPATIENT = 3600.0, 1.0
STATEMENT = "SELECT BENCHMARK(1000000000000, SHA2('x', 512))"


@contextmanager
def overloaded(world: World, node: str) -> Iterator[None]:
    """Hundreds of busy sessions share one core; who wakes up waits for his turn like all the others."""
    pid = world.host(node).pid("mysqld")
    with ExitStack() as sessions:
        admin = sessions.enter_context(template.connect(world.host(node), "altair", timeout=600))
        with admin.cursor() as cursor:
            cursor.execute("SET GLOBAL max_connections = %s", (SESSIONS + 100,))
        busy = [sessions.enter_context(template.connect(world.host(node), "app", timeout=600)) for _ in range(SESSIONS)]
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(ProcessLookupError):
                os.sched_setscheduler(int(task.name), os.SCHED_BATCH, os.sched_param(0))
                os.sched_setaffinity(int(task.name), {min(os.sched_getaffinity(0))})

        def work(session: Connection[DictCursor]) -> None:
            with suppress(*template.ERRORS), session.cursor() as cursor:
                cursor.execute(STATEMENT)

        working = [threading.Thread(target=work, args=(session,)) for session in busy]
        for each in working:
            each.start()
        try:
            yield
        finally:
            # A query without an end minds nobody's leaving.
            if world.host(node).running("mysqld") and world.host(node).pid("mysqld") == pid:
                world.host(node).kill("mysqld")
            for each in working:
                each.join()


@contextmanager
def patience(world: World) -> Iterator[None]:
    """Much; and after the test as much as the lab's cluster has by default."""
    register(world, PATIENT)
    try:
        yield
    finally:
        daemons.register(world.lab, cool_down_seconds=0.0)


def register(world: World, overload_seconds_max: float) -> None:
    daemons.register(world.lab, cool_down_seconds=0.0, overload_seconds_max=overload_seconds_max)


def said(world: World, line: str) -> int:
    """How often the monitors have logged it."""
    return sum(world.log(name, "monitor").count(line) for name in ("mon1", "mon2"))


def denied(world: World, node: str) -> int:
    """How often a voter has refused to vouch for it, because the voter could not reach it either."""
    return sum(
        world.log(name, "agent").count(f"does not vouch for {node}: my own last look") for name in world.replicas
    )


def overload_on_record(world: World, node: str) -> Json:
    """The node's health, once it is that."""
    found: list[Json] = []

    def there() -> bool:
        found.append(world.record.health(node))
        return bool(found[-1]["health"] == "mysqld_overloaded")

    world.wait_for("the overload on record", there)
    return found[-1]


@pytest.mark.scenario(12)
@pytest.mark.nightly
def test_an_overloaded_primary_is_told_of_and_not_suspected_until_the_policys_time_is_over(world: World) -> None:
    world.wait_protected()
    old, earlier, screening = world.primary, world.record.job, world.record.screening
    hung, told = f"orders/{old} is mysqld_hung", f"breach 'process' of orders/{old}: "
    said_hung, said_told = said(world, hung), said(world, told)
    with patience(world), world.writing() as client:
        before = world.record.everything()
        with overloaded(world, old):
            found = overload_on_record(world, old)
            seen = found["observation"]
            assert (seen["process"], seen["reach"], seen["working"]) == ("running", "timed_out", True)
            assert found["lease"] == "held", "monitors acknowledge on"
            assert {each["breach"] for each in found["breaches"]} == {"process"}
            world.wait_for("its breach told", lambda: said(world, told) > said_told)
            many = denied(world, old) + 10
            world.wait_for("some beats of it", lambda: denied(world, old) >= many)
            assert said(world, hung) == said_hung
            assert world.record.read(f"{CLUSTER}/suspicion") == {}
            assert world.record.screening == screening
            assert world.record.everything() == before
            register(world, IMPATIENT)
            # Its agent kills it when the lease, which nobody holds up any more, ends; or because a job orders it.
            job = world.wait_for_job(earlier)
            client.wait_for_another_server()
    assert said(world, hung) > said_hung
    assert len(servers(client)) == 2
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]
