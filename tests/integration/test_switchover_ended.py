"""A switchover that is given up, or whose playbook dies, at any step: one writable primary is left, within a bound."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind, names_of
from tests.integration.planned import ENDS_SECONDS, begun, ended, kill_all, start, transaction, wait_step
from tests.integration.record import CLUSTER, step_of
from tests.integration.test_candidate import registered
from tests.integration.world import World
from tests.lab import daemons, template
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

PLAN = names_of(JobKind.SWITCHOVER)


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World(Lab("givenup"))
    yield world
    world.down()


def playbook_of(world: World, steps: list[str]) -> str:
    """One that carries out so many steps of a switchover, and then is gone."""
    folder = begun(world)
    where = {"zookeeper_hosts": "{{ altair_zookeeper_hosts }}", "cluster": "{{ cluster }}"}
    mysql = {"config_file": "{{ altair_mysql_credentials_file }}"}
    replication = {"replication_config_file": "{{ altair_replication_credentials_file }}"}
    agents = {"agent_ca": "{{ altair_tls_ca }}", "agent_cert": "{{ altair_tls_certificate }}"}
    agents["agent_key"] = "{{ altair_tls_key }}"
    opening = {**where, **mysql, **replication, "target": "{{ target }}"}
    carrying: dict[str, Any] = {
        **where,
        **mysql,
        **replication,
        **agents,
        "epoch": "{{ opened.epoch }}",
        "steps": steps,
    }
    carrying |= {"tsig_key_file": "{{ altair_tsig_key_file }}", "hold_lock": True}
    tasks = [
        {"name": "Open", "altair.mysql_ha.open_switchover": opening, "register": "opened"},
        {"name": "Carry out", "altair.mysql_ha.run_steps": carrying},
    ]
    path = folder / "part.yml"
    play = {"name": "A part", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
    path.write_text(yaml.safe_dump([play], sort_keys=False))
    return str(path)


@pytest.mark.scenario(53)
@pytest.mark.parametrize("count", range(len(PLAN) + 1))
def test_a_playbook_that_ends_after_any_step_is_succeeded_by_an_orchestrator(world: World, count: int) -> None:
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    done = list(PLAN[:count])
    with world.writing() as client:
        process = start(world, playbook_of(world, done), target=target)
        assert process.wait(120) == 0
        promoted = "promote" in done
        ended(world, earlier, "done" if promoted else "aborted", target if promoted else old)
        event = time.monotonic()
        client.wait_for(lambda ack: ack.acked > event)
    report = world.judge()
    assert (report.violations, report.lost) == ([], [])
    assert len(report.replicas_following) == 2


Hold = Callable[[World, str, str], Any]


@contextmanager
def held_in_quiesce(world: World, old: str, target: str) -> Iterator[None]:  # noqa: ARG001
    with transaction(world, old):
        yield


@contextmanager
def held_in_catch_up(world: World, old: str, target: str) -> Iterator[None]:
    """The target stops to apply once the primary is about to become read-only."""
    with ExitStack() as stack:
        ready, earlier = threading.Event(), world.record.job.get("id")

        def hold() -> None:
            with transaction(world, old) as first:
                ready.set()
                world.wait_for("a job", lambda: world.record.job.get("id") != earlier)
                wait_step(world, "pause_monitoring")
                time.sleep(1.0)  # by now it has been level with the primary, and waits for the transaction
                session = stack.enter_context(template.connect(world.host(target), "app", timeout=120))
                with session.cursor() as cursor:
                    cursor.execute("LOCK TABLES app.writes READ")
                time.sleep(1.0)  # some rows for it to lack
                first.execute("COMMIT")

        thread = threading.Thread(target=hold)
        thread.start()
        ready.wait(30)
        yield
        thread.join()


@pytest.mark.scenario(53)
@pytest.mark.parametrize(("hold", "stands_at"), [(held_in_quiesce, "pause_monitoring"), (held_in_catch_up, "quiesce")])
def test_a_playbook_that_is_killed_in_the_middle_of_a_step_leaves_the_old_primary_writable(
    world: World, hold: Hold, stands_at: str
) -> None:
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    patient = registered(world, long_transaction_seconds_max=120.0, switchover_lag_seconds_max=120.0)
    with patient, world.writing() as client:
        with hold(world, old, target):
            process = start(world, "altair.mysql_ha.switchover", target=target)
            world.wait_for("a job", lambda: world.record.job.get("id") != earlier.get("id"))
            wait_step(world, stands_at)
            kill_all(process)
        ended(world, earlier, "aborted", old)
        event = time.monotonic()
        client.wait_for(lambda ack: ack.acked > event)
    report = world.judge()
    assert (report.violations, report.lost) == ([], [])
    assert sorted(report.replicas_following) == sorted(world.replicas)


@pytest.mark.scenario(53)
def test_a_playbook_that_is_killed_after_the_promotion_is_succeeded_to_the_end(world: World) -> None:
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    with world.writing() as client:
        with transaction(world, old) as cursor:  # the name server answers the check, and nothing after it
            process = start(world, "altair.mysql_ha.switchover", target=target)
            world.wait_for("a job", lambda: world.record.job.get("id") != earlier.get("id"))
            wait_step(world, "pause_monitoring")
            world.host("ns1").stop("named")
            cursor.execute("COMMIT")
        wait_step(world, "promote")
        kill_all(process)
        world.host("ns1").cont("named")
        ended(world, earlier, "done", target)
        client.wait_for_another_server()
    report = world.judge()
    assert (report.violations, report.lost) == ([], [])
    assert report.replicas_following
    assert step_of(world.record.job, "demote")["evidence"]["following"] is True


@pytest.mark.scenario(53)
def test_a_new_primary_that_dies_before_the_end_is_replaced_and_nothing_is_lost(world: World) -> None:
    """By a failover to the old primary or to who follows it still: nobody was pointed at the new one yet."""
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    with world.writing() as client:
        with transaction(world, old) as cursor:
            process = start(world, "altair.mysql_ha.switchover", target=target)
            world.wait_for("a job", lambda: world.record.job.get("id") != earlier.get("id"))
            wait_step(world, "pause_monitoring")
            world.host("ns1").stop("named")
            cursor.execute("COMMIT")
        wait_step(world, "promote")
        given_up = world.record.job
        with template.connect(world.host(target), "app", timeout=5) as session, session.cursor() as only_there:
            only_there.execute("INSERT INTO app.writes VALUES (78, 1, @@server_uuid, NOW(6))")
        world.host(target).kill("mysqld")
        world.host("ns1").cont("named")
        assert process.wait(120) == 2
        done = world.wait_for_job(given_up, "done", seconds=ENDS_SECONDS)
        event = time.monotonic()
        client.wait_for(lambda ack: ack.acked > event)
    assert (done["kind"], done["old_primary"]) == ("failover", target)
    report = world.judge(target)
    assert (report.violations, report.lost) == ([], [])
    row = world.sql(world.primary, "SELECT COUNT(*) AS many FROM app.writes WHERE writer = 78")
    assert row["many"] == 1


@pytest.mark.scenario(53)
def test_a_person_who_gives_a_switchover_up_finds_the_old_primary_writable(world: World) -> None:
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    with registered(world, long_transaction_seconds_max=120.0), transaction(world, old) as cursor:
        process = start(world, "altair.mysql_ha.switchover", target=target)
        world.wait_for("a job", lambda: world.record.job.get("id") != earlier.get("id"))
        wait_step(world, "pause_monitoring")
        code, output = daemons.playbook(world.lab, "abort", {"cluster": daemons.CLUSTER, "reason": "the wrong evening"})
        assert code == 0, output
        assert f"an orchestrator sees to it that {old} takes writes" in output
        cursor.execute("COMMIT")
        assert process.wait(60) == 2  # its next step is refused
        ended(world, earlier, "aborted", old)
    assert not world.record.read(f"{CLUSTER}/maintenance").get("entries")
    assert world.judge().violations == []


@pytest.mark.scenario(53)
def test_an_old_primary_that_dies_while_it_is_read_only_is_replaced_by_a_failover(world: World) -> None:
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    with registered(world, switchover_lag_seconds_max=20.0), world.writing() as client:
        with held_in_catch_up(world, old, target):
            process = start(world, "altair.mysql_ha.switchover", target=target)
            world.wait_for("a job", lambda: world.record.job.get("id") != earlier.get("id"))
            wait_step(world, "quiesce")
            world.host(old).kill("mysqld")
        process.wait(240)
        world.wait_for("another primary", lambda: world.primary != old)
        client.wait_for_another_server()
        world.wait_for("the end of the job", lambda: world.record.job.get("state") in ("done", "aborted"))
    report = world.judge(old)
    assert report.lost == report.named
    assert len(report.writable) == 1
