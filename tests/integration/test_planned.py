"""What operators do every week, once each: a change of the primary under load, a node without data, a new node."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind, names_of
from tests.integration.planned import assert_replica, supervised, switched
from tests.integration.record import steps_of
from tests.integration.world import World
from tests.lab import addresses, daemons, template
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

PLAN = names_of(JobKind.SWITCHOVER)


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World(Lab("week"))
    yield world
    world.down()


def test_switchovers_lead_around_the_ring_and_back_and_all_nodes_hold_the_same(world: World) -> None:
    ring = [world.primary, *sorted(world.replicas)]
    for target in (ring[1], ring[2], ring[0], ring[2], ring[1], ring[0]):
        report = switched(world, target)
        assert report.violations == []
        assert report.lost == []
        assert report.writable == [target]
        assert sorted(report.replicas_following) == sorted(set(ring) - {target})
        job = world.record.job
        assert (job["kind"], job["state"], job["candidate"]) == ("switchover", "done", target)
        assert steps_of(job) == list(PLAN)
    executed = world.sql(world.primary, "SELECT @@gtid_executed AS done")["done"]
    for name in addresses.databases():
        world.wait_for(
            "all transactions",
            lambda name=name: bool(  # type: ignore[misc]
                world.sql(name, "SELECT GTID_SUBSET(%s, @@gtid_executed) AS all_there", executed)["all_there"]
            ),
        )
    sums = {world.sql(name, "CHECKSUM TABLE app.writes")["Checksum"] for name in addresses.databases()}
    assert len(sums) == 1
    assert len({world.sql(name, "SELECT @@gtid_executed AS done")["done"] for name in addresses.databases()}) == 1


def wipe(world: World, node: str) -> None:
    """As rm -rf would."""
    host = world.host(node)
    host.kill("mysqld")
    for each in host.data.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()


def initialize(world: World, node: str) -> str:
    """The file of a site's tasks that make a data folder with the accounts, and nothing where there is one."""
    host = world.host(node)
    fresh = host.folder / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    tasks = [
        {
            "name": "Make a data folder with the accounts",
            "ansible.builtin.command": {"argv": ["cp", "-a", "--sparse=always", str(template.folder()), str(fresh)]},
        },
        {
            "name": "Put it where mysqld looks for it, if nothing is there",
            "ansible.builtin.command": {"argv": ["mv", "--no-target-directory", str(fresh), str(host.data)]},
        },
        {
            "name": "Wait for mysqld",
            "ansible.builtin.wait_for": {
                "host": "{{ altair_node_address }}",
                "port": addresses.MYSQL_PORT,
                "timeout": 60,
            },
        },
    ]
    file = Path(host.folder) / "initialize.yml"
    file.write_text(yaml.safe_dump(tasks))
    return str(file)


def test_a_node_that_was_wiped_is_back_as_a_replica_by_one_playbook(world: World) -> None:
    node = world.replicas[0]
    wipe(world, node)
    given = {"node": node, "altair_initialize_tasks_file": initialize(world, node)}
    with supervised(world, node):
        code, output = daemons.playbook(world.lab, "rebuild", {"cluster": daemons.CLUSTER, **given})
        assert code == 2, output
        assert not (world.host(node).data / "mysql.ibd").exists()
        world.by_hand("rebuild", confirm=node, **given)
    assert_replica(world, node)


def test_a_fresh_node_is_added_in_the_same_way(world: World) -> None:
    node, usual = world.replicas[0], daemons.registration(world.lab, cool_down_seconds=0.0)
    others = [each for each in usual["nodes"] if each["name"] != node]
    world.by_hand("register", **{**usual, "nodes": others})
    wipe(world, node)
    with world.writing() as client, supervised(world, node):
        world.by_hand("register", **usual)
        world.by_hand("rebuild", node=node, confirm=node, altair_initialize_tasks_file=initialize(world, node))
        many = client.acked()[-1].n
        client.wait_for(lambda ack: ack.n > many)
    assert_replica(world, node)
