"""Stray replicas are found by the record and by asking, and repaired only where nothing forbids it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from threading import Event

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Server
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import Maintenance, MaintenancePlan
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Notice
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Breach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Job,
    NodeHealth,
    cluster_path,
    health_path,
    job_path,
    maintenance_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.repair import repair
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.orchestrator.mending import Mending
from tests.contract import by_hand
from tests.contract.by_hand import sql
from tests.contract.test_mysql_follow import GONE, LOGIN, NODES, nothing, options, status
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab
from tests.unit.core.test_strays import node

NOW_AT = 1000.0
_roots = count(1)


@pytest.fixture
def store(lab: Lab) -> Iterator[Store]:
    """Where a cluster is registered whose primary is db1 and whose third node does not answer."""
    assert lab.host("zk1").running("zookeeper")
    spec = ClusterSpec(
        cluster="orders",
        nodes=tuple(NODES.values()),
        dns=Dns(name="p.example.com", zone="example.com", servers=(HOSTS["ns1"],)),
    )
    with open_store(f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}", f"/follow/{next(_roots)}") as store:
        store.create(cluster_path("orders"), spec)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        yield store


def mend(store: Store, *, check: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    done = repair(store, "orders", replace(LOGIN, connect_timeout=1), seconds=15.0, now_at=NOW_AT, check=check)
    return done.repaired, done.left_behind


def test_a_replica_whose_source_is_gone_is_repaired_and_then_left_alone(lab: Lab, store: Store) -> None:
    by_hand.follow_primary(lab, host=GONE)
    before = options(lab)
    assert mend(store, check=True) == (("db2",), ("db3",))
    assert options(lab) == before
    assert mend(store) == (("db2",), ("db3",))
    assert options(lab) == before | {"HOST": HOSTS["db1"]}
    assert mend(store) == ((), ("db3",))


def test_a_receiver_that_somebody_has_stopped_is_not_started(lab: Lab, store: Store) -> None:
    sql(lab, "db2", "STOP REPLICA IO_THREAD")
    assert mend(store) == ((), ("db2", "db3"))
    assert status(lab)["Replica_IO_Running"] == "No"


def job(state: JobState) -> Job:
    return Job(
        id="orders-1",
        cluster="orders",
        epoch=1,
        owner="orc1",
        state=state,
        because="a test says so",
        old_primary="db3",
        plan=("repoint",),
        opened_at=1.0,
    )


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.PAUSED])
def test_nothing_is_repaired_while_a_job_is_open(lab: Lab, store: Store, state: JobState) -> None:
    by_hand.follow_primary(lab, host=GONE)
    store.create(job_path("orders"), job(state))
    with pytest.raises(Refused, match="job orders-1 has not ended"):
        mend(store)
    assert options(lab)["HOST"] == GONE


def test_a_job_that_is_opened_meanwhile_stops_the_repair(
    lab: Lab, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand.follow_primary(lab, host=GONE)
    options_of = Server.options_of

    def slow(server: Server, channel: str) -> dict[str, str]:
        if store.read(job_path("orders"), Job) is None:
            store.create(job_path("orders"), job(JobState.RUNNING))
        return options_of(server, channel)

    monkeypatch.setattr(Server, "options_of", slow)
    with pytest.raises(Conflict, match="was opened meanwhile"):
        mend(store)
    assert options(lab)["HOST"] == GONE


@pytest.mark.parametrize("node", ["db2", "db3"])
def test_a_replica_is_left_alone_while_it_or_its_source_is_in_maintenance(lab: Lab, store: Store, node: str) -> None:
    by_hand.follow_primary(lab, host=GONE)
    entry = Maintenance(node=node, until_at=NOW_AT + 60, reason="a disk", by="ann", begun_at=NOW_AT - 1)
    store.create(maintenance_path("orders"), MaintenancePlan(entries=(entry,)))
    assert mend(store) == ((), ("db2", "db3"))
    assert options(lab)["HOST"] == GONE


def test_nothing_is_repaired_while_the_cluster_is_in_maintenance(lab: Lab, store: Store) -> None:
    by_hand.follow_primary(lab, host=GONE)
    entry = Maintenance(node=None, until_at=NOW_AT + 60, reason="a switch", by="ann", begun_at=NOW_AT - 1)
    store.create(maintenance_path("orders"), MaintenancePlan(entries=(entry,)))
    with pytest.raises(Refused, match="is in maintenance"):
        mend(store)
    assert options(lab)["HOST"] == GONE


def test_nobody_is_pointed_at_a_primary_that_is_read_only(lab: Lab, store: Store) -> None:
    by_hand.follow_primary(lab, host=GONE)
    sql(lab, "db1", "SET GLOBAL super_read_only = ON")
    with pytest.raises(Refused, match="read-only"):
        mend(store)
    assert options(lab)["HOST"] == GONE


def put_health(store: Store, *nodes: NodeHealth) -> None:
    for each in nodes:
        store.put(health_path("orders", each.node), each)


def test_an_orchestrator_repairs_what_the_record_calls_standing_tells_it_once_and_then_asks_nobody(
    lab: Lab, store: Store
) -> None:
    told: list[Notice] = []
    woken = Event()
    by_hand.follow_primary(lab, host=GONE)
    put_health(store, node("db1"), node("db2", Health.HEALTHY, Breach.REPLICATION))
    mending = Mending("orders", "orc1", store, told.append, woken.set)
    due = mending.due(read_record(store, "orders"), now=100.0, now_at=NOW_AT)
    assert {each.node for each in due} == {"db2"}
    mending.mend(due, replace(LOGIN, connect_timeout=1), now=100.0, now_at=NOW_AT)
    assert options(lab)["HOST"] == HOSTS["db1"]
    assert [(each.kind, each.node) for each in told] == [(Kind.REPLICA_REPAIRED, "db2")]
    assert not mending.due(read_record(store, "orders"), now=1000.0, now_at=NOW_AT)
    assert mending.seconds_left(1000.0) is None
    assert not woken.is_set()
    put_health(store, node("db2"))
    assert woken.wait(by_hand.PATIENCE_SECONDS)


def test_what_cannot_be_repaired_yet_is_tried_again_ever_more_rarely(lab: Lab, store: Store) -> None:
    by_hand.follow_primary(lab, host=GONE)
    put_health(store, node("db1"), node("db2", Health.HEALTHY, Breach.REPLICATION))
    entry = Maintenance(node="db2", until_at=NOW_AT + 60, reason="a disk", by="ann", begun_at=NOW_AT - 1)
    store.create(maintenance_path("orders"), MaintenancePlan(entries=(entry,)))
    mending, now = Mending("orders", "orc1", store, lambda _notice: None, nothing), 100.0
    for pause in (30.0, 60.0, 120.0):
        due = mending.due(read_record(store, "orders"), now=now, now_at=NOW_AT)
        mending.mend(due, replace(LOGIN, connect_timeout=1), now=now, now_at=NOW_AT)
        assert not mending.due(read_record(store, "orders"), now=now + pause - 1, now_at=NOW_AT)
        assert mending.seconds_left(now) == pause
        now += pause
    assert mending.due(read_record(store, "orders"), now=now, now_at=NOW_AT)
    assert options(lab)["HOST"] == GONE
