"""The dead-man in the lab: an agent that dies alone costs nothing, and a primary without one is fenced when cut off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.integration.record import step_of
from tests.integration.world import World, servers
from tests.lab import acks, addresses, daemons, load

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

FOLDER = "/run/altair-agent"  # in the host's own memory, as its unit has it


@contextmanager
def dead_men(world: World) -> Iterator[None]:
    """A dead-man beside each agent; other tests are about primaries that nobody guards."""
    hosts = [world.host(name) for name in addresses.databases()]
    try:
        for host in hosts:
            host.kill("agent")
            host.run(["rm", "-rf", FOLDER], check=True)  # what an agent of an earlier test has left
            daemons.start_daemon(world.lab, host, world.profile, {"runtime_folder": FOLDER})
            daemons.start_deadman(host)
        world.wait_protected()
        yield
    finally:
        for host in hosts:
            host.forget("deadman")
            host.forget("agent")
            daemons.start_daemon(world.lab, host, world.profile)


@contextmanager
def writing_at_home(world: World, node: str) -> Iterator[Path]:
    """A client on the primary's own host, which no partition cuts off from it; gives its log."""
    host = world.host(node)
    log, stop = host.folder / "acks.jsonl", host.folder / "stop"
    for path in (log, stop):
        path.unlink(missing_ok=True)
    argv = load.argv(log, world.lab.etc / "app.cnf", stop, rate=50, writers=1)
    inside = host.popen([*argv, "--name", host.address, "--first", "1000000"])
    try:
        world.wait_for("writes from its own host", lambda: len(acks.read(log)) > 10)
        yield log
    finally:
        stop.touch()
        inside.wait(15)


def cut_off_without_its_agent(world: World, node: str) -> None:
    world.host(node).kill("agent")
    world.lab.isolate(node)


@pytest.mark.scenario(10)
def test_a_primary_whose_agent_dies_as_it_is_cut_off_is_killed_before_another_takes_a_write(world: World) -> None:
    with dead_men(world):
        old, earlier = world.primary, world.record.job
        said = len(world.log(old, "deadman"))
        with world.writing() as client, writing_at_home(world, old) as log:
            event = time.monotonic()
            world.lose(old, lambda node: cut_off_without_its_agent(world, node))
            job = world.wait_for_job(earlier)
            first = client.wait_for_another_server()
            until = time.monotonic() + 2.0
            client.wait_for(lambda ack: ack.acked > until)
        own = acks.read(log)
        assert any(ack.acked > event for ack in own), "it had written on for a while"
        assert max(ack.acked for ack in own) < first.sent
        assert acks.overlaps([*own, *client.acked()]) == []
        assert not world.host(old).running("mysqld")
        assert "mysqld is killed" in world.log(old, "deadman")[said:]
        assert step_of(job, "fence")["evidence"]["lease_expired"].startswith(f"{old} is fenced: its lease has expired")
        report = world.judge(old)
        assert report.violations == []
        assert report.writable == [job["candidate"]]


@pytest.mark.scenario(5, 10)
def test_while_only_the_agent_is_dead_nothing_is_fenced_and_after_that_a_cut_is_survived_without_a_person(
    world: World,
) -> None:
    with dead_men(world):
        old, earlier, history = world.primary, world.record.job, world.record.history
        said = len(world.log(old, "deadman"))
        with world.writing() as client:
            world.host(old).kill("agent")
            world.wait_for("its vigil", lambda: "its lease is still held" in world.log(old, "deadman")[said:])
            until = time.monotonic() + 5 * Profile(world.profile).beat_seconds
            client.wait_for(lambda ack: ack.acked > until)
            assert len(servers(client)) == 1
            assert world.host(old).running("mysqld")
            assert not world.fenced(old)
            assert (world.primary, world.record.history) == (old, history)
            world.lose(old, world.lab.isolate)
            job = world.wait_for_job(earlier)
            client.wait_for_another_server()
        assert step_of(job, "fence")["evidence"]["lease_expired"].startswith(f"{old} is fenced: its lease has expired")
        assert not world.host(old).running("mysqld")
        report = world.judge(old)
        assert report.violations == []
        assert report.writable == [job["candidate"]]
