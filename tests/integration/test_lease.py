"""The lease on real MySQL and ZooKeeper: a primary that is cut off fences itself before another is promoted."""

from __future__ import annotations

import time

import pytest

from tests.integration.record import CLUSTER
from tests.integration.world import World, servers
from tests.lab import addresses

pytestmark = pytest.mark.lab


@pytest.mark.scenario(10)
def test_an_isolated_primary_fences_itself_before_another_is_promoted_and_nobody_is_asked(world: World) -> None:
    world.wait_protected()
    old = world.primary
    done = world.replaced_after(lambda node: world.lose(node, world.lab.isolate))
    fence = next(step for step in done.job["steps"] if step["step"] == "fence")
    assert fence["evidence"]["lease_expired"].startswith(f"{old} is fenced: its lease has expired")
    assert done.report.violations == []
    assert done.report.writable == [done.new]
    assert world.shut(old)
    assert "the lease is lost" in world.log(old, "agent")


@pytest.mark.scenario(17)
@pytest.mark.parametrize("dead", [False, True], ids=["mute", "dead"])
def test_without_zookeeper_the_vouches_keep_everything_writing(world: World, dead: bool) -> None:
    world.wait_protected()
    primary, before = world.primary, world.record.everything()
    with world.writing() as client:
        keeper = world.host("zk1")
        if dead:
            keeper.kill("zookeeper")
        else:
            keeper.stop("zookeeper")
        # Many times as long as an acknowledgement is good for.
        until = time.monotonic() + 20.0
        client.wait_for(lambda ack: ack.acked > until)
        if dead:
            keeper.start("zookeeper")
        else:
            keeper.cont("zookeeper")
        world.wait_protected()
    assert len(servers(client)) == 1
    assert world.primary == primary
    assert world.record.everything() == before
    assert world.judge().violations == []


@pytest.mark.scenario(5)
def test_only_the_agents_death_is_shown_as_protection_off_and_fails_nothing_over(world: World) -> None:
    world.wait_protected()
    primary, before = world.primary, world.record.everything()
    world.host(primary).kill("agent")
    world.wait_for("protection off", lambda: world.record.health(primary).get("lease") == "off")
    assert world.record.everything() == before
    assert not world.fenced(primary)
    world.host(primary).start("agent")
    world.wait_protected()
    assert not world.fenced(primary)


@pytest.mark.scenario(37)
def test_a_primary_cut_off_after_its_agent_died_is_not_called_fenced(world: World) -> None:
    world.wait_protected()
    old, earlier = world.primary, world.record.job
    world.isolate_without_its_agent(old)
    paused = world.wait_for_job(earlier, "paused")
    assert f"{old} is not proven fenced by lease_expired" in paused["because"]
    assert paused["candidate"] is None
    assert all(world.fenced(node) for node in addresses.databases() if node != old)


def test_a_dead_replica_leaves_the_voters_and_the_next_loss_is_automatic(world: World) -> None:
    world.wait_protected()
    dead, left = world.replicas
    world.host(dead).power_off()

    def smaller() -> bool:
        voters = world.record.read(f"{CLUSTER}/voters")
        return bool(voters["names"] == [left] and voters["former"] is None)

    world.wait_for("the smaller set", smaller)
    done = world.replaced_after(lambda node: world.lose(node, world.lab.isolate))
    assert done.new == left
    fence = next(step for step in done.job["steps"] if step["step"] == "fence")
    assert "its lease has expired" in fence["evidence"]["lease_expired"]
    assert world.shut(done.old)


@pytest.mark.scenario(18)
def test_a_rack_without_zookeeper_keeps_its_primary_as_long_as_its_replicas_vouch(world: World) -> None:
    world.wait_protected()
    primary, before, earlier = world.primary, world.record.everything(), world.record.job
    for host in ("zk1", "mon1", "mon2", "orc1", "orc2"):
        world.lab.partition(primary, host)
    with world.writing() as client:
        world.wait_for("protection off", lambda: world.record.health(primary).get("lease") == "off")
        world.wait_for("a screening", lambda: world.record.screening.get("verdict") == "uncertain")
        assert not world.fenced(primary)
        assert world.record.everything() == before
        world.lose(primary, world.lab.isolate)
        world.wait_for("the fence", lambda: world.shut(primary))
        world.wait_for_job(earlier)
        client.wait_for_another_server()
    report = world.judge(primary)
    assert report.violations == []
    assert report.writable == [world.primary]
