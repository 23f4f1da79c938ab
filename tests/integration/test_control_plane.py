"""What happens to the control plane itself: orchestrators that die or sleep, a late start, clocks that jump."""

from __future__ import annotations

import socket
import time

import pytest

from tests.integration.holding import held_before
from tests.integration.record import CLUSTER, step_of, steps_of
from tests.integration.test_failover import STEPS
from tests.integration.world import DAEMONS, World, servers
from tests.lab import daemons
from tests.lab.host import Host

pytestmark = pytest.mark.lab

BOUNDARIES = [*STEPS, "close_job"]
ALWAYS = {"promote"}  # the others are too long for every run
STALE = "another job has taken over and this run may change nothing"


def boundaries() -> list[object]:
    marks = {step: () if step in ALWAYS else (pytest.mark.nightly,) for step in BOUNDARIES}
    return [pytest.param(step, marks=marks[step], id=f"before {step}") for step in BOUNDARIES]


@pytest.mark.scenario(19)
@pytest.mark.parametrize("step", boundaries())
def test_an_orchestrator_killed_between_two_steps_is_succeeded_and_there_is_one_promotion(
    world: World, step: str
) -> None:
    old, earlier, history = world.primary, world.record.job, world.record.history
    with held_before(world, step) as hold, world.writing() as client:
        world.host(old).kill("mysqld")
        owner = hold.wait()
        begun = world.record.job
        assert begun["owner"] == owner
        assert steps_of(begun) == BOUNDARIES[: BOUNDARIES.index(step)]
        world.host(owner).power_off()
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    assert (job["id"], job["epoch"]) == (begun["id"], begun["epoch"] + 1)
    assert job["owner"] == ({"orc1", "orc2"} - {owner}).pop()
    assert job["candidate"] == (begun["candidate"] or job["candidate"])
    assert sorted(steps_of(job)) == sorted(STEPS)
    assert world.record.history == sorted([*history, job["id"]])
    assert world.record.state == {"epoch": job["epoch"], "primary": job["candidate"]}
    assert len(servers(client)) == 2
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]


@pytest.mark.scenario(20)
def test_an_orchestrator_that_wakes_after_its_session_is_refused_its_next_change_by_epoch(world: World) -> None:
    old, earlier = world.primary, world.record.job
    with held_before(world, "promote") as hold, world.writing() as client:
        world.host(old).kill("mysqld")
        owner = hold.wait()
        begun = world.record.job
        world.host(owner).stop()
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
        after, said = world.record.everything(), len(world.log(owner, "playbook"))
        hold.let_go(owner)
        world.host(owner).cont()
        world.wait_for("the refusal of its next step", lambda: STALE in world.log(owner, "playbook")[said:])
        refusal = f"is at epoch {job['epoch']}, this run has epoch {begun['epoch']}"
        assert refusal in " ".join(world.log(owner, "playbook")[said:].split())
        until = time.monotonic() + 2.0
        client.wait_for(lambda ack: ack.acked > until)
    assert (job["id"], job["epoch"]) == (begun["id"], begun["epoch"] + 1)
    assert world.record.everything() == after
    assert len(servers(client)) == 2
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]


def stop_the_control_plane(world: World) -> None:
    for name in DAEMONS:
        world.host(name).kill(daemons.role(name) or "")
    world.wait_for("the end of their sessions", lambda: not world.record.names("/altair/monitors"))


def start_the_control_plane(world: World) -> None:
    """The primary's agent last: it remembers its lease, and has a beat and a half to find somebody who answers."""
    last = world.primary
    hosts = [world.host(name) for name in (*(name for name in DAEMONS if name != last), last)]
    for host in hosts:
        if host.name == last:
            world.wait_for("the monitors", lambda: len(world.record.names("/altair/monitors")) == 2)
            for voter in world.replicas:
                world.wait_for(f"the agent of {voter}", lambda voter=voter: listens(world.host(voter)))  # type: ignore[misc]
        if host.powered():
            host.start(daemons.role(host.name) or "")


def listens(host: Host) -> bool:
    with host.inside(), socket.create_connection((host.address, daemons.AGENT_PORT), timeout=1):
        return True


@pytest.mark.scenario(23)
def test_a_primary_that_died_before_the_control_plane_started_is_replaced_by_what_is_on_record(world: World) -> None:
    world.wait_protected()

    def hurt(node: str) -> None:
        stop_the_control_plane(world)
        world.host(node).kill("mysqld")
        start_the_control_plane(world)

    done = world.replaced_after(hurt)
    # Its agent finds the data folder free and says so; on a slow host three missed beats may say it first.
    assert done.job["suspicion"]["health"] in ("mysqld_exited", "host_silent")
    assert step_of(done.job, "fence")["evidence"]["decision"] == "proceed"
    assert done.report.violations == []
    assert done.report.writable == [done.new]


@pytest.mark.scenario(23)
@pytest.mark.nightly
def test_a_host_that_was_gone_before_the_control_plane_started_is_replaced_when_its_voters_prove_the_fence(
    world: World,
) -> None:
    world.wait_protected()

    def hurt(node: str) -> None:
        stop_the_control_plane(world)
        world.lose(node, lambda lost: world.host(lost).power_off())
        start_the_control_plane(world)

    done = world.replaced_after(hurt)
    assert done.job["suspicion"]["health"] == "host_silent"
    assert "its lease has expired" in step_of(done.job, "fence")["evidence"]["lease_expired"]
    assert done.report.violations == []
    world.wait_for("its voters", lambda: world.record.read(f"{CLUSTER}/voters").get("primary") == done.new)
