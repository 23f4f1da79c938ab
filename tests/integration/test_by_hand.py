"""The playbooks as an operator runs them, with no orchestrator at work."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.integration.record import CLUSTER
from tests.integration.world import World
from tests.lab import addresses, daemons

pytestmark = pytest.mark.lab


@pytest.fixture
def alone(world: World) -> World:
    """The orchestrators are dead, so nobody else acts."""
    for host in ("orc1", "orc2"):
        world.host(host).kill("orchestrator")
    world.wait_for("their locks' end", lambda: world.record.read(f"{CLUSTER}/lock") == {})
    return world


def run(world: World, name: str, variables: Mapping[str, object] | None = None, *extra: str) -> tuple[int, str]:
    return daemons.playbook(world.lab, name, {"cluster": daemons.CLUSTER, **(variables or {})}, *extra)


def test_failover_is_refused_in_one_sentence_while_the_primary_lives(alone: World) -> None:
    before = alone.record.everything()
    code, output = run(alone, "failover")
    assert code == 2
    assert output.count("[ERROR]") == 1
    assert "cluster orders is not failed over (false_alarm): the orchestrator reaches the primary\n" in output
    assert "Traceback" not in output
    assert alone.record.everything() == before
    assert alone.record.screening["verdict"] == "false_alarm"
    assert alone.judge().violations == []


def test_failover_replaces_a_dead_primary_and_a_second_run_is_refused_and_changes_nothing(alone: World) -> None:
    old, earlier = alone.primary, alone.record.job
    alone.host(old).kill("mysqld")
    code, output = run(alone, "failover")
    assert code == 0, output
    job = alone.record.job
    assert job["id"] != earlier.get("id")
    assert (job["state"], job["old_primary"]) == ("done", old)
    assert job["owner"].startswith("operator:")
    report = alone.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]
    for step in job["steps"]:
        assert step["sentence"] in output
    after = alone.record.everything()
    code, output = run(alone, "failover")
    assert code == 2
    assert "cluster orders is not failed over (false_alarm): the orchestrator reaches the primary\n" in output
    assert alone.record.everything() == after
    assert alone.judge(old) == report


def test_check_mode_says_of_every_step_what_it_would_do_and_changes_nothing(alone: World) -> None:
    old = alone.primary
    alone.host(old).kill("mysqld")
    alone.wait_for("the suspicion", lambda: alone.record.read(f"{CLUSTER}/suspicion") != {})
    before, nodes = alone.record.everything(), {name: alone.sql(name, "SHOW REPLICA STATUS") for name in alone.replicas}
    code, output = run(alone, "failover", None, "--check")
    assert code == 0, output
    candidate, other = sorted(alone.replicas)
    address = addresses.HOSTS[candidate]
    for sentence in (
        "a job would be opened: its agent saw mysqld exit, and neither the orchestrator nor a replica reaches it",
        f"{old} is fenced: its agent saw mysqld exit, and a node boots super_read_only",
        f"{candidate} has every transaction that any live replica has",
        f"{candidate} would become the writable primary",
        f"{addresses.PRIMARY_NAME} would go from {addresses.HOSTS[old]} to {address}",
        f"{other} would follow {candidate}",
        "would end here",
    ):
        assert sentence in output
    assert alone.record.everything() == before
    assert alone.record.read(f"{CLUSTER}/suspicion") != {}
    assert alone.dns() == [addresses.HOSTS[old]]
    for name, channel in nodes.items():
        now = alone.sql(name, "SHOW REPLICA STATUS")
        same = ("Source_Host", "Replica_SQL_Running", "Retrieved_Gtid_Set", "Executed_Gtid_Set")
        assert {key: now[key] for key in same} == {key: channel[key] for key in same}
        assert now["Replica_IO_Running"] != "No"
        assert alone.fenced(name)
    # What was rehearsed is what happens.
    assert run(alone, "failover")[0] == 0
    assert alone.record.job["candidate"] == candidate


def test_check_mode_is_refused_while_the_primary_lives_as_the_real_run_would_be(alone: World) -> None:
    before = alone.record.everything()
    screening = alone.record.screening
    code, output = run(alone, "failover", None, "--check")
    assert code == 2
    refused = "cluster orders is not failed over (false_alarm): the orchestrator reaches the primary"
    assert f"{refused}; the playbook altair.mysql_ha.plan says" in output
    assert alone.record.everything() == before
    assert alone.record.screening == screening


@pytest.mark.scenario(21)
def test_failover_leaves_the_field_to_an_orchestrator_that_is_at_work(world: World) -> None:
    earlier = world.record.job
    with world.writing() as client, world.appliers_held() as let_go:
        begun = world.kill_and_wait_for_the_fence(client)
        code, output = run(world, "failover")
        assert code == 2
        assert f"orchestrator {begun['owner']} is at work on cluster orders" in output
        let_go()
        job = world.wait_for_job(earlier)
    assert (job["owner"], job["epoch"]) == (begun["owner"], begun["epoch"])


def test_status_says_who_is_primary_under_which_epoch_and_changes_nothing(alone: World) -> None:
    state, before = alone.record.state, alone.record.everything()
    code, output = run(alone, "status", {"altair_output": "json"})
    assert code == 0, output
    assert f'"primary": "{state["primary"]}"' in output
    assert f'"epoch": {state["epoch"]}' in output
    assert output.count("mysqld runs and answers") == 3
    assert "changed=0" in output
    code, output = run(alone, "status")
    assert code == 0, output
    assert f"orders: {state['primary']} is primary under epoch {state['epoch']}, the name is " in output
    rows = [line.split() for line in output.splitlines() if line.startswith("db")]
    assert sorted((row[0], row[1], row[3]) for row in rows) == [
        (name, "primary" if name == state["primary"] else "replica", "healthy") for name in addresses.databases()
    ]
    assert alone.record.everything() == before


def test_register_is_idempotent_and_shows_what_it_changes(alone: World) -> None:
    path = CLUSTER
    given = daemons.registration(alone.lab, cool_down_seconds=0.0)
    before = alone.record.everything()
    code, output = run(alone, "register", given)
    assert code == 0, output
    assert "changed=0" in output
    assert alone.record.everything() == before
    changed = {**given, "dns": {**given["dns"], "ttl_seconds": 7}}
    code, output = run(alone, "register", changed, "--check", "--diff")
    assert code == 0, output
    assert alone.record.everything() == before
    code, output = run(alone, "register", changed, "--diff")
    assert code == 0, output
    assert '-        "ttl_seconds": 1,' in output
    assert '+        "ttl_seconds": 7,' in output
    assert alone.record.read(path)["dns"]["ttl_seconds"] == 7
    assert run(alone, "register", given)[0] == 0
    assert alone.record.read(path)["dns"]["ttl_seconds"] == 1
