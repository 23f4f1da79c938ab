"""A breach on the primary is on record, in the log and in the status; nobody is suspected or replaced for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.record import CLUSTER, Json
from tests.integration.world import World, servers
from tests.lab import daemons, services, template
from tests.lab.host import Host
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

PROBE = "breach-probe"  # the folder, on each database's host, in which its agent is told to write


class Measured(World):
    """The primary's data folder is a file system of its own. Agents write their small file in a folder of their own,
    on which a test may mount what it likes."""

    def _start(self, lab: Lab) -> None:
        for name in ("db1", "db2", "db3"):
            (lab.host(name).folder / PROBE).mkdir()
        move_to_own_file_system(lab.host("db1"))
        super()._start(lab)


def move_to_own_file_system(host: Host) -> None:
    """Before there is a daemon that could mind. No test here may take the host's power away, or the data is gone."""
    host.kill("mysqld")
    aside = host.folder / "disk"
    aside.mkdir()
    host.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", str(aside)], check=True)
    host.run(["cp", "--archive", "--sparse=always", f"{host.data}/.", str(aside)], check=True)
    host.run(["mount", "--bind", str(aside), str(host.data)], check=True)
    host.start("mysqld")
    services.wait_until("mysqld on its own file system", lambda: services.mysqld_answers(host))
    with template.connect(host, "altair", timeout=5) as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL super_read_only = OFF")
        cursor.execute("SET GLOBAL read_only = OFF")


def fill(host: Host, share: float) -> str:
    """Let a file take what is missing to that share of the data folder's file system; returns its path."""
    ballast = f"{host.data}/ballast"
    asked = ["df", "--block-size=1", "--output=size,used", str(host.data)]
    size, used = map(int, host.run(asked, check=True).stdout.splitlines()[1].split())
    host.run(["fallocate", "-l", str(int(size * share) - used), ballast], check=True)
    return ballast


def agent_settings(lab: Lab, host: Host, profile: str) -> Json:
    settings = AGENT_SETTINGS(lab, host, profile)
    return {**settings, "mysqld": {**settings["mysqld"], "disk_probe_file": str(host.folder / PROBE / "probe")}}


AGENT_SETTINGS = daemons.agent_settings


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daemons, "agent_settings", agent_settings)
        world = Measured(Lab("thresh"))
        yield world
        world.down()


def breaches(world: World, node: str) -> dict[str, str]:
    """By the record."""
    return {each["breach"]: each["because"] for each in world.record.health(node).get("breaches", ())}


def wait_for_breaches(world: World, node: str, *wanted: str) -> None:
    world.wait_for(f"{wanted} of {node} on record", lambda: set(breaches(world, node)) == set(wanted))


def told(world: World, line: str) -> int:
    """How often the monitors have logged it."""
    return sum(world.log(name, "monitor").count(line) for name in ("mon1", "mon2"))


def wait_told(world: World, line: str, times: int) -> None:
    world.wait_for(f"'{line}' in a monitor's log", lambda: told(world, line) == times)


def register(world: World, **thresholds: object) -> None:
    """With these limits, and otherwise as the lab's cluster is."""
    daemons.register(world.lab, cool_down_seconds=0.0, thresholds=thresholds)


def quiet(world: World) -> dict[str, tuple[bytes, int]]:
    """What must not change: who is primary, the jobs; and nothing is suspected."""
    assert world.record.read(f"{CLUSTER}/suspicion") == {}
    found = world.record.everything()
    found.pop("")  # the description, which the tests change
    return found


@pytest.mark.scenario(13)
def test_a_nearly_full_disk_of_the_primary_is_a_breach_on_record_and_in_the_log_and_fails_nothing_over(
    world: World,
) -> None:
    world.wait_protected()  # or its record changes once more, for its lease
    primary, before = world.primary, quiet(world)
    raised = f"breach 'disk' of orders/{primary}: the data folder's file system is "
    over = f"the breach 'disk' of orders/{primary} is over"
    earlier = told(world, raised), told(world, over)
    ballast = fill(world.host(primary), 0.93)
    try:
        with world.writing() as client:
            wait_for_breaches(world, primary, "disk")
            wait_told(world, raised, earlier[0] + 1)
            version = world.record.version(f"/altair/health/{daemons.CLUSTER}/{primary}")
            many = client.acked()[-1].n + 200
            client.wait_for(lambda ack: ack.n >= many)
            assert world.record.version(f"/altair/health/{daemons.CLUSTER}/{primary}") == version, (
                "written on change only"
            )
            code, output = daemons.playbook(world.lab, "status", {"cluster": daemons.CLUSTER, "altair_output": "json"})
            assert code == 0, output
            assert "breach 'disk': the data folder's file system is" in output
            assert " s behind; disk " in output
            assert len(servers(client)) == 1
    finally:
        world.host(primary).run(["rm", ballast], check=True)
    wait_for_breaches(world, primary)
    wait_told(world, over, earlier[1] + 1)
    assert told(world, raised) == earlier[0] + 1
    assert quiet(world) == before


@pytest.mark.scenario(13)
@pytest.mark.parametrize(
    ("options", "said"), [("size=64k,ro", "Read-only file system"), ("size=4k", "No space left on device")]
)
def test_a_file_system_that_takes_no_writes_is_a_breach_on_record_and_fails_nothing_over(
    world: World, options: str, said: str
) -> None:
    primary, before = world.primary, quiet(world)
    host, folder = world.host(primary), str(world.host(primary).folder / PROBE)
    raised = f"breach 'read_only_disk' of orders/{primary}: the data folder's file system takes no writes: {folder}"
    over = f"the breach 'read_only_disk' of orders/{primary} is over"
    earlier = told(world, raised), told(world, over)
    host.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        if "ro" not in options:
            host.run(["sh", "-c", f"head -c 4096 /dev/zero > {folder}/full"], check=True)
        wait_for_breaches(world, primary, "read_only_disk")
        assert said in breaches(world, primary)["read_only_disk"]
        wait_told(world, raised, earlier[0] + 1)
    finally:
        host.run(["umount", folder], check=True)
    wait_for_breaches(world, primary)
    wait_told(world, over, earlier[1] + 1)
    assert quiet(world) == before


def test_a_stopped_applier_and_the_lag_that_comes_of_it_are_breaches_and_end_with_it(world: World) -> None:
    primary, before, lagging = world.primary, quiet(world), world.replicas[0]
    register(world, lag_seconds_max=4.0)
    with world.writing() as client:
        world.sql(lagging, "STOP REPLICA SQL_THREAD")
        wait_for_breaches(world, lagging, "replication", "lag")
        assert " s behind the primary, the limit is 4 s" in breaches(world, lagging)["lag"]
        assert len(servers(client)) == 1
    world.sql(lagging, "START REPLICA SQL_THREAD")
    wait_for_breaches(world, lagging)
    register(world)
    assert world.primary == primary
    assert quiet(world) == before


def test_a_replica_that_no_longer_receives_lags_although_it_has_applied_all_it_has(world: World) -> None:
    """The server itself would say that there is no lag, or nothing. It catches up once nobody writes any more: how fast
    a replica is, is not the question here."""
    lagging = world.replicas[0]
    register(world, lag_seconds_max=4.0)
    with world.writing():
        world.sql(lagging, "STOP REPLICA IO_THREAD")
        wait_for_breaches(world, lagging, "replication", "lag")
        assert world.sql(lagging, "SHOW REPLICA STATUS")["Seconds_Behind_Source"] is None
    world.sql(lagging, "START REPLICA IO_THREAD")
    wait_for_breaches(world, lagging)
    register(world)


@pytest.mark.scenario(9)
def test_a_primary_cut_off_from_its_replicas_only_is_told_and_not_failed_over(world: World) -> None:
    primary, before = world.primary, quiet(world)
    for replica in world.replicas:
        world.lab.partition(primary, replica)
    for replica in world.replicas:
        world.wait_for(f"a breach of {replica}", lambda replica=replica: "replication" in breaches(world, replica))  # type: ignore[misc]
    assert quiet(world) == before
    world.lab.heal()
    for replica in world.replicas:
        wait_for_breaches(world, replica)
    assert quiet(world) == before


def test_the_monitor_that_takes_a_node_over_keeps_its_breaches_and_does_not_tell_them_again(world: World) -> None:
    world.wait_protected()
    primary = world.primary
    register(world, disk_share_max=0.000001)
    wait_for_breaches(world, primary, "disk")
    raised = f"breach 'disk' of orders/{primary}: "
    watcher = world.record.health(primary)["monitor"]
    wait_told(world, raised, told(world, raised) or 1)
    known, times = breaches(world, primary), told(world, raised)
    world.host(watcher).kill("monitor")
    world.wait_for("the other's turn", lambda: world.record.health(primary)["monitor"] != watcher)
    world.wait_for("a report", lambda: world.record.health(primary)["health"] == "healthy")
    assert breaches(world, primary) == known
    register(world)
    wait_for_breaches(world, primary)
    assert told(world, raised) == times
