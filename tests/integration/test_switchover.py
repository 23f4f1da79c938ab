"""A planned change of the primary under load: nothing is lost, and what could not go well is refused beforehand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

import pymysql
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind, names_of
from tests.contract.by_hand import sql as as_root
from tests.contract.by_hand import value
from tests.integration.planned import ended, one_writable, switch, switched, transaction
from tests.integration.record import step_of
from tests.integration.test_candidate import registered
from tests.integration.world import World
from tests.lab import addresses, template
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

PLAN = names_of(JobKind.SWITCHOVER)


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = World(Lab("planned"))
    yield world
    world.down()


def test_a_switchover_starts_no_cool_down(world: World) -> None:
    with registered(world, cool_down_seconds=3600.0):
        assert switch(world)[0] == 0
        world.wait_protected()
        done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
    assert done.report.violations == []


def test_without_a_target_the_best_replica_is_taken(world: World) -> None:
    code, output = switch(world)
    assert code == 0, output
    assert world.record.job["candidate"] == world.primary
    assert f"{world.primary} is the best of those that can become the primary" in output


@pytest.mark.scenario(42)
def test_what_super_users_and_events_have_written_when_they_are_blocked_is_all_there(world: World) -> None:
    old, target = world.primary, sorted(world.replicas)[0]
    over, written = threading.Event(), list[int]()

    def write_as_root() -> None:
        n = 0
        while not over.is_set():
            n += 1
            with suppress(RuntimeError):
                as_root(world.lab, old, f"INSERT INTO app.writes VALUES (88, {n}, @@server_uuid, NOW(6))")
                written.append(n)

    insert = "INSERT INTO app.writes SELECT 89, COALESCE(MAX(n), 0) + 1, @@server_uuid, NOW(6) FROM app.writes"
    event = f"CREATE EVENT app.tick ON SCHEDULE EVERY 1 SECOND DO {insert} WHERE writer = 89"
    as_root(world.lab, old, f"SET GLOBAL event_scheduler = ON; {event}")
    try:
        with ThreadPoolExecutor(1) as beside:
            writer: Future[None] = beside.submit(write_as_root)
            try:
                world.wait_for("rows of both", lambda: bool(written) and _rows(world, old, 89) > 0)
                report = switched(world, target)
            finally:
                over.set()
            writer.result(60)
        assert report.violations == []
        assert value(world.lab, old, "@@super_read_only") == "1"
        assert _rows(world, target, 88) == len(written)
        world.wait_for("the same rows", lambda: _rows(world, old, 89) == _rows(world, target, 89))
    finally:
        as_root(world.lab, target, "DROP EVENT IF EXISTS app.tick")


def _rows(world: World, node: str, writer: int) -> int:
    return int(world.sql(node, "SELECT COUNT(*) AS many FROM app.writes WHERE writer = %s", writer)["many"])


@pytest.mark.scenario(43)
@pytest.mark.parametrize("policy", ["wait", "abort"])
def test_a_long_transaction_ends_the_switchover_and_not_the_other_way_round(world: World, policy: str) -> None:
    old, target, earlier = world.primary, sorted(world.replicas)[0], world.record.job
    with registered(world, long_transactions=policy, long_transaction_seconds_max=2.0), world.writing() as client:
        with transaction(world, old) as cursor:
            code, output = switch(world, target=target)
            assert code == 2
            assert f"{old} does not become read-only" in output
            assert "app@" in output
            assert f"{old} takes writes again" in output
            cursor.execute("COMMIT")
        many = client.acked()[-1].n + 20
        client.wait_for(lambda ack: ack.n >= many)
        ended(world, earlier, "aborted", old)
    report = world.judge()
    assert (report.violations, report.lost) == ([], [])
    assert sorted(report.replicas_following) == sorted(world.replicas)
    assert _rows(world, old, 77) == 1


@pytest.mark.scenario(43)
def test_a_long_transaction_is_killed_where_the_policy_says_so(world: World) -> None:
    old, target = world.primary, sorted(world.replicas)[0]
    killing = registered(world, long_transactions="kill", long_transaction_seconds_max=1.0)
    with killing, transaction(world, old) as cursor:
        report = switched(world, target)
        with pytest.raises(pymysql.MySQLError):
            cursor.execute("COMMIT")
    assert (report.violations, report.lost, report.writable) == ([], [], [target])
    assert step_of(world.record.job, "quiesce")["evidence"]["killed"] >= 1
    assert _rows(world, target, 77) == 0


@contextmanager
def storm(world: World, node: str) -> Iterator[None]:
    """Clients that come and go, as fast as they can."""
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            with suppress(pymysql.MySQLError, OSError), template.connect(world.host(node), "app", timeout=2):
                pass

    threads = [threading.Thread(target=come_and_go) for _each in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


@pytest.mark.scenario(44)
def test_a_storm_of_connections_does_not_keep_the_primary_from_being_changed(world: World) -> None:
    old, target = world.primary, sorted(world.replicas)[0]
    with storm(world, old):
        report = switched(world, target)
    assert (report.violations, report.lost, report.writable) == ([], [], [target])


@pytest.mark.scenario(44)
def test_a_primary_that_lets_nobody_in_is_left_as_it_is(world: World) -> None:
    old, target, before = world.primary, sorted(world.replicas)[0], world.record.everything()
    usual = value(world.lab, old, "@@max_connections")
    as_root(world.lab, old, "SET GLOBAL max_connections = 25")
    try:
        with ExitStack() as stack:
            with suppress(pymysql.MySQLError):
                while True:
                    stack.enter_context(template.connect(world.host(old), "app", timeout=5))
            with suppress(pymysql.MySQLError):  # the one place that is kept for accounts like ours
                stack.enter_context(template.connect(world.host(old), "altair", timeout=5))
            code, output = switch(world, target=target)
            assert code == 2, output
    finally:
        as_root(world.lab, old, f"SET GLOBAL max_connections = {usual}")
    assert world.record.everything() == before
    assert one_writable(world, old)
    assert switched(world, target).violations == []


def refused(world: World, words: str, *extra: str, **variables: object) -> None:
    """With that reason, and nothing has changed."""
    primary, before = world.primary, world.record.everything()
    code, output = switch(world, *extra, **variables)
    assert code == 2, output
    assert words in " ".join(output.split())
    assert world.record.everything() == before
    assert one_writable(world, primary)


@pytest.mark.scenario(52)
def test_a_target_that_is_none_is_refused_before_anything_changed(world: World) -> None:
    refused(world, "has no node 'db9'", target="db9")
    refused(world, f"{world.primary} is the primary already", target=world.primary)


@pytest.mark.scenario(52)
def test_a_dead_target_is_refused_before_anything_changed(world: World) -> None:
    target = sorted(world.replicas)[0]
    world.host(target).kill("mysqld")
    refused(world, f"{target} cannot become the primary: it cannot be reached", target=target)


@pytest.mark.scenario(52)
def test_a_target_that_does_not_replicate_or_follows_another_is_refused(world: World) -> None:
    target, other = sorted(world.replicas)
    as_root(world.lab, target, "STOP REPLICA IO_THREAD")
    refused(world, f"{target} cannot become the primary: its replication stands still", target=target)
    where = f"SOURCE_HOST = '{addresses.HOSTS[other]}', SOURCE_AUTO_POSITION = 1"
    as_root(world.lab, target, f"STOP REPLICA; CHANGE REPLICATION SOURCE TO {where}; START REPLICA")
    refused(world, "it follows another server than the old primary", target=target)


@pytest.mark.scenario(52)
def test_a_lagging_target_is_refused_and_the_one_that_is_level_is_taken(world: World) -> None:
    target, other = sorted(world.replicas)
    with ExitStack() as stack:
        stack.enter_context(registered(world, switchover_lag_seconds_max=1.0))
        stack.enter_context(world.writing())
        with template.connect(world.host(target), "app", timeout=60) as session, session.cursor() as cursor:
            cursor.execute("LOCK TABLES app.writes READ")
            world.wait_for(
                "a lag", lambda: int(world.sql(target, "SHOW REPLICA STATUS")["Seconds_Behind_Source"] or 0) > 2
            )
            refused(world, f"{target} cannot become the primary: it lags", target=target)
            code, output = switch(world)
            assert code == 0, output
            assert world.primary == other
    assert world.judge().lost == []


@pytest.mark.scenario(52)
def test_a_target_with_a_transaction_of_its_own_is_refused(world: World) -> None:
    target = sorted(world.replicas)[0]
    as_root(
        world.lab,
        target,
        "SET GLOBAL super_read_only = OFF; INSERT INTO app.writes VALUES (99, 1, @@server_uuid, NOW(6));"
        " SET GLOBAL super_read_only = ON",
    )
    try:
        refused(world, f"{target} cannot become the primary: it has errant transactions", target=target)
    finally:
        world.down()  # what it has no other has, so the next test gets a fresh lab


def test_check_mode_says_the_plan_and_changes_nothing(world: World) -> None:
    old, target, before = world.primary, sorted(world.replicas)[0], world.record.everything()
    with transaction(world, old):
        code, output = switch(world, "--check", "--diff", target=target)
    assert code == 0, output
    for words in (
        f"{target} would become the primary in place of {old}",
        "nobody could write for about",
        "quiesce: make the old primary super_read_only",
        "nothing: the primary takes no write before",
        "app@",
        "rows changed in",
    ):
        assert words in output
    assert world.record.everything() == before
    assert one_writable(world, old)
