"""A primary dies, hangs or is cut off: what must come of it on real MySQL, ZooKeeper and BIND, judged from outside."""

from __future__ import annotations

import time

import pytest

from tests.integration.record import CLUSTER, steps_of
from tests.integration.world import World, servers
from tests.lab import addresses

pytestmark = pytest.mark.lab

STEPS = [
    "pause_monitoring",
    "fence",
    "catch_up",
    "choose_candidate",
    "salvage",
    "promote",
    "switch_dns",
    "repoint",
    "disconnect_clients",
    "account",
]


def kill_mysqld(world: World, node: str) -> None:
    world.host(node).kill("mysqld")


def let_run(world: World, node: str) -> None:
    """As a supervisor would: a mysqld that the fence has killed while it booted is started once more."""
    if not world.host(node).running("mysqld"):
        world.host(node).start("mysqld")


@pytest.mark.scenario(1)
def test_a_killed_primary_is_replaced_and_no_acknowledged_write_vanishes(world: World) -> None:
    done = world.replaced_after(lambda node: kill_mysqld(world, node))
    assert done.report.violations == []
    assert done.report.writable == [done.new]
    assert done.new != done.old
    assert done.report.dns == [addresses.HOSTS[done.new]]
    assert done.report.replicas_following == [name for name in world.replicas if name != done.old]


@pytest.mark.scenario(39)
def test_an_old_primary_that_comes_back_takes_no_write_and_is_not_in_dns(world: World) -> None:
    done = world.replaced_after(lambda node: kill_mysqld(world, node))
    world.host(done.old).start("mysqld")
    world.wait_for("the returned node's report", lambda: world.record.health(done.old).get("health") == "healthy")
    assert world.fenced(done.old)
    report = world.judge(done.old)
    assert report.violations == []
    assert report.writable == [done.new]
    assert world.dns() == [addresses.HOSTS[done.new]]
    assert world.record.job == done.job


@pytest.mark.scenario(1)
def test_the_jobs_record_holds_the_plan_and_each_step_with_its_evidence_and_goes_to_the_history(world: World) -> None:
    epoch = world.record.state["epoch"]
    done = world.replaced_after(lambda node: kill_mysqld(world, node))
    job = done.job
    assert job["epoch"] == epoch + 1 == world.record.state["epoch"]
    assert job["owner"] in ("orc1", "orc2")
    assert job["old_primary"] == done.old
    assert job["plan"] == STEPS
    assert [step["step"] for step in job["steps"]] == STEPS
    assert all(step["sentence"] and step["evidence"] and step["epoch"] == epoch + 1 for step in job["steps"])
    assert job["opened_at"] <= min(step["finished_at"] for step in job["steps"])
    fence = next(step for step in job["steps"] if step["step"] == "fence")
    assert fence["evidence"]["agent_word"] == (
        f"{done.old} is fenced: its agent saw mysqld exit, and a node boots super_read_only"
    )
    assert world.record.read(f"{CLUSTER}/history/{job['id']}") == job
    assert world.record.read(f"{CLUSTER}/pause") == {}
    world.wait_for("the suspicion's end", lambda: world.record.read(f"{CLUSTER}/suspicion") == {})


@pytest.mark.scenario(21)
@pytest.mark.parametrize(("killed", "other"), [("orc1", "orc2"), ("orc2", "orc1")])
def test_either_orchestrator_does_the_failover_when_the_other_is_dead(world: World, killed: str, other: str) -> None:
    world.host(killed).kill("orchestrator")
    world.wait_for(
        "its warm process's end", lambda: "ansible-playbook" not in world.host(killed).run(["ps", "ax"]).stdout
    )
    done = world.replaced_after(lambda node: kill_mysqld(world, node))
    assert done.job["owner"] == other
    assert done.report.violations == []


@pytest.mark.scenario(19)
@pytest.mark.parametrize("whole_host", [True, False], ids=["with its host", "and its playbook lives on"])
def test_a_job_whose_orchestrator_dies_is_ended_by_the_other_with_one_promotion(world: World, whole_host: bool) -> None:
    old, earlier, history = world.primary, world.record.job, world.record.history
    with world.writing() as client, world.appliers_held() as let_go:
        begun = world.kill_and_wait_for_the_fence(client)
        owner = world.host(begun["owner"])
        if whole_host:
            owner.power_off()
        else:
            owner.kill("orchestrator")
        other = {"orc1": "orc2", "orc2": "orc1"}[begun["owner"]]
        world.wait_for("the other's turn", lambda: world.record.job["owner"] == other)
        let_go()
        job = world.wait_for_job(earlier)
        world.wait_for("a write on the new primary", lambda: len(servers(client)) > 1)
    assert (job["id"], job["epoch"]) == (begun["id"], begun["epoch"] + 1)
    assert steps_of(job) == STEPS
    assert {step["epoch"] for step in job["steps"]} == {job["epoch"]}
    assert world.record.history == sorted([*history, job["id"]])
    assert world.record.state == {"epoch": job["epoch"], "primary": job["candidate"]}
    assert len(servers(client)) == 2
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]
    if not whole_host:
        refusals = ("another job has taken over", "another changed the cluster's record meanwhile")
        log = f"of {begun['owner']}'s orphaned playbook"
        world.wait_for(
            f"the refusal {log}", lambda: any(each in world.log(owner.name, "playbook") for each in refusals)
        )


@pytest.mark.scenario(16)
def test_monitors_share_the_nodes_and_a_dead_ones_nodes_are_taken_over_without_an_alarm(world: World) -> None:
    def watchers() -> set[str]:
        return {world.record.health(node)["monitor"] for node in addresses.databases()}

    world.wait_for("a share for each monitor", lambda: watchers() == {"mon1", "mon2"})
    world.wait_protected()  # the replicas' vouches, and not this monitor alone, keep the primary writing
    before, screening = world.record.everything(), world.record.screening
    world.host("mon1").kill("monitor")
    world.wait_for("the other's turn", lambda: watchers() == {"mon2"})
    world.wait_for(
        "a report of every node",
        lambda: all(world.record.health(node)["health"] == "healthy" for node in addresses.databases()),
    )
    assert world.record.everything() == before
    assert world.record.screening == screening


@pytest.mark.scenario(16)
def test_a_monitor_that_was_without_zookeeper_puts_right_what_another_wrote_meanwhile(world: World) -> None:
    world.wait_for("mon1's share", lambda: world.record.health("db1").get("monitor") == "mon1")
    world.wait_protected()
    before = world.record.everything()
    world.lab.partition("mon1", "zk1")
    world.wait_for("the other's turn", lambda: world.record.health("db1")["monitor"] == "mon2")
    world.lab.heal()
    world.wait_for("its return", lambda: "mon1" in world.record.names("/altair/monitors"))
    world.wait_for("the truth about db1", lambda: world.record.health("db1")["health"] == "healthy", seconds=20)
    world.wait_for("its own word", lambda: world.record.health("db1")["monitor"] == "mon1")
    assert world.record.everything() == before


@pytest.mark.scenario(5)
def test_an_agents_death_is_no_reason_for_a_failover(world: World) -> None:
    world.restart("orc1", "orc2")  # what they have concluded before they do not say again
    primary, before, began = world.primary, world.record.everything(), time.time()
    world.host(primary).kill("agent")
    world.wait_for("a screening", lambda: world.record.screening.get("screened_at", 0) > began)
    found = world.record.screening
    assert (found["suspected"], found["verdict"], found["agent"]) == ("host_silent", "false_alarm", "unknown")
    assert found["because"] == "the orchestrator reaches the primary"
    assert world.record.health(primary)["health"] == "host_silent"
    assert world.record.everything() == before
    assert world.judge().violations == []


@pytest.mark.scenario(4)
def test_a_hung_primary_is_killed_by_its_agent_and_replaced(world: World) -> None:
    done = world.replaced_after(lambda node: world.host(node).stop("mysqld"))
    assert not world.host(done.old).running("mysqld")
    fence = next(step for step in done.job["steps"] if step["step"] == "fence")
    # Its agent is ordered to kill it, or has done so by itself when the lease was lost before that.
    evidence = fence["evidence"]
    assert "killed mysqld and saw it exit" in evidence.get("agent_stop", evidence["agent_word"]) or (
        "its agent saw mysqld exit" in evidence["agent_word"]
    )
    assert done.report.violations == []
    world.host(done.old).cont()
    assert not world.host(done.old).running("mysqld")
    assert world.judge(done.old).writable == [done.new]
    world.host(done.old).start("mysqld")
    world.wait_for("its agent's word", lambda: world.record.health(done.old)["health"] == "healthy")
    assert world.fenced(done.old)


def test_a_primary_that_restarts_at_once_ends_in_one_failover_and_one_writable_node(world: World) -> None:
    history = world.record.history

    def restart(node: str) -> None:
        world.host(node).kill("mysqld")
        world.host(node).start("mysqld")

    done = world.replaced_after(restart)
    let_run(world, done.old)
    world.wait_for("the old one's report", lambda: world.record.health(done.old)["health"] == "healthy")
    assert done.report.violations == []
    assert world.judge(done.old).writable == [done.new]
    assert world.fenced(done.old)
    assert world.record.history == sorted([*history, done.job["id"]])


@pytest.mark.scenario(6)
def test_a_primary_that_only_the_orchestrators_cannot_reach_stays(world: World) -> None:
    primary, before, began = world.primary, world.record.everything(), time.time()
    for orchestrator in ("orc1", "orc2"):
        world.lab.partition(orchestrator, primary)
    world.raise_suspicion("mysqld_hung")
    world.wait_for("a screening", lambda: world.record.screening.get("screened_at", 0) > began)
    found = world.record.screening
    assert (found["verdict"], found["orchestrator"]) == ("unreachable_primary", "timed_out")
    assert found["because"] == "the orchestrator cannot reach the primary, but a replica still does"
    assert {seen["reach"] for seen in found["replicas"]} == {"reached"}
    assert "the verdict does not call for a failover" in found["blockers"]
    assert world.record.everything() == before
    assert world.judge().violations == []


@pytest.mark.scenario(7)
def test_a_primary_cut_off_from_all_but_its_replicas_is_uncertain_and_stays(world: World) -> None:
    world.wait_protected()
    primary, before, began = world.primary, world.record.everything(), time.time()
    for host in ("orc1", "orc2", "mon1", "mon2"):
        world.lab.partition(host, primary)
    world.wait_for("a screening", lambda: world.record.screening.get("screened_at", 0) > began)
    found = world.record.screening
    assert (found["suspected"], found["verdict"]) == ("host_silent", "uncertain")
    assert (
        found["because"] == "monitors and the orchestrator are cut off from the primary, but a replica still reaches it"
    )
    assert world.record.everything() == before
    assert world.judge().violations == []


@pytest.mark.scenario(9)
def test_a_primary_that_only_its_replicas_cannot_reach_is_not_even_suspected(world: World) -> None:
    primary, before, screening = world.primary, world.record.everything(), world.record.screening
    for replica in world.replicas:
        world.lab.partition(primary, replica)
    world.wait_for(
        "the end of replication",
        lambda: all(world.sql(node, "SHOW REPLICA STATUS")["Replica_IO_Running"] != "Yes" for node in world.replicas),
    )
    assert world.record.health(primary)["health"] == "healthy"
    assert world.record.screening == screening
    assert world.record.everything() == before
    assert world.judge(*world.replicas).violations == []


@pytest.mark.scenario(10, 37)
def test_an_isolated_primary_without_its_agent_pauses_the_job_and_an_operators_word_ends_it(world: World) -> None:
    old, earlier = world.primary, world.record.job
    replicas = world.replicas
    world.isolate_without_its_agent(old)
    paused = world.wait_for_job(earlier, "paused")
    assert paused["candidate"] is None
    assert f"{old} is not proven fenced" in paused["because"]
    assert all(world.fenced(node) for node in replicas)
    assert world.dns() == [addresses.HOSTS[old]]
    # An operator who vouches for it has pulled the plug.
    world.host(old).power_off()
    world.by_hand("failover", altair_operator_vouches=True)
    job = world.record.job
    assert (job["id"], job["state"], job["epoch"]) == (paused["id"], "done", paused["epoch"] + 1)
    fence = next(step for step in job["steps"] if step["step"] == "fence")
    assert fence["evidence"]["operator_word"] == f"{old} is fenced: an operator vouched that it can take no write"
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]
