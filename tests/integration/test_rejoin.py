"""An old primary comes back, a rebuild is interrupted, a node is wiped: each is a replica again by one playbook, or is
put aside with all that only it has named."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

import pytest

from tests.integration import losses
from tests.integration.planned import assert_replica, supervised
from tests.integration.record import CLUSTER
from tests.integration.test_after import source_of
from tests.integration.world import World
from tests.lab import daemons, template
from tests.lab.errors import LabError

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

OWN_ROW = (900, 1)  # of no writer that the client has
SLOW = {"altair_rebuild_data_mib": 10, "altair_rebuild_threads": 1, "altair_rebuild_retry_seconds": 1}


def kill_mysqld(world: World, node: str) -> None:
    world.host(node).kill("mysqld")


def come_back(world: World, node: str) -> None:
    world.host(node).start("mysqld")
    world.wait_for("the returned node's report", lambda: world.record.health(node).get("health") == "healthy")
    assert world.fenced(node)


def write_alone(world: World, node: str) -> None:
    """A row that only this node has; whoever makes it writable for that is fenced by its agent soon after."""
    world.sql(node, "SET GLOBAL super_read_only = OFF")
    world.sql(node, "SET GLOBAL read_only = OFF")
    with template.connect(world.host(node), "app", timeout=5) as session, session.cursor() as cursor:
        cursor.execute("INSERT INTO app.writes VALUES (%s, %s, @@server_uuid, NOW(6))", OWN_ROW)
    world.sql(node, "SET GLOBAL super_read_only = ON")
    world.wait_for("its fence", lambda: world.fenced(node))


@pytest.mark.scenario(39)
def test_an_old_primary_that_comes_back_is_compared_and_then_follows_the_new_one(world: World) -> None:
    done = world.replaced_after(lambda node: kill_mysqld(world, node))
    come_back(world, done.old)
    assert source_of(world, done.old) == ""
    printed = world.by_hand("rejoin", node=done.old)
    assert f"{done.old} follows {done.new}" in printed
    assert_replica(world, done.old)
    again = world.by_hand("rejoin", node=done.old)
    assert f"it replicates from {done.new} already" in again
    assert "changed=0" in again
    assert world.record.job == done.job


@pytest.mark.scenario(39)
def test_one_that_has_what_nobody_else_has_is_quarantined_with_its_rows_and_then_rebuilt(world: World) -> None:
    done = world.replaced_after(lambda node: kill_mysqld(world, node))
    come_back(world, done.old)
    write_alone(world, done.old)
    folder = world.host("client").folder / "errant"
    folder.mkdir(exist_ok=True)
    given = {"cluster": daemons.CLUSTER, "node": done.old, "altair_losses_folder": str(folder)}
    code, output = daemons.playbook(world.lab, "rejoin", given)
    assert code == 2, output
    assert f"that {done.new} never had" in output
    assert source_of(world, done.old) == ""
    entry = world.record.read(f"{CLUSTER}/returned/{done.old}")
    assert (entry["stage"], entry["transactions"], entry["rows_unread"]) == ("quarantined", 1, "")
    (file,) = folder.glob(f"orders-*-{done.old}-errant.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert OWN_ROW in losses.named_in_file(file)
    assert "in quarantine, with 1 transactions" in world.by_hand("status")
    code, output = daemons.playbook(world.lab, "rebuild", given)
    assert code == 2, output
    assert "so say its name" in output
    with supervised(world, done.old):
        world.by_hand("rebuild", **{**given, "confirm": done.old})
    assert_replica(world, done.old)
    own = world.sql(done.old, "SELECT COUNT(*) AS number FROM app.writes WHERE writer = %s", OWN_ROW[0])
    assert own["number"] == 0


def by_kill(world: World, node: str, session: int) -> None:
    world.sql(node, f"KILL QUERY {session}")


def by_death(world: World, node: str, _session: int) -> None:
    world.host(node).kill("mysqld")


@contextmanager
def interrupted_once(world: World, node: str, how: Callable[[World, str, int], None]) -> Iterator[list[int]]:
    """As soon as the node's own data is gone and the copy is under way; gives the sessions that were interrupted."""
    ended, hit = Event(), list[int]()

    def work() -> None:
        while not hit and not ended.wait(0.05):
            with suppress(LabError, OSError, *template.ERRORS):
                status = world.sql(node, "SELECT PID, STATE FROM performance_schema.clone_status")
                begun = world.sql(node, "SELECT STATE FROM performance_schema.clone_progress WHERE STAGE = 'FILE COPY'")
                if status.get("STATE") == "In Progress" and begun.get("STATE") == "In Progress":
                    hit.append(int(status["PID"]))
                    how(world, node, hit[0])

    thread = Thread(target=work, daemon=True)
    thread.start()
    try:
        yield hit
    finally:
        ended.set()
        thread.join()


@pytest.mark.scenario(54)
@pytest.mark.parametrize("how", [by_kill, by_death], ids=["killed", "its mysqld dies"])
def test_a_rebuild_that_is_interrupted_is_begun_again_and_ends_with_a_replica(
    world: World, how: Callable[[World, str, int], None]
) -> None:
    node, other = world.replicas
    with world.writing() as client:
        with supervised(world, node), interrupted_once(world, node, how) as hit:
            printed = world.by_hand("rebuild", node=node, confirm=node, **SLOW)
        assert hit
        assert f"{node}: no copy of {other}: " in printed
        assert f"{node} has a copy of {world.primary}, after 1 attempts that failed" in printed
        after = client.acked()[-1].n
        client.wait_for(lambda ack: ack.n > after)
    assert_replica(world, node)
    assert world.record.job == {} or world.record.job["state"] == "done"
