"""Wall clocks that jump: each host's daemon and mysqld see what this test lets their clock show."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from tests.integration.test_control_plane import start_the_control_plane, stop_the_control_plane
from tests.integration.world import DAEMONS, World, servers
from tests.lab import addresses, daemons, jump, parts, services
from tests.lab.host import Host

pytestmark = pytest.mark.lab

TEN_MINUTES = 600


def clock_of(host: Host) -> Path:
    return host.folder / "clock"


def show(host: Host, seconds: int) -> None:
    """Let the host's wall clock go wrong by that much."""
    with clock_of(host).open("r+b") as file:
        file.write(struct.pack("q", seconds))


def preload(world: World) -> None:
    """Start every daemon and every mysqld anew, with a wall clock that we can turn."""
    primary, library = world.primary, parts.compiled(jump.SOURCE, world.lab.etc / "jump.so")
    stop_the_control_plane(world)
    for name in DAEMONS:
        host = world.host(name)
        clock_of(host).write_bytes(bytes(8))
        for process in filter(None, (daemons.role(name), "mysqld" if name in addresses.databases() else None)):
            if host.running(process):
                host.kill(process)
            known = host.state().processes[process]
            host.start(process, known.argv, {**known.env, **jump.environment(library, clock_of(host))})
            if process == daemons.role(name):
                host.kill(process)
    for name in addresses.databases():
        services.wait_until(f"mysqld on {name}", lambda name=name: services.mysqld_answers(world.host(name)))  # type: ignore[misc]
    world.sql(primary, "SET GLOBAL super_read_only = OFF")
    world.sql(primary, "SET GLOBAL read_only = OFF")
    began = time.time_ns()
    start_the_control_plane(world)

    def reported() -> bool:
        """Every agent that runs now; what is on record of the ones before says nothing."""
        seen = [world.record.health(name).get("observation") for name in addresses.databases()]
        return all(each and each["incarnation"] > began for each in seen)

    world.wait_for("a report of every agent", reported)


@pytest.mark.scenario(24)
@pytest.mark.nightly
def test_a_clock_that_jumps_ten_minutes_changes_nothing(world: World) -> None:
    preload(world)
    world.make_whole()
    world.wait_protected()
    primary, replica = world.primary, world.replicas[0]
    watcher = world.record.health(primary)["monitor"]
    before, screening = world.record.everything(), world.record.screening
    groups = ([primary], [replica], [watcher], ["orc1", "orc2"], list(DAEMONS))
    try:
        with world.writing() as client:
            for seconds in (TEN_MINUTES, -TEN_MINUTES):
                for names in groups:
                    for name in names:
                        show(world.host(name), seconds)
                    until = time.monotonic() + 2.5
                    client.wait_for(lambda ack, until=until: ack.acked > until)  # type: ignore[misc]
                    for name in names:
                        show(world.host(name), 0)
            # One host's clock goes wrong and stays so.
            show(world.host(primary), TEN_MINUTES)
            shown = world.sql(primary, "SELECT UNIX_TIMESTAMP() AS shown")["shown"]
            assert abs(shown - time.time() - TEN_MINUTES) < TEN_MINUTES / 2, "the clock did jump"
            until = time.monotonic() + 5.0
            client.wait_for(lambda ack: ack.acked > until)
            assert world.protected()
        assert len(servers(client)) == 1
        assert world.record.everything() == before
        assert world.record.screening == screening
        assert world.judge().violations == []
        # With the clocks of nodes and monitors apart from each other, what has to happen happens. The orchestrators'
        # are right: a name server refuses updates that are signed with a time five minutes off.
        for number, name in enumerate(name for name in DAEMONS if daemons.role(name) != "orchestrator"):
            show(world.host(name), TEN_MINUTES * (-1) ** number)
        done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
        assert done.report.violations == []
    finally:
        for name in DAEMONS:
            show(world.host(name), 0)
