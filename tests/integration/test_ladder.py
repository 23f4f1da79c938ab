"""The upper rungs of the fence's ladder, where neither SQL nor the agent nor the lease proves anything."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.record import CLUSTER, Json, step_of
from tests.integration.world import World, servers
from tests.lab import addresses, daemons
from tests.lab.failover import Load

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


def paused(world: World) -> Json:
    """A job that nothing lets go on: mysqld is suspended, and the agent, which would kill it, has been dead before."""
    old, earlier = world.primary, world.record.job
    world.leave_without_its_agent(old)
    world.host(old).stop("mysqld")
    job = world.wait_for_job(earlier, "paused")
    assert world.record.read(f"{CLUSTER}/state")["primary"] == old
    assert all(world.fenced(node) for node in world.replicas)
    return job


def ended(world: World, client: Load, begun: Json) -> Json:
    client.wait_for_another_server()
    job = world.record.job
    assert (job["id"], job["state"]) == (begun["id"], "done")
    assert len(servers(client)) == 2
    assert world.judge(job["old_primary"]).violations == []
    return dict(step_of(job, "fence")["evidence"])


@pytest.mark.scenario(37)
def test_a_mysqld_that_is_killed_over_ssh_is_proven_dead_and_the_job_goes_on(world: World) -> None:
    world.wait_protected()
    old = world.primary
    folder = world.host(old).data
    with world.writing() as client:
        begun = paused(world)
        # The lab has no SSH servers: the playbook runs on the old primary's own host, which is one hop less.
        variables = {
            "cluster": daemons.CLUSTER,
            "altair_fence_over_ssh": True,
            "altair_fence_connection": "ansible.builtin.local",
            "altair_mysqld_pid_file": str(folder / "mysqld.pid"),
            "altair_mysqld_data_folder": str(folder),
        }
        code, output = daemons.playbook(world.lab, "failover", variables, host=old)
        assert code == 0, output
        evidence = ended(world, client, begun)
    assert evidence["ssh_stop"] == (
        f"{old} is fenced: mysqld was killed over SSH and nobody holds its data folder any more, and a node boots"
        " super_read_only"
    )
    assert "is not proven fenced by agent_word" in evidence["agent_word"]
    assert not world.host(old).running("mysqld")


@pytest.mark.scenario(37)
def test_a_host_whose_power_is_turned_off_by_the_users_tasks_is_proven_fenced(world: World) -> None:
    world.wait_protected()
    old = world.primary
    asked, done = (world.host("client").folder / name for name in ("power_off_asked", "power_off_done"))
    for path in (asked, done):
        path.unlink(missing_ok=True)
    tasks = world.host("client").folder / "power_off.yml"
    tasks.write_text(
        "- name: Ask for it\n"
        "  ansible.builtin.copy:\n"
        '    content: "{{ altair_node }} {{ altair_node_address }}"\n'
        f"    dest: {asked}\n"
        "    mode: '0600'\n"
        "- name: Wait until it is off\n"
        "  ansible.builtin.wait_for:\n"
        f"    path: {done}\n"
        "    timeout: 60\n"
        "- name: Say so\n"
        "  ansible.builtin.set_fact:\n"
        "    altair_powered_off: true\n"
    )

    def turn_off() -> None:
        world.wait_for("the order", lambda: asked.exists() and bool(asked.read_text()))
        world.host(old).power_off()
        done.touch()

    with world.writing() as client, ThreadPoolExecutor(1) as power:
        begun = paused(world)
        turned = power.submit(turn_off)
        world.by_hand("failover", altair_power_off_tasks_file=str(tasks))
        turned.result()
        evidence = ended(world, client, begun)
    assert asked.read_text() == f"{old} {addresses.HOSTS[old]}"
    assert evidence["power_off"] == f"{old} is fenced: its power was turned off, and a node boots super_read_only"
    assert not world.host(old).powered()


@pytest.mark.scenario(37)
def test_a_ladder_that_proves_nothing_leaves_the_job_paused_with_every_attempt_named(world: World) -> None:
    world.wait_protected()
    tasks = world.host("client").folder / "power_off.yml"
    tasks.write_text(
        "- name: Say that it did not work\n"
        "  ansible.builtin.set_fact:\n"
        "    altair_powered_off: false\n"
        "    altair_powered_off_detail: the cloud does not answer\n"
    )
    begun = paused(world)
    with pytest.raises(AssertionError, match="nothing was promoted"):
        world.by_hand("failover", altair_power_off_tasks_file=str(tasks))
    job = world.record.job
    assert (job["id"], job["state"]) == (begun["id"], "paused")
    assert "is not proven fenced by power_off: the cloud does not answer" in job["because"]
    assert all(world.fenced(node) for node in world.replicas)
    world.by_hand("failover", altair_operator_vouches=True)
