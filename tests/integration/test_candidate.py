"""Which replica is promoted, which is not and why, and who feeds whom; what the replicas hold is read from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.contract.by_hand import sql as as_root
from tests.contract.by_hand import value
from tests.integration.record import CLUSTER, Json, step_of, steps_of
from tests.integration.world import Outcome, World
from tests.lab import addresses, daemons
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

QUORUM = "fewer nodes live than the cluster's quorum"
LAGGING = "no replica is known to lag less than the cluster's limit"


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World(Lab("choice"))
    yield world
    world.down()


@contextmanager
def registered(
    world: World, *, barred: str = "", places: dict[str, str] | None = None, **policy: object
) -> Iterator[None]:
    """The cluster with another description for a while. ``places``: name → zone."""
    usual = daemons.registration(world.lab, cool_down_seconds=0.0)
    nodes = [
        {**node, "candidate": node["name"] != barred} | ({"zone": places[node["name"]]} if places else {})
        for node in usual["nodes"]
    ]
    world.by_hand("register", **{**usual, "nodes": nodes, "policy": {**usual["policy"], **policy}})
    try:
        yield
    finally:
        world.by_hand("register", **usual)


def kill(world: World) -> Callable[[str], None]:
    return lambda node: world.host(node).kill("mysqld")


def fail_over(world: World) -> tuple[Outcome, Json]:
    """Under load; the outcome, and the evidence of the choice."""
    done = world.replaced_after(kill(world))
    evidence: Json = step_of(done.job, "choose_candidate")["evidence"]
    return done, evidence


def is_blocked(world: World, since: float, by: str) -> bool:
    found = world.record.screening
    return bool(found.get("screened_at", 0) > since and found["blockers"] == [by])


@pytest.mark.scenario(25)
def test_the_chosen_one_first_catches_up_from_the_most_advanced_that_must_not_be_promoted(world: World) -> None:
    chosen, ahead = sorted(world.replicas)
    with registered(world, barred=ahead):
        as_root(world.lab, chosen, "STOP REPLICA IO_THREAD")
        done, choice = fail_over(world)
    assert done.new == choice["candidate"] == chosen
    assert choice["excluded"] == {ahead: "its owners marked it as not a candidate"}
    assert (choice["ranking"], choice["fed_by"], choice["passed_over"]) == ([chosen], [ahead], {})
    assert int(choice["missing"][chosen]) >= 20
    assert choice["missing"][ahead] == "0"
    assert choice["not_fed"] == ""
    assert done.report.violations == []
    assert done.report.replicas_following == [ahead]


@pytest.mark.scenario(26)
def test_replicas_whose_appliers_were_stopped_apply_all_they_received_before_one_is_promoted(world: World) -> None:
    for node in world.replicas:
        as_root(world.lab, node, "STOP REPLICA SQL_THREAD")
    done, choice = fail_over(world)
    assert choice["excluded"] == {}
    caught_up = step_of(done.job, "catch_up")
    assert done.new in caught_up["evidence"]["drained"]
    assert caught_up["evidence"][done.new] != f"{done.new} has applied all it received (0 were left)"
    assert steps_of(done.job).index("catch_up") < steps_of(done.job).index("promote")
    assert done.report.violations == []


@pytest.mark.scenario(26)
def test_a_replica_whose_applier_cannot_go_on_is_neither_waited_for_nor_promoted(world: World) -> None:
    broken, other = sorted(world.replicas)
    row = "app.writes VALUES (77, 1, @@server_uuid, NOW(6))"
    as_root(world.lab, broken, f"SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; INSERT INTO {row}")
    as_root(world.lab, broken, "SET GLOBAL super_read_only = ON")
    as_root(world.lab, world.primary, f"INSERT INTO {row}")
    try:
        world.wait_for(
            "the applier's end", lambda: world.sql(broken, "SHOW REPLICA STATUS")["Replica_SQL_Running"] == "No"
        )
        done, choice = fail_over(world)
        assert done.new == other
        assert choice["excluded"][broken].startswith("its applier has stopped and does not get any further: ")
        assert broken not in step_of(done.job, "catch_up")["evidence"]["drained"]
        assert "its applier has stopped again" in step_of(done.job, "catch_up")["evidence"][broken]
        assert (done.report.lost, done.report.writable) == ([], [other])
        assert world.fenced(broken)
    finally:
        as_root(
            world.lab,
            broken,
            "SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; DELETE FROM app.writes WHERE writer = 77;"
            " SET GLOBAL super_read_only = ON; START REPLICA",
        )


@contextmanager
def errant(world: World, node: str) -> Iterator[str]:
    """A transaction of the node's own for a while; afterwards the primary has it, too, so that it is none any more."""
    uuid = value(world.lab, node, "@@server_uuid")

    def own() -> set[str]:
        parts = value(world.lab, node, "@@global.gtid_executed").split(",")
        return {part for part in parts if part.strip().startswith(uuid)}

    before = own()
    as_root(world.lab, node, "SET GLOBAL super_read_only = OFF; CREATE DATABASE stray")
    as_root(world.lab, node, "SET GLOBAL super_read_only = ON")
    both = (",".join(own()), ",".join(before))
    stray = value(world.lab, node, f"GTID_SUBTRACT('{both[0]}', '{both[1]}')")
    try:
        yield stray
    finally:
        as_root(world.lab, node, "SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; DROP DATABASE stray")
        as_root(world.lab, node, "SET GLOBAL super_read_only = ON")
        as_root(world.lab, world.primary, f"SET gtid_next = '{stray}'; BEGIN; COMMIT; SET gtid_next = AUTOMATIC")


@pytest.mark.scenario(29)
def test_the_most_advanced_replica_is_excluded_for_an_errant_transaction_which_is_named_and_feeds_nobody(
    world: World,
) -> None:
    best, other = sorted(world.replicas)
    with errant(world, best) as stray:
        as_root(world.lab, other, "STOP REPLICA IO_THREAD")
        done, choice = fail_over(world)
        assert done.new == other
        assert choice["excluded"] == {best: f"it has errant transactions, which the old primary never had: {stray}"}
        assert (choice["ranking"], choice["fed_by"]) == ([other], [])
        assert int(choice["missing"][other]) >= 20
        assert choice["not_fed"] != ""
        assert done.report.lost == []  # the old primary's host answers: its binary log has what the other lacks
        assert done.report.writable == [other]
        assert value(world.lab, other, f"GTID_SUBSET('{stray}', @@global.gtid_executed)") == "0"


@contextmanager
def delayed(world: World, node: str) -> Iterator[str]:
    change = "STOP REPLICA SQL_THREAD; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = {}; START REPLICA SQL_THREAD"
    as_root(world.lab, node, change.format(3600))
    try:
        yield "it is delayed on purpose: 3600 s"
    finally:
        as_root(world.lab, node, change.format(0))


@contextmanager
def filtered(world: World, node: str) -> Iterator[str]:
    change = "STOP REPLICA SQL_THREAD; CHANGE REPLICATION FILTER {}; START REPLICA SQL_THREAD"
    as_root(world.lab, node, change.format("REPLICATE_IGNORE_DB = (secret)"))
    try:
        yield "it leaves out a part of what it replicates: Replicate_Ignore_DB secret"
    finally:
        as_root(world.lab, node, change.format("REPLICATE_IGNORE_DB = ()"))


@contextmanager
def without_binary_log(world: World, node: str) -> Iterator[str]:
    host = world.host(node)
    usual = list(host.state().processes["mysqld"].argv)

    def restart(argv: list[str]) -> None:
        if host.running("mysqld"):
            host.kill("mysqld")
        host.start("mysqld", argv)
        world.wait_for("a whole cluster", lambda: not world.faults())

    restart([*usual, "--skip-log-bin"])
    try:
        yield "its binary log does not hold what it applies (log_bin and log_replica_updates must be on)"
    finally:
        host.kill("mysqld")
        host.start("mysqld", usual)  # the repair before the next test waits for it


@contextmanager
def cascading(world: World, node: str) -> Iterator[str]:
    (other,) = (name for name in world.replicas if name != node)
    address = addresses.HOSTS[other]
    as_root(world.lab, node, f"STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{address}'; START REPLICA")
    world.wait_for("its new source", lambda: world.sql(node, "SHOW REPLICA STATUS")["Replica_IO_Running"] == "Yes")
    yield f"it follows another server than the old primary: {address}:{addresses.MYSQL_PORT}"


@pytest.mark.scenario(31)
@pytest.mark.parametrize("made", [delayed, filtered, without_binary_log, cascading])
def test_a_replica_that_is_no_full_copy_is_no_candidate_and_the_reason_is_said(
    world: World, made: Callable[[World, str], AbstractContextManager[str]]
) -> None:
    flawed, sound = sorted(world.replicas)  # by its name alone the flawed one would be taken
    with made(world, flawed) as reason:
        done, choice = fail_over(world)
        assert done.new == sound
        assert choice["excluded"] == {flawed: reason}
        assert choice["ranking"] == [sound]
        assert done.report.lost == []
        assert done.report.writable == [sound]
        # What a delayed one has received must be applied first, in its own time.
        assert done.report.replicas_following == ([] if made is delayed else [flawed])


@pytest.mark.scenario(33)
def test_with_fewer_live_replicas_than_the_quorum_nobody_is_promoted_until_they_are_enough(world: World) -> None:
    gone, left = sorted(world.replicas)
    with registered(world, quorum_min=2):
        old, earlier, before = world.primary, world.record.job, world.record.everything()
        world.host(gone).kill("mysqld")
        began = time.time()
        world.host(old).kill("mysqld")
        world.wait_for("a screening that is blocked", lambda: is_blocked(world, began, QUORUM))
        assert world.record.screening["verdict"] == "dead_primary"
        assert world.record.everything() == before
        assert world.fenced(left)
        world.host(gone).start("mysqld")
        job = world.wait_for_job(earlier)
    assert job["old_primary"] == old
    assert world.judge(old).violations == []


@pytest.mark.scenario(28)
def test_while_every_replica_lags_beyond_the_limit_nobody_is_promoted(world: World) -> None:
    with registered(world, lag_seconds_max=1.0):
        old, earlier, before = world.primary, world.record.job, world.record.everything()
        with world.writing() as client, world.appliers_held() as let_go:
            many = client.acked()[-1].n + 300  # of each writer, so that it is some seconds of work
            client.wait_for(lambda ack: ack.n >= many)
            began = time.time()
            world.host(old).kill("mysqld")
            world.wait_for("a screening that is blocked", lambda: is_blocked(world, began, LAGGING))
            assert world.record.screening["verdict"] == "dead_primary"
            assert world.record.everything() == before
            assert all(world.fenced(node) for node in world.replicas)
            assert world.record.read(f"{CLUSTER}/job") == earlier
            let_go()
            job = world.wait_for_job(earlier)
    assert job["old_primary"] == old
    assert world.judge(old).violations == []


def test_only_a_replica_in_the_policys_zones_is_promoted(world: World) -> None:
    outside, inside = sorted(world.replicas)  # by its name alone the one outside would be taken
    with registered(world, places={world.primary: "north", inside: "north", outside: "south"}, zones=["north"]):
        done, choice = fail_over(world)
    assert done.new == inside
    assert choice["excluded"] == {outside: "the cluster's policy promotes nobody in its zone: south"}
    assert done.report.violations == []
