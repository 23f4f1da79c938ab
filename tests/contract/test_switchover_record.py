"""A switchover's job in a real ZooKeeper: who ends it, which way, and that nobody ends it both ways."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    InvalidInput,
    Paused,
    Refused,
    StaleEpoch,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.intervention import Wish
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind, names_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Evidence,
    Heritage,
    LockHolder,
    StepRecord,
    cluster_path,
    lock_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures import attending, way_back
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.interventions import Request, intervene
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    NOBODY,
    append_step,
    begin_promotion,
    current_job,
    end_job,
    open_job,
    read_record,
    take_over,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.keeping import Keeper
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import (
    Neighbours,
    Outcome,
    Scene,
    run_step,
)
from tests.contract.by_hand import PATIENCE_SECONDS, value
from tests.contract.test_permission_record import SPEC
from tests.lab.addresses import HOSTS, MYSQL_PORT, ZOOKEEPER_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab
from tests.unit.core.worlds import NOW

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=5, read_timeout=20)
OWNER = "switchover:ann@ops1"
_roots = count(1)
NODES = tuple(replace(node, address=HOSTS[node.name], port=MYSQL_PORT) for node in SPEC.nodes if node.name in HOSTS)


@pytest.fixture
def root() -> str:
    return f"/planned/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    """Where a switchover from db1 to db2 runs under epoch 2."""
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        store.create(cluster_path("orders"), replace(SPEC, nodes=NODES))
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        record = read_record(store, "orders")
        open_job(store, record, owner=OWNER, because="ann asked for it", now_at=NOW, target="db2")
        yield store


def do(store: Store, *steps: str, **evidence: Evidence) -> None:
    """``evidence``: by the step's name."""
    for name in steps:
        epoch = read_record(store, "orders").state.value.epoch
        done = StepRecord(
            step=name,
            epoch=epoch,
            changed=True,
            sentence="done",
            evidence=evidence.get(name, {}),
            finished_at=NOW,
            seconds=0.0,
        )
        append_step(store, read_record(store, "orders"), done, new_primary="db2" if name == "promote" else None)


def raw(root: str, path: str) -> dict[str, Any]:
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    try:
        found: dict[str, Any] = json.loads(client.get(f"{root}/{path}")[0])
        return found
    finally:
        client.stop()
        client.close()


def test_its_job_has_its_own_kind_and_plan_and_the_target_from_the_beginning(store: Store, root: str) -> None:
    job = raw(root, "clusters/orders/job")
    assert (job["kind"], job["candidate"], job["old_primary"]) == ("switchover", "db2", "db1")
    assert job["plan"] == list(names_of(JobKind.SWITCHOVER))
    assert raw(root, "clusters/orders/state") == {"epoch": 2, "primary": "db1"}
    assert store.connected


def test_a_record_from_before_there_were_switchovers_is_a_failover(store: Store, root: str) -> None:
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    old = raw(root, "clusters/orders/job")
    del old["kind"]
    client.set(f"{root}/clusters/orders/job", json.dumps(old).encode())
    client.stop()
    client.close()
    job = read_record(store, "orders").job
    assert job is not None
    assert job.value.kind is JobKind.FAILOVER


def test_until_its_promotion_has_begun_it_leads_back_and_from_then_on_forward(store: Store) -> None:
    job = current_job(read_record(store, "orders"), 2)
    assert way_back.leads_back(store, job)
    do(store, "pause_monitoring", "quiesce", "catch_up_target")
    begin_promotion(store, "orders", 2, "db2")
    assert not way_back.leads_back(store, current_job(read_record(store, "orders"), 2))
    with pytest.raises(Refused, match="has to go to its end"):
        way_back.go_back(store, "orders", 2, LOGIN, "somebody asked")


def test_who_was_succeeded_begins_no_promotion_and_who_succeeds_leads_back(store: Store) -> None:
    do(store, "pause_monitoring", "quiesce", "catch_up_target")
    before = read_record(store, "orders")
    take_over(store, before, owner="orc1", because="its playbook is dead")
    with pytest.raises(StaleEpoch):
        begin_promotion(store, "orders", 2, "db2", before)
    assert way_back.leads_back(store, current_job(read_record(store, "orders"), 3))


def test_a_switchover_that_is_given_up_leaves_its_primary_writable_and_its_job_aborted(
    lab: Lab, store: Store, root: str
) -> None:
    with lab.mysql("db1", timeout=10) as session, session.cursor() as cursor:
        cursor.execute("SET GLOBAL super_read_only = ON")
    do(store, "pause_monitoring")
    try:
        sentence = way_back.go_back(store, "orders", 2, LOGIN, "ann changed her mind")
        assert value(lab, "db1", "CONCAT(@@global.read_only, @@global.super_read_only)") == "00"
    finally:
        with lab.mysql("db1", timeout=10) as session, session.cursor() as cursor:
            cursor.execute("SET GLOBAL super_read_only = OFF")
            cursor.execute("SET GLOBAL read_only = OFF")
    assert sentence == "db1 takes writes again"
    job = raw(root, "clusters/orders/job")
    assert (job["state"], job["because"]) == ("aborted", "ann changed her mind; db1 takes writes again")
    assert raw(root, "clusters/orders/state") == {"epoch": 3, "primary": "db1"}


def test_an_abort_hands_it_to_the_orchestrators_and_announces_no_maintenance(store: Store, root: str) -> None:
    asked = Request(cluster="orders", wish=Wish.ABORTED, by="ann", reason="the wrong evening")
    done = intervene(store, asked, now_at=NOW)
    assert "an orchestrator sees to it that db1 takes writes" in done.sentence
    job = raw(root, "clusters/orders/job")
    assert (job["state"], job["owner"], job["epoch"]) == ("running", NOBODY, 3)
    assert store.version("clusters/orders/maintenance") is None
    with pytest.raises(StaleEpoch):
        current_job(read_record(store, "orders"), 2)


def test_it_starts_no_cool_down(store: Store) -> None:
    do(store, *names_of(JobKind.SWITCHOVER))
    job = end_job(store, read_record(store, "orders"), JobState.DONE, "every step holds", NOW)
    assert "promote" in job.steps_done
    assert job.cools_down_from is None


@pytest.mark.parametrize("error", [StaleEpoch("another has taken over"), Paused("a person has to look")])
def test_what_another_has_to_say_something_about_is_not_given_up(store: Store, root: str, error: Any) -> None:
    place = Keeper(hosts=ZOOKEEPER, root=root)
    assert way_back.gone_back(place, "orders", 2, Neighbours(login=LOGIN), error, seconds=0.0) is error
    assert current_job(read_record(store, "orders"), 2).state is JobState.RUNNING


def test_a_failure_after_the_promotion_has_begun_says_that_the_job_goes_on(store: Store, root: str) -> None:
    do(store, "pause_monitoring", "quiesce", "catch_up_target")
    begin_promotion(store, "orders", 2, "db2")
    place, silent = Keeper(hosts=ZOOKEEPER, root=root), Unavailable("no answer")
    found = way_back.gone_back(place, "orders", 2, Neighbours(login=LOGIN), silent, seconds=0.0)
    assert "no answer; db2 is being promoted or is the primary, so the job goes on" in str(found)
    assert current_job(read_record(store, "orders"), 2).state is JobState.RUNNING


def test_the_next_job_knows_whose_place_a_primary_took_in_a_job_that_was_given_up(store: Store) -> None:
    do(store, "pause_monitoring", "quiesce", "catch_up_target", "promote")
    end_job(store, read_record(store, "orders"), JobState.ABORTED, "db2 has died since", NOW)
    job = open_job(store, read_record(store, "orders"), owner="orc1", because="a test", now_at=NOW)
    assert (job.old_primary, job.heritage) == ("db2", Heritage(former="db1"))


@pytest.mark.parametrize(("step", "left"), [("repoint", {"left_behind": ["db3"]}), ("demote", {"following": False})])
def test_it_knows_that_too_where_somebody_was_left_behind(store: Store, step: str, left: Evidence) -> None:
    evidence: dict[str, Evidence] = {step: left, "promote": {"gtid_executed_before": "a set"}}
    do(store, *names_of(JobKind.SWITCHOVER), **evidence)
    end_job(store, read_record(store, "orders"), JobState.DONE, "every step holds", NOW)
    job = open_job(store, read_record(store, "orders"), owner="orc1", because="a test", now_at=NOW)
    assert job.heritage == Heritage(former="db1", gtid_executed="a set")


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        (("pause_monitoring", "quiesce", "catch_up_target"), JobState.ABORTED),
        (names_of(JobKind.SWITCHOVER), JobState.DONE),
    ],
)
def test_who_follows_whom_is_plain_after_any_other_job(store: Store, steps: tuple[str, ...], state: JobState) -> None:
    do(store, *steps)
    end_job(store, read_record(store, "orders"), state, "a test", NOW)
    assert open_job(store, read_record(store, "orders"), owner="orc1", because="a test", now_at=NOW).heritage is None


def test_its_playbook_holds_the_lock_under_its_own_name_and_lets_it_go(store: Store, root: str) -> None:
    place = Keeper(hosts=ZOOKEEPER, root=root, session_seconds=attending.SESSION_SECONDS)
    with attending.attending(place, "orders", 2):
        assert raw(root, lock_path("orders")) == {"owner": OWNER}
    assert store.version(lock_path("orders")) is None


def test_it_leaves_the_field_to_who_holds_the_lock(store: Store, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attending, "LOCK_SECONDS", 0.0)
    store.create(lock_path("orders"), LockHolder(owner="orc1"), ephemeral=True)
    place = Keeper(hosts=ZOOKEEPER, root=root)
    with pytest.raises(Refused, match="orc1 is at work on cluster orders"), attending.attending(place, "orders", 2):
        pass
    assert raw(root, lock_path("orders")) == {"owner": "orc1"}


def test_no_step_of_a_failover_is_carried_out_in_it(store: Store, root: str) -> None:
    acted: list[Scene] = []

    def act(scene: Scene) -> Outcome:
        acted.append(scene)
        return Outcome(changed=True, sentence="done")

    place, neighbours = Keeper(hosts=ZOOKEEPER, root=root), Neighbours(login=LOGIN)
    with pytest.raises(InvalidInput, match="'fence' is no step of a switchover"):
        run_step("fence", act, cluster="orders", epoch=2, keeper=place, neighbours=neighbours, check=False)
    assert acted == []
    assert store.connected
