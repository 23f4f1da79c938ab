"""After a promotion the other replicas follow with their options kept, also those that were away or hung on another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.integration.holding import held_before
from tests.integration.record import Json, step_of
from tests.integration.world import World
from tests.lab import addresses, credentials, daemons

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

CONFIGURATION = "SELECT * FROM performance_schema.replication_connection_configuration"
FOLLOW = (
    "CHANGE REPLICATION SOURCE TO SOURCE_HOST=%s, SOURCE_PORT=%s, SOURCE_USER='repl', SOURCE_PASSWORD=%s,"
    " SOURCE_AUTO_POSITION=1, SOURCE_SSL=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400,"
    " SOURCE_HEARTBEAT_PERIOD=1"
)


def source_of(world: World, node: str) -> str:
    """The node that a replica receives from, by its own word; empty while it does not."""
    shown = world.sql(node, "SHOW REPLICA STATUS")
    running = (shown.get("Replica_IO_Running"), shown.get("Replica_SQL_Running"))
    names = {address: name for name, address in addresses.HOSTS.items()}
    return names[shown["Source_Host"]] if running == ("Yes", "Yes") else ""


def configuration(world: World, node: str) -> Json:
    shown = world.sql(node, CONFIGURATION)
    return {name: value for name, value in shown.items() if name not in ("HOST", "PORT")}


def let_follow(world: World, node: str, source: str) -> None:
    world.sql(node, "STOP REPLICA")
    world.sql(node, FOLLOW, addresses.HOSTS[source], addresses.MYSQL_PORT, credentials.PASSWORDS["repl"])
    world.sql(node, "START REPLICA")
    world.wait_for(f"{node} to follow {source}", lambda: source_of(world, node) == source)


@contextmanager
def cascade(world: World) -> Iterator[tuple[str, str]]:
    """Of the two replicas the second follows the first."""
    middle, child = world.replicas
    let_follow(world, child, middle)
    yield middle, child


def kill_mysqld(world: World, node: str) -> None:
    world.host(node).kill("mysqld")


def cut_off(world: World, node: str) -> None:
    for orchestrator in ("orc1", "orc2"):
        world.lab.partition(orchestrator, node)


def start_mysqld(world: World, node: str) -> None:
    world.host(node).start("mysqld")


def heal(world: World, _node: str) -> None:
    world.lab.heal()


@pytest.mark.scenario(48)
@pytest.mark.parametrize(
    ("take_away", "bring_back"), [(kill_mysqld, start_mysqld), (cut_off, heal)], ids=["down", "cut off"]
)
def test_a_replica_that_was_away_at_the_repoint_does_not_stop_the_job_and_is_repaired_when_it_is_back(
    world: World, take_away: Callable[[World, str], None], bring_back: Callable[[World, str], None]
) -> None:
    old, earlier, replicas = world.primary, world.record.job, world.replicas
    with held_before(world, "repoint") as hold, world.writing() as client:
        kill_mysqld(world, old)
        owner = hold.wait()
        new = world.primary
        (away,) = [name for name in replicas if name != new]
        take_away(world, away)
        hold.let_go(owner)
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    evidence = step_of(job, "repoint")["evidence"]
    assert evidence["left_behind"] == [away]
    assert f"{away} is left behind" in evidence[away]
    assert world.judge(old, away).violations == []
    bring_back(world, away)
    world.wait_for(f"{away} to follow {new}", lambda: source_of(world, away) == new)
    report = world.judge(old)
    assert report.violations == []
    assert report.replicas_following == [away]
    assert world.record.job == job
    line = f"orders/{away}: {away} follows {new}"
    world.wait_for("its being said", lambda: any(line in world.log(name, "orchestrator") for name in ("orc1", "orc2")))


@pytest.mark.scenario(48)
def test_a_person_may_repair_a_replica_and_is_shown_before_what_would_be_done(world: World) -> None:
    for host in ("orc1", "orc2"):
        world.host(host).kill("orchestrator")
    primary = world.primary
    with cascade(world) as (middle, child):
        kill_mysqld(world, middle)
        world.wait_for("a source that is gone", lambda: source_of(world, child) == "")
        before = configuration(world, child)
        code, output = daemons.playbook(world.lab, "repair", {"cluster": daemons.CLUSTER}, "--check")
        assert code == 0, output
        assert f"{child} would follow {primary}: its source {middle} cannot be reached" in output
        assert configuration(world, child) == before
        assert world.sql(child, "SHOW REPLICA STATUS")["Source_Host"] == addresses.HOSTS[middle]
        assert f"{child} follows {primary}" in world.by_hand("repair")
        assert source_of(world, child) == primary


@pytest.mark.scenario(49)
def test_a_cascading_replica_whose_source_dies_is_given_the_primary_and_there_is_no_loop(world: World) -> None:
    with cascade(world) as (middle, child):
        primary, before = world.primary, world.record.everything()
        world.host(middle).power_off()
        world.wait_for(f"{child} to follow {primary}", lambda: source_of(world, child) == primary)
        assert world.judge(middle).replicas_following == [child]
        world.host(middle).power_on()
        for name in world.host(middle).state().processes:
            if not world.host(middle).running(name):
                world.host(middle).start(name)
        world.wait_for(f"{middle} to follow {primary}", lambda: source_of(world, middle) == primary)
        assert source_of(world, child) == primary
        assert world.record.everything() == before


@pytest.mark.scenario(49)
def test_a_cascading_replica_stays_with_its_source_when_that_is_promoted(world: World) -> None:
    with cascade(world) as (middle, child):
        done = world.replaced_after(lambda node: kill_mysqld(world, node))
        assert done.new == middle
        assert source_of(world, child) == middle
        evidence = step_of(done.job, "repoint")["evidence"]
        assert (evidence["following"], evidence["left_behind"]) == ([child], [])
        assert evidence[child] == f"{child} goes on following {middle}"
        assert done.report.violations == []


@pytest.mark.scenario(50)
def test_tls_and_channel_options_survive_a_failover(world: World) -> None:
    replicas, tls = world.replicas, world.lab.etc / "tls"
    for node in replicas:
        world.sql(node, "STOP REPLICA IO_THREAD")
        world.sql(
            node,
            "CHANGE REPLICATION SOURCE TO SOURCE_SSL_CA=%s, SOURCE_SSL_VERIFY_SERVER_CERT=1,"
            " SOURCE_TLS_VERSION='TLSv1.3', SOURCE_COMPRESSION_ALGORITHMS='zstd,zlib',"
            " SOURCE_ZSTD_COMPRESSION_LEVEL=5, SOURCE_CONNECT_RETRY=2, SOURCE_RETRY_COUNT=4321,"
            " SOURCE_HEARTBEAT_PERIOD=1.5, GET_SOURCE_PUBLIC_KEY=1",
            str(tls / "ca.pem"),
        )
        world.sql(node, "START REPLICA IO_THREAD")
    try:
        before = {node: configuration(world, node) for node in replicas}
        done = world.replaced_after(lambda node: kill_mysqld(world, node))
        (other,) = [name for name in replicas if name != done.new]
        assert source_of(world, other) == done.new
        after = configuration(world, other)
        assert after == before[other]
        assert (after["SSL_VERIFY_SERVER_CERTIFICATE"], after["CONNECTION_RETRY_COUNT"]) == ("YES", 4321)
        evidence = step_of(done.job, "repoint")["evidence"]
        assert evidence["following"] == [other]
        assert "changed_options" not in evidence
        assert done.report.violations == []
    finally:
        for node in world.replicas:
            if world.host(node).running("mysqld") and world.sql(node, "SHOW REPLICA STATUS"):
                world.sql(node, "STOP REPLICA")
                world.sql(
                    node,
                    "CHANGE REPLICATION SOURCE TO SOURCE_COMPRESSION_ALGORITHMS='uncompressed',"
                    " SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, SOURCE_HEARTBEAT_PERIOD=1",
                )
                world.sql(node, "START REPLICA")
