"""Death or not: what a cluster makes of silence, of slowness, and of servers that turn people away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

import pymysql
import pytest

from tests.integration.record import CLUSTER, step_of, steps_of
from tests.integration.test_failover import let_run
from tests.integration.world import World, servers
from tests.lab import acks, addresses, credentials, daemons, load, services, template

pytestmark = pytest.mark.lab

SOAK_SECONDS = 15.0  # many times as long as a lease lasts with the profile of these tests
COOLING = "the cluster failed over a short while ago and its cool-down still holds"


def soak(client: object) -> None:
    """Let it last: the client goes on to write on the same server."""
    until = time.monotonic() + SOAK_SECONDS
    client.wait_for(lambda ack: ack.acked > until, 4 * SOAK_SECONDS)  # type: ignore[attr-defined]


@pytest.mark.scenario(1)
def test_a_reported_exit_is_acted_on_without_a_wait_for_silence(world: World) -> None:
    done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
    assert done.job["suspicion"]["health"] == "mysqld_exited"
    assert "its lease has expired" not in step_of(done.job, "fence")["sentence"]
    assert step_of(done.job, "salvage")["evidence"]["known"] is True, step_of(done.job, "salvage")
    assert done.report.lost == []
    assert done.report.violations == []


@pytest.mark.scenario(2)
def test_a_primary_that_its_supervisor_restarts_ends_in_one_failover_at_most_and_one_writable_node(
    world: World,
) -> None:
    old, earlier, history = world.primary, world.record.job, world.record.history
    with world.writing() as client:
        event = time.monotonic()
        world.host(old).kill("mysqld")
        time.sleep(1.5)  # as systemd's RestartSec would have it
        world.host(old).start("mysqld")
        job = world.wait_for_job(earlier)
        client.wait_for_another_server(event)
    let_run(world, old)
    world.wait_for("the old one's report", lambda: world.record.health(old)["health"] == "healthy")
    assert world.record.history == sorted([*history, job["id"]])
    assert world.fenced(old)
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [job["candidate"]]


@pytest.mark.scenario(3)
def test_a_host_that_is_gone_is_replaced_after_three_missed_beats_and_no_person_is_asked(world: World) -> None:
    world.wait_protected()
    done = world.replaced_after(lambda node: world.lose(node, lambda lost: world.host(lost).power_off()))
    assert done.job["suspicion"]["health"] == "host_silent"
    assert done.job["suspicion"]["because"] == "three reports in a row are missing"
    assert done.job["owner"] in ("orc1", "orc2")
    evidence = step_of(done.job, "fence")["evidence"]
    assert evidence["decision"] == "proceed"
    assert evidence["lease_expired"].startswith(f"{done.old} is fenced: its lease has expired")
    assert done.report.violations == []
    assert done.report.writable == [done.new]


@pytest.mark.scenario(4)
def test_a_node_that_was_suspended_as_a_whole_acknowledges_nothing_once_its_agent_runs_again(world: World) -> None:
    world.wait_protected()
    old, earlier = world.primary, world.record.job
    stood_still = "and the lease is lost meanwhile"
    before = world.log(old, "agent").count(stood_still)
    with world.writing() as client:
        server = client.acked()[0].server
        world.lose(old, lambda node: world.host(node).stop())
        world.lab.heal(old, "client")
        job = world.wait_for_job(earlier)
        client.wait_for(lambda ack: ack.server != server)
        woken = time.monotonic()
        world.host(old).cont()
        world.wait_for("its fence", lambda: world.log(old, "agent").count(stood_still) > before)
        world.wait_for("mysqld's end", lambda: not world.host(old).running("mysqld"))
        fenced = time.monotonic()
        client.wait_for(lambda ack: ack.acked > fenced + 2.0)
    assert "its lease has expired" in step_of(job, "fence")["evidence"]["lease_expired"]
    assert len(servers(client)) == 2
    late = [ack for ack in client.acked() if ack.server == server and ack.acked > woken]
    assert all(ack.sent < fenced for ack in late)
    report = world.judge(old)
    # What mysqld takes in the instant before its agent runs again is the known limit; most often that is nothing.
    assert [row for row in report.lost if row not in {(ack.writer, ack.n) for ack in late}] == []
    assert late or report.violations == []
    assert report.writable == [job["candidate"]]


@pytest.mark.scenario(6)
def test_a_primary_that_no_monitor_reaches_is_a_false_alarm_on_record_with_its_reason(world: World) -> None:
    world.restart("orc1", "orc2")  # what they have concluded before they do not say again
    world.wait_protected()
    primary, before, began = world.primary, world.record.everything(), time.time()
    with world.writing() as client:
        for monitor in ("mon1", "mon2"):
            world.lab.partition(monitor, primary)
        found = world.wait_for_screening(began)
        soak(client)
    assert (found["suspected"], found["verdict"]) == ("host_silent", "false_alarm")
    assert (found["orchestrator"], found["because"]) == ("reached", "the orchestrator reaches the primary")
    path = f"{CLUSTER}/screenings"
    world.wait_for("its record", lambda: world.record.screened_since(began))
    assert world.record.read(path)["screenings"][-1]["verdict"] == "false_alarm"
    assert world.record.everything() == before
    assert len(servers(client)) == 1
    assert world.judge().violations == []


@pytest.mark.scenario(6)
@pytest.mark.nightly
def test_a_primary_that_one_monitor_cannot_reach_reports_by_the_other(world: World) -> None:
    world.wait_protected()
    primary, before, screening = world.primary, world.record.everything(), world.record.screening
    watcher = world.record.health(primary)["monitor"]
    with world.writing() as client:
        world.lab.partition(watcher, primary)
        soak(client)
    assert world.record.health(primary)["health"] == "healthy"
    assert world.record.screening == screening
    assert world.record.everything() == before
    assert world.judge().violations == []


@pytest.mark.scenario(8)
def test_a_cut_off_orchestrator_goes_on_when_the_voters_prove_the_fence(world: World) -> None:
    world.wait_protected()
    old = world.primary
    for orchestrator in ("orc1", "orc2"):
        world.lab.partition(orchestrator, old)
    # Nobody can salvage there, so what no replica has received would be lost.
    done = world.replaced_after(lambda node: world.lose(node, lambda lost: world.host(lost).kill("mysqld")))
    evidence = step_of(done.job, "fence")["evidence"]
    assert evidence["decision"] == "proceed"
    assert evidence["lease_expired"].startswith(f"{old} is fenced: its lease has expired")
    assert done.report.violations == []


@pytest.mark.scenario(8)
@pytest.mark.nightly
def test_a_cut_off_orchestrator_pauses_when_nothing_proves_the_fence(world: World) -> None:
    world.wait_protected()
    old, earlier = world.primary, world.record.job
    mute = world.replicas[0]
    for orchestrator in ("orc1", "orc2"):
        world.lab.partition(orchestrator, old)
        world.lab.partition(orchestrator, mute)
    with world.writing() as client:
        world.host(old).kill("mysqld")
        paused = world.wait_for_job(earlier, "paused")
        assert paused["because"].startswith(f"{old} is not proven fenced by agent_word")
        assert f"{old} is not proven fenced by lease_expired" in paused["because"]
        assert steps_of(paused) == ["pause_monitoring"]
        assert all(world.fenced(node) for node in world.replicas)
        assert world.dns() == [addresses.HOSTS[old]]
        world.lab.heal()
        world.by_hand("failover")
        client.wait_for_another_server()
    job = world.record.job
    assert (job["id"], job["state"]) == (paused["id"], "done")
    assert world.judge(old).violations == []


@pytest.mark.scenario(10)
def test_a_client_on_the_isolated_side_writes_no_more_once_anybody_writes_on_the_other(world: World) -> None:
    world.wait_protected()
    old, earlier = world.primary, world.record.job
    host = world.host(old)
    log, stop = host.folder / "acks.jsonl", host.folder / "stop"
    for path in (log, stop):
        path.unlink(missing_ok=True)
    argv = load.argv(log, world.lab.etc / "app.cnf", stop, rate=50, writers=1)
    with world.writing() as client:
        inside = host.popen([*argv, "--name", host.address, "--first", "1000000"])
        try:
            world.wait_for("writes from its own host", lambda: len(acks.read(log)) > 10)
            event = time.monotonic()
            world.lose(old, world.lab.isolate)
            world.wait_for_job(earlier)
            first = client.wait_for_another_server()
            until = time.monotonic() + 2.0
            client.wait_for(lambda ack: ack.acked > until)
        finally:
            stop.touch()
            inside.wait(15)
    own = acks.read(log)
    assert any(ack.acked > event for ack in own), "it had written on for a while"
    assert max(ack.acked for ack in own) < first.sent
    assert acks.overlaps([*own, *client.acked()]) == []
    assert world.shut(old)
    assert world.judge(old).violations == []


@contextmanager
def full_house(world: World, node: str) -> Iterator[None]:
    """No connection is left, not even the one that MySQL keeps for administrators."""
    with ExitStack() as sessions:
        admin = sessions.enter_context(template.connect(world.host(node), "altair", timeout=10))
        ended = threading.Event()

        def fill() -> None:
            while not ended.wait(0.02):
                for user in ("app", "altair"):
                    try:
                        while True:
                            sessions.enter_context(template.connect(world.host(node), user, timeout=10))
                    except pymysql.MySQLError:
                        continue

        with admin.cursor() as cursor:
            cursor.execute("SET GLOBAL max_connections = 20")
            filler = threading.Thread(target=fill)
            filler.start()
            try:
                yield
            finally:
                ended.set()
                filler.join()
                cursor.execute("SET GLOBAL max_connections = 151")


def as_root(world: World, node: str, statements: str) -> None:
    argv = ["mysql", f"--socket={services.SOCKET}", "--user=root", f"--execute={statements}"]
    done = world.host(node).run(argv)
    assert done.returncode == 0, done.stderr


@contextmanager
def another_password(world: World, node: str) -> Iterator[None]:
    change = "SET sql_log_bin = 0; ALTER USER 'altair'@'%' IDENTIFIED BY "
    as_root(world, node, f"{change} 'another'")
    try:
        yield
    finally:
        as_root(world, node, f"{change} '{credentials.PASSWORDS['altair']}'")


@contextmanager
def no_shared_cipher(world: World, node: str) -> Iterator[None]:
    """The server's certificate has an elliptic key, and the only cipher that it may use needs an RSA one."""
    was = world.sql(node, "SELECT @@tls_version AS version, @@ssl_cipher AS cipher")
    change = "SET GLOBAL tls_version = '{}'; SET GLOBAL ssl_cipher = {}; ALTER INSTANCE RELOAD TLS"
    as_root(world, node, change.format("TLSv1.2", "'ECDHE-RSA-AES128-GCM-SHA256'"))
    try:
        yield
    finally:
        cipher = f"'{was['cipher']}'" if was["cipher"] else "DEFAULT"
        as_root(world, node, change.format(was["version"], cipher))


@pytest.mark.scenario(11)
@pytest.mark.parametrize("refusing", [full_house, another_password, no_shared_cipher])
def test_a_primary_that_turns_everybody_away_is_alive(
    world: World, refusing: Callable[[World, str], AbstractContextManager[None]]
) -> None:
    world.restart("orc1", "orc2")
    world.wait_protected()
    primary, before = world.primary, world.record.everything()
    with world.writing() as client:
        with refusing(world, primary):
            world.wait_for("its health", lambda: world.record.health(primary)["health"] == "mysqld_dubious")
            began = time.time()
            world.raise_suspicion("mysqld_hung")  # no monitor would
            found = world.wait_for_screening(began)
            soak(client)
        world.wait_for("the end of it", lambda: world.record.health(primary)["health"] == "healthy")
    assert (found["verdict"], found["orchestrator"]) == ("false_alarm", "dubious")
    assert found[
        "because"
    ] == "the primary answered the orchestrator and refused to let it in; a server that refuses" + (" is alive")
    assert world.record.everything() == before
    assert len(servers(client)) == 1
    assert world.judge().violations == []


@contextmanager
def slow(world: World, node: str) -> Iterator[None]:
    """mysqld gets a turn only now and then, as on a host with much too much to do."""
    ended = threading.Event()

    def hamper() -> None:
        while not ended.wait(0.15):
            world.host(node).stop("mysqld")
            ended.wait(0.3)
            world.host(node).cont("mysqld")

    hampering = threading.Thread(target=hamper)
    hampering.start()
    try:
        yield
    finally:
        ended.set()
        hampering.join()


@pytest.mark.scenario(12)
def test_a_primary_that_is_slow_to_answer_is_not_replaced_before_the_deadline(world: World) -> None:
    world.wait_protected()
    primary, before, screening = world.primary, world.record.everything(), world.record.screening
    with world.writing() as client:
        with slow(world, primary):
            soak(client)
        assert all(world.sql(node, "SHOW REPLICA STATUS")["Replica_IO_Running"] == "Yes" for node in world.replicas)
    assert max(ack.acked - ack.sent for ack in client.acked()) > 0.2, "it was slow"
    assert world.record.everything() == before
    assert world.record.screening == screening
    assert not world.fenced(primary)
    assert world.judge().violations == []


@pytest.mark.scenario(14)
def test_short_flaps_of_the_network_cause_no_failover(world: World) -> None:
    world.wait_protected()
    primary, before = world.primary, world.record.everything()
    with world.writing() as client:
        for _flap in range(8):
            world.lab.isolate(primary)
            time.sleep(1.0)  # half a beat
            world.lab.heal()
            time.sleep(3.0)
        soak(client)
    assert len(servers(client)) == 1
    assert world.primary == primary
    assert world.record.everything() == before
    assert world.judge().violations == []


@contextmanager
def cool_down(world: World, seconds: float) -> Iterator[None]:
    world.by_hand("register", **daemons.registration(world.lab, cool_down_seconds=seconds))
    try:
        yield
    finally:
        world.by_hand("register", **daemons.registration(world.lab, cool_down_seconds=0.0))


@pytest.mark.scenario(14, 35)
@pytest.mark.nightly
def test_long_flaps_cause_one_failover_and_then_the_cool_down_holds_until_a_person_says_otherwise(
    world: World,
) -> None:
    world.wait_protected()
    done = world.replaced_after(lambda node: world.lose(node, world.lab.isolate))
    assert done.report.violations == []
    history = world.record.history
    with cool_down(world, 3600.0):  # from now on: a failover of the tests before would forbid the first one, too
        for _flap in range(2):
            world.lab.heal()
            world.wait_for("its return", lambda: world.record.health(done.old)["health"] != "host_silent")
            world.lab.isolate(done.old)
            world.wait_for("its silence", lambda: world.record.health(done.old)["health"] == "host_silent")
        world.lab.heal()
        assert world.record.job == done.job
        began = time.time()
        with world.writing() as client:
            world.host(done.new).kill("mysqld")
            found = world.wait_for_screening(began)
            assert (found["verdict"], found["blockers"]) == ("dead_primary", [COOLING])
            assert world.record.job == done.job
            assert world.record.history == history
            assert all(world.fenced(node) for node in world.replicas)
            world.by_hand("failover", altair_force=True)
            client.wait_for_another_server()
    job = world.record.job
    assert (job["state"], job["old_primary"]) == ("done", done.new)
    report = world.judge(done.old, done.new)
    assert report.violations == []
    assert report.writable == [job["candidate"]]
