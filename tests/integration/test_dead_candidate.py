"""The candidate dies on its way to being the primary: the next one takes its place, or the job waits for a person."""

from __future__ import annotations

import json

import pytest

from tests.integration.holding import held_before
from tests.integration.record import CLUSTER, Json, step_of, steps_of
from tests.integration.world import World, servers
from tests.lab import addresses, services

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


def other_than(*names: str) -> str:
    (left,) = [name for name in addresses.databases() if name not in names]
    return left


def kill_mysqld(world: World, node: str) -> None:
    world.host(node).kill("mysqld")


def begun_by_hand(world: World, job: Json) -> None:
    """What `promote` puts on record right before it makes the candidate writable, as if the run had died after it."""
    begun = {"job": job["id"], "epoch": job["epoch"], "candidate": job["candidate"]}
    world.record.write(f"{CLUSTER}/promotion", json.dumps(begun).encode())


@pytest.mark.scenario(34)
def test_a_candidate_that_dies_before_its_promotion_is_passed_over_for_the_next_and_no_row_is_lost(
    world: World,
) -> None:
    old, earlier = world.primary, world.record.job
    with held_before(world, "promote") as hold, world.writing() as client:
        kill_mysqld(world, old)
        owner = hold.wait()
        dead = world.record.job["candidate"]
        kill_mysqld(world, dead)
        hold.let_go(owner)
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    new = other_than(old, dead)
    assert (job["candidate"], world.record.state["primary"]) == (new, new)
    choice = step_of(job, "choose_candidate")["evidence"]
    assert choice["candidate"] == new
    assert choice["excluded"][dead].startswith(f"it cannot be reached: {dead} was chosen before and does not answer")
    assert choice["forsaken"][dead].endswith("its promotion had not begun")
    assert choice["excluded"][dead].endswith(choice["forsaken"][dead])
    assert step_of(job, "salvage")["evidence"]["known"] is True
    assert steps_of(job).index("choose_candidate") < steps_of(job).index("salvage") < steps_of(job).index("promote")
    assert len(servers(client)) == 2
    report = world.judge(old, dead)
    assert report.violations == []
    assert report.writable == [new]
    assert report.dns == [addresses.HOSTS[new]]
    # It boots read-only, and stays so.
    world.host(dead).start("mysqld")
    world.wait_for("its agent's word", lambda: world.record.health(dead).get("health") == "healthy")
    assert world.fenced(dead)


@pytest.mark.scenario(34)
def test_one_that_dies_in_its_promotion_unproven_pauses_the_job_until_its_agent_proves_that_it_takes_no_write(
    world: World,
) -> None:
    old, earlier = world.primary, world.record.job
    with held_before(world, "promote") as hold, world.writing() as client:
        kill_mysqld(world, old)
        owner = hold.wait()
        held = world.record.job
        dead = held["candidate"]
        new = other_than(old, dead)
        begun_by_hand(world, held)
        world.host(dead).kill("agent")
        kill_mysqld(world, dead)
        hold.let_go(owner)
        paused = world.wait_for_job(earlier, "paused")
        assert paused["because"].startswith(f"the promotion of {dead} has begun, it does not answer")
        assert f"{dead} is not proven fenced by agent_word" in paused["because"]
        assert paused["because"].endswith(f"altair_operator_vouches_candidate={dead}")
        assert (paused["candidate"], "promote" in steps_of(paused)) == (dead, False)
        assert world.fenced(new)
        assert world.dns() == [addresses.HOSTS[old]]
        world.host(dead).start("agent")
        world.by_hand("resume", reason="its agent runs again")
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    assert (job["id"], job["candidate"], world.record.state["primary"]) == (paused["id"], new, new)
    forsaken = step_of(job, "choose_candidate")["evidence"]["forsaken"][dead]
    assert forsaken.endswith(f"{dead} is fenced: its agent saw mysqld exit, and a node boots super_read_only")
    assert world.record.read(f"{CLUSTER}/promotion") == {}
    assert len(servers(client)) == 2
    report = world.judge(old, dead)
    assert report.violations == []
    assert report.writable == [new]


@pytest.mark.scenario(34)
def test_a_hung_candidate_in_its_promotion_is_killed_by_its_agent_before_the_next_is_promoted(world: World) -> None:
    old, earlier = world.primary, world.record.job
    with held_before(world, "promote") as hold, world.writing() as client:
        kill_mysqld(world, old)
        owner = hold.wait()
        held = world.record.job
        begun_by_hand(world, held)
        world.host(held["candidate"]).stop("mysqld")
        hold.let_go(owner)
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    new = other_than(old, held["candidate"])
    assert job["candidate"] == new
    forsaken = step_of(job, "choose_candidate")["evidence"]["forsaken"][held["candidate"]]
    assert "its agent killed mysqld and saw it exit" in forsaken
    assert not world.host(held["candidate"]).running("mysqld")
    report = world.judge(old, held["candidate"])
    assert report.violations == []
    assert report.writable == [new]


@pytest.mark.scenario(34)
def test_nobody_is_promoted_behind_the_back_of_a_new_primary_that_dies_and_the_job_ends_with_it_when_it_is_back(
    world: World,
) -> None:
    old, earlier = world.primary, world.record.job
    with held_before(world, "switch_dns") as hold, world.writing() as client:
        kill_mysqld(world, old)
        owner = hold.wait()
        new = world.record.state["primary"]
        assert new == world.record.job["candidate"] != old
        kill_mysqld(world, new)
        hold.let_go(owner)
        paused = world.wait_for_job(earlier, "paused")
        assert paused["because"].startswith(f"{new} was promoted and does not answer")
        assert world.record.state["primary"] == new
        assert world.fenced(other_than(old, new))
        world.host(new).start("mysqld")
        world.wait_for("its mysqld", lambda: services.mysqld_answers(world.host(new)))
        world.by_hand("resume", reason="it runs again")
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    assert (job["id"], job["candidate"]) == (paused["id"], new)
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [new]
    assert report.dns == [addresses.HOSTS[new]]
