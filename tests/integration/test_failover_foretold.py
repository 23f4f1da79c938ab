"""What the plan of a failover foretells comes about, and to foretell it changes nothing."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable

import pytest

from tests.contract.by_hand import sql as as_root
from tests.integration.record import Json, step_of, steps_of
from tests.integration.test_candidate import registered
from tests.integration.world import World

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


def foretold(world: World) -> Json:
    """By the playbook, as JSON, of a cluster at rest, whose record it leaves as it is."""
    before = world.record.everything(), world.record.screening
    output = world.by_hand("plan", altair_output="json")
    assert (world.record.everything(), world.record.screening) == before
    found = re.search(r"^ok: \[localhost\] => (\{$.*?^\})$", output, re.MULTILINE | re.DOTALL)
    assert found, output
    told: Json = json.loads(found[1])["msg"]
    return told


def kill_mysqld(world: World) -> Callable[[str], None]:
    return lambda node: world.host(node).kill("mysqld")


def take_host(world: World) -> Callable[[str], None]:
    return lambda node: world.lose(node, lambda lost: world.host(lost).power_off())


@pytest.mark.parametrize(
    ("death", "how"), [("mysqld_dies", kill_mysqld), ("host_dies", take_host)], ids=["mysqld", "host"]
)
def test_who_would_be_promoted_is_promoted_and_the_verdict_is_the_one_foretold(
    world: World, death: str, how: Callable[[World], Callable[[str], None]]
) -> None:
    world.wait_protected()
    barred = min(world.replicas)  # of replicas that are equal it would be chosen
    with registered(world, barred=barred):
        world.wait_protected()
        told = foretold(world)
        assert told["passed_over"] == {barred: "its owners marked it as not a candidate"}
        assert (told[death]["forbidden"], told[death]["held_up"], told[death]["risks"]) == ([], [], [])
        since = time.time()
        done = world.replaced_after(how(world))
    assert done.new == told["candidate"] == told["diff"]["after"]["primary"]
    assert [each.partition(":")[0] for each in told["steps"]] == steps_of(done.job)
    assert world.wait_for_screening(since)["because"] == told[death]["because"]
    assert done.report.violations == []
    sources = told["diff"]["after"]["sources"]
    assert sorted(done.report.replicas_following) == sorted(sources) == [barred]
    assert sources == {barred: done.new}


def test_what_the_replicas_have_not_received_is_told_to_be_lost_with_the_host_and_is_salvaged_from_a_dead_mysqld(
    world: World,
) -> None:
    world.wait_protected()
    for name in world.replicas:
        as_root(world.lab, name, "STOP REPLICA IO_THREAD")
    with world.writing() as client:
        many = client.acked()[-1].n + 5
        client.wait_for(lambda ack: ack.n >= many)
    told = foretold(world)
    assert told["host_dies"]["transactions"] >= 5
    assert (told["mysqld_dies"]["transactions"], told["mysqld_dies"]["gtids"]) == (0, "")
    ahead = world.sql(world.primary, "SELECT @@gtid_executed AS done")["done"].replace("\n", "")
    done = world.replaced_after(kill_mysqld(world))
    salvaged = step_of(done.job, "salvage")["evidence"]["found"]
    within = "SELECT GTID_SUBSET(%s, %s) AS there, GTID_SUBSET(%s, @@gtid_executed) AS kept"
    found = world.sql(done.new, within, told["host_dies"]["gtids"], salvaged, ahead)
    assert (found["there"], found["kept"]) == (1, 1)
    assert done.report.violations == []
