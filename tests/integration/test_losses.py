"""What a dead primary had and nobody else: fetched from its log, or held by another, or else named to the last row."""

from __future__ import annotations

import re
import stat
import time
from pathlib import Path

import pytest

from tests.integration import losses
from tests.integration.record import Json, step_of
from tests.integration.world import Outcome, World

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

ROWS = 50
REPORT_SECONDS = 8.0  # four beats of the profile of these tests: by then what a primary has done is in its last report


def count(world: World, node: str) -> int:
    return int(world.sql(node, "SELECT COUNT(*) AS number FROM app.writes")["number"])


def wait_until_ahead(world: World, old: str, replica: str) -> None:
    """So many rows have been written on the primary that the replica has not applied."""
    world.wait_for(f"rows that {replica} has not", lambda: count(world, old) >= count(world, replica) + ROWS)


def wait_until_received(world: World, old: str, replica: str) -> None:
    executed = world.sql(old, "SELECT @@gtid_executed AS done")["done"]

    def received() -> bool:
        got = world.sql(replica, "SHOW REPLICA STATUS")["Retrieved_Gtid_Set"]
        held = world.sql(replica, "SELECT GTID_SUBSET(%s, CONCAT_WS(',', @@gtid_executed, %s)) AS held", executed, got)
        return bool(held["held"])

    world.wait_for(f"all that {replica} can receive", received)


def drop_relay_log(world: World, old: str, replica: str) -> None:
    """As a restart with relay_log_recovery does, from where its source cannot be asked again."""
    world.lab.partition(old, replica)
    world.sql(replica, "STOP REPLICA")
    world.sql(replica, "RESET REPLICA")


def account_of(world: World, done: Outcome) -> Json:
    (found,) = (each for each in losses.accounts(world.record) if each["job"] == done.job["id"])
    return found


def transactions(gtids: str) -> int:
    ranges = re.findall(r":(\d+)(?:-(\d+))?(?=[:,]|$)", gtids)
    return sum(int(last or first) - int(first) + 1 for first, last in ranges)


@pytest.mark.scenario(36)
def test_what_only_a_dead_primarys_log_holds_is_applied_before_the_promotion(world: World) -> None:
    replicas = world.replicas

    def hurt(old: str) -> None:
        for replica in replicas:
            world.lab.partition(old, replica)
        for replica in replicas:
            wait_until_ahead(world, old, replica)
        world.host(old).kill("mysqld")

    done = world.replaced_after(hurt)
    evidence = step_of(done.job, "salvage")["evidence"]
    assert (evidence["known"], evidence["lost"]) == (True, "")
    assert transactions(evidence["applied"]) >= ROWS
    steps = [step["step"] for step in done.job["steps"]]
    assert steps.index("salvage") < steps.index("promote")
    assert done.report.lost == []
    assert done.report.violations == []
    account = account_of(world, done)
    assert (account["lost"], account["transactions"], account["unknown"]) == ("", 0, "")


@pytest.mark.scenario(27)
def test_when_a_replica_has_dropped_its_relay_log_the_one_that_kept_it_is_promoted(world: World) -> None:
    world.wait_protected()
    dropper, holder = world.replicas

    def hurt(old: str) -> None:
        for replica in (dropper, holder):
            world.sql(replica, "STOP REPLICA SQL_THREAD")
        wait_until_ahead(world, old, dropper)

        def drop_and_lose(node: str) -> None:
            drop_relay_log(world, node, dropper)
            world.host(node).power_off()

        world.lose(old, drop_and_lose)

    done = world.replaced_after(hurt)
    assert done.new == holder
    assert step_of(done.job, "salvage")["evidence"]["known"] is False
    assert done.report.lost == []
    assert done.report.violations == []
    account = account_of(world, done)
    assert account["transactions"] == 0
    assert account["unknown"]


@pytest.mark.scenario(27)
def test_what_the_only_holder_has_dropped_is_named_and_its_rows_when_the_host_is_back(world: World) -> None:
    world.wait_protected()
    dropper, other = world.replicas

    def hurt(old: str) -> None:
        world.sql(dropper, "STOP REPLICA SQL_THREAD")
        world.lab.partition(old, other)
        wait_until_ahead(world, old, other)
        world.lab.partition(old, "client")
        wait_until_received(world, old, dropper)
        time.sleep(REPORT_SECONDS)
        drop_relay_log(world, old, dropper)
        world.host(old).power_off()

    done = world.replaced_after(hurt)
    assert len(done.report.lost) >= ROWS
    assert sorted(done.report.named) == sorted(done.report.lost)
    assert done.report.violations == []
    account = account_of(world, done)
    assert account["transactions"] >= len(done.report.lost)
    assert account["unknown"]
    status = world.by_hand("status")
    assert f"{account['transactions']} transactions of {done.old} are lost" in status
    # The host is back, and its log has the rows.
    world.lab.heal()
    host = world.host(done.old)
    host.power_on()
    for process in host.state().processes:
        if not host.running(process):
            host.start(process)
    world.wait_for("its report", lambda: world.record.health(done.old).get("health") == "healthy")
    folder = world.host("client").folder / "losses"
    folder.mkdir(exist_ok=True)
    printed = world.by_hand("losses", altair_losses_folder=str(folder))
    assert "@1" not in printed
    file = Path(folder) / f"{done.job['id']}.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(done.report.lost) <= losses.named_in_file(file)
    assert account_of(world, done) == account
