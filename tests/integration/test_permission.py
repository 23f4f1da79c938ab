"""What keeps a dead primary from being replaced, how long, and that people are told why."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from kazoo.exceptions import NotEmptyError

from tests.integration.record import CLUSTER, ROOT
from tests.integration.world import World
from tests.lab import addresses, daemons
from tests.lab.errors import LabError
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

REPORT_SECONDS = 8.0  # four beats of the profile of these tests: by then what a primary has done is in its last report
LOSING = "no replica is known to have enough of the primary's transactions, and its binary log cannot be read"
DEAD = "its agent saw mysqld exit, and neither the orchestrator nor a replica reaches it"
MAINTAINED = "it is in maintenance"
TOO_MANY = "too many primaries are in trouble at once, so the fault is likely not theirs; a person has to look"
OTHERS = ("billing", "carts", "coupons", "stock")


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World(Lab("permit"))
    yield world
    world.down()


def wait_for_blockers(world: World, since: float, *wanted: str) -> None:
    def there() -> bool:
        found = world.record.screening
        return bool(found.get("screened_at", 0) > since and found["blockers"] == list(wanted))

    world.wait_for(f"a screening that is blocked by {wanted}", there)


def fleet_status(world: World) -> list[str]:
    """The status without a cluster, line by line: all of them."""
    code, output = daemons.playbook(world.lab, "status", {})
    assert code == 0, output
    return output.splitlines()


def kept(world: World) -> int:
    """How many times the orchestrators have said that a maintenance keeps a primary that they would replace."""
    sentence = f"{daemons.CLUSTER} is not failed over: {MAINTAINED} ("
    return sum(world.log(host, "orchestrator").count(sentence) for host in ("orc1", "orc2"))


@pytest.mark.scenario(51)
def test_maintenance_keeps_a_dead_primary_until_it_expires_and_both_are_seen(world: World) -> None:
    old, earlier, before, began = world.primary, world.record.job, world.record.everything(), time.time()
    output = world.by_hand("maintenance", duration_minutes=1.25, reason="a new switch")
    ends_at = world.record.read(f"{CLUSTER}/maintenance")["entries"][0]["until_at"]
    assert 75 <= ends_at - began < 120
    assert "the cluster is in maintenance until" in output
    suspicions, refusals = world.suspicions(old), kept(world)
    world.host(old).kill("mysqld")
    wait_for_blockers(world, began, MAINTAINED)
    assert world.record.screening["verdict"] == "dead_primary"
    assert world.suspicions(old) > suspicions
    assert kept(world) > refusals
    assert world.record.everything() == before
    assert time.time() < ends_at
    output = world.by_hand("status", altair_output="json")
    assert '"active": true' in output
    assert '"reason": "a new switch"' in output
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at))
    assert f"maintenance of the cluster until {until}, by operator:" in world.by_hand("status")
    assert any(line.startswith(f"{daemons.CLUSTER} ") and f"until {until}" in line for line in fleet_status(world))
    output = world.by_hand("why")
    assert f"orders: dead_primary: {DEAD}; not failed over: {MAINTAINED} (the cluster, by operator:" in output
    job = world.wait_for_job(earlier, seconds=150)
    assert job["opened_at"] >= ends_at
    assert '"active": false' in world.by_hand("status", altair_output="json")
    assert f"maintenance of the cluster has ended, at {until}, by operator:" in world.by_hand("status")
    assert not [line for line in fleet_status(world) if f"until {until}" in line]
    assert world.judge(old).violations == []
    world.by_hand("maintenance", state="absent")
    assert world.record.read(f"{CLUSTER}/maintenance") == {"entries": []}


def test_a_replica_in_maintenance_is_not_promoted(world: World) -> None:
    worked_on = sorted(world.replicas)[0]
    world.by_hand("maintenance", node=worked_on, duration_minutes=10, reason="a disk is exchanged")
    done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
    assert done.new not in (worked_on, done.old)
    choice = next(step for step in done.job["steps"] if step["step"] == "choose_candidate")
    assert choice["evidence"]["excluded"] == {worked_on: MAINTAINED}
    assert done.report.violations == []
    world.by_hand("maintenance", node=worked_on, state="absent")


@pytest.fixture
def others_in_trouble(world: World) -> Iterator[World]:
    """Four more clusters are registered, on hosts that nobody reaches, and their primaries are suspected."""
    spec, state = world.record.read(CLUSTER), {"epoch": 1, "primary": "db1"}
    for number, name in enumerate(OTHERS):
        nodes = [{**node, "address": f"10.77.0.{200 + 3 * number + n}"} for n, node in enumerate(spec["nodes"])]
        path = f"{ROOT}/clusters/{name}"
        world.record.write(f"{path}/state", json.dumps(state).encode())
        suspicion = {
            **{"cluster": name, "primary": "db1", "epoch": 1, "health": "host_silent", "monitor": "mon1"},
            **{"because": "a test says so", "raised_at": time.time()},
        }
        world.record.write(f"{path}/suspicion", json.dumps(suspicion).encode())
        world.record.write(path, json.dumps({**spec, "cluster": name, "nodes": nodes}).encode())
    yield world
    for folder in ("clusters", "health", "fleet/troubles"):
        world.wait_for(f"the end of the others' {folder}", lambda folder=folder: forgotten(world, f"{ROOT}/{folder}"))  # type: ignore[misc]
    world.record.delete(f"{ROOT}/fleet/breaker")


def forgotten(world: World, folder: str) -> bool:
    """Whether nothing of the others is left there; a daemon may write once more while it is being deleted."""
    for name in OTHERS:
        with suppress(NotEmptyError):
            world.record.delete(f"{folder}/{name}")
    return not set(OTHERS) & set(world.record.names(folder))


@pytest.mark.scenario(15)
def test_nobody_is_promoted_while_too_many_primaries_are_in_trouble_and_a_person_may_raise_the_limit(
    others_in_trouble: World,
) -> None:
    world = others_in_trouble
    old, earlier, before, began = world.primary, world.record.job, world.record.everything(), time.time()
    world.wait_for("their troubles", lambda: set(OTHERS) <= set(world.record.names(f"{ROOT}/fleet/troubles")))
    world.host(old).kill("mysqld")
    wait_for_blockers(world, began, TOO_MANY)
    found = world.record.screening
    assert (found["verdict"], found["because"]) == ("dead_primary", DEAD)
    assert found["situation"]["primaries_troubled"] == 5
    assert found["situation"]["primaries_troubled_max"] == 3
    assert f"{TOO_MANY} (5 of at most 3)" in world.by_hand("why", limit=1)
    for name in OTHERS:
        assert world.record.read(f"{ROOT}/clusters/{name}/job") == {}
        assert world.record.read(f"{ROOT}/clusters/{name}/state")["epoch"] == 1
    assert world.record.everything() == before
    output = world.by_hand("fleet_breaker", primaries_max=10)
    assert "nobody is promoted while more than 10 of 5 primaries are in trouble within 120 s; now it is 5" in output
    job = world.wait_for_job(earlier)
    assert (job["old_primary"], job["owner"][:3]) == (old, "orc")
    assert world.judge(old).violations == []


def test_a_cut_off_orchestrator_trusts_the_reported_exit_and_fences_before_it_promotes(world: World) -> None:
    old, earlier, began = world.primary, world.record.job, time.time()
    for host in ("orc1", "orc2"):
        world.lab.partition(host, old)
    world.host(old).kill("mysqld")
    world.wait_for("a screening", lambda: world.record.screening.get("screened_at", 0) > began)
    found = world.record.screening
    assert (found["suspected"], found["agent"], found["orchestrator"]) == ("mysqld_exited", "unknown", "timed_out")
    assert (found["verdict"], found["because"], found["blockers"]) == ("dead_primary", DEAD, [])
    job = world.wait_for_job(earlier, "paused", "done")
    if job["state"] == "paused":  # nothing that the orchestrator can see proves the fence
        assert "promote" not in [step["step"] for step in job["steps"]]
        assert world.dns() == [addresses.HOSTS[old]]
        output = world.by_hand("why")
        assert f"job {job['id']} is paused" in output
        world.by_hand("failover")  # on the operator's host, which is not cut off
        job = world.record.job
    fence = next(step for step in job["steps"] if step["step"] == "fence")
    assert fence["evidence"]["decision"] == "proceed"
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]


def test_why_tells_every_answer_judges_it_anew_and_notices_a_record_that_was_changed(world: World) -> None:
    world.restart("orc1", "orc2")
    primary, began = world.primary, time.time()
    world.host(primary).kill("agent")
    world.wait_for("a screening", lambda: world.record.screening.get("screened_at", 0) > began)
    first, second = sorted(world.replicas)
    path = f"{CLUSTER}/screenings"
    world.wait_for("its record", lambda: world.record.screened_since(began))
    sentences = (
        "orders: false_alarm: the orchestrator reaches the primary; not failed over: the verdict does not call for",
        "its monitor: host_silent",
        "its own agent, asked then: no answer",
        "the orchestrator reached it; it is writable",
        f"{first} reached it",
        f"{second} reached it",
        f"{first} lives, ",
        "the recorded answers give this verdict and these reasons again",
        '"trustworthy": true',
    )
    missing: list[str] = []

    def told() -> bool:  # a screening may have been made while a replica's look was too old to count
        output = world.by_hand("why", limit=1)
        missing[:] = [sentence for sentence in sentences if sentence not in output]
        return not missing

    try:
        world.wait_for("every answer", told)
    except LabError:
        pytest.fail(f"not told: {missing}")
    # From here on nobody adds to the record.
    world.host(primary).start("agent")
    world.wait_for("the end of the suspicion", lambda: not world.faults())
    history = world.record.read(path)
    assert len(history["screenings"]) <= 20
    history["screenings"][-1]["verdict"] = "dead_primary"
    world.record.write(path, json.dumps(history).encode())
    output = world.by_hand("why", limit=1)
    assert "this record was changed after it was written" in output
    assert '"trustworthy": false' in output
    world.record.write(path, b"{")
    assert "the record of screenings cannot be read, somebody changed it" in world.by_hand("why")
    world.record.delete(path)


@pytest.mark.scenario(32)
@pytest.mark.nightly
def test_replicas_that_were_down_while_the_primary_wrote_are_not_promoted_without_a_person(world: World) -> None:
    world.wait_protected()
    old, replicas, earlier = world.primary, world.replicas, world.record.job
    for name in replicas:
        world.host(name).kill("mysqld")
    with world.writing() as client:
        many = client.acked()[-1].n + 100  # of each of the client's writers
        client.wait_for(lambda ack: ack.n >= many)
        world.lab.partition(old, "client")
        time.sleep(REPORT_SECONDS)
        world.host(old).power_off()
        for name in replicas:
            world.host(name).start("mysqld")
        world.wait_for("the reason", lambda: LOSING in world.record.screening.get("blockers", []))
        assert world.record.job == earlier
        assert all(world.fenced(name) for name in replicas)
        world.by_hand("failover", altair_force=True, altair_operator_vouches=True)
        client.wait_for_another_server()
    job = world.record.job
    assert (job["state"], job["old_primary"]) == ("done", old)
    assert world.judge(old).writable == [job["candidate"]]
