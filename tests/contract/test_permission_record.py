"""The records of permission in a real ZooKeeper: screenings, maintenance and the fleet's troubles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node, Policy
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.fleet_breaker import FleetBreaker
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import MaintenancePlan
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import Situation, blockers
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.replay import replay
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.standing import Standing
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Verdict, judge
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Screening,
    Suspicion,
    cluster_path,
    fleet_breaker_path,
    maintenance_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.inquiry import Inquiry
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import (
    breaker,
    end_trouble,
    maintenance_plan,
    note_trouble,
    primaries_troubled,
    situation_of,
    troubled,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screenings import (
    history,
    put_on_record,
    screening_of,
)
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab
from tests.unit.core.worlds import MAINTENANCE, NOW, situation, snapshot

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
_roots = count(1)
SPEC = ClusterSpec(
    cluster="orders",
    nodes=tuple(Node(name=f"db{number}", address=f"10.0.0.{number}") for number in (1, 2, 3)),
    dns=Dns(name="orders.example.com", zone="example.com", servers=("10.0.0.9",)),
    policy=Policy(quorum_min=2, lag_seconds_max=5.0),
)
SUSPICION = Suspicion(
    cluster="orders",
    primary="db1",
    epoch=1,
    health=Health.HOST_SILENT,
    because="three reports in a row are missing",
    monitor="mon1",
    raised_at=NOW,
)
INQUIRY = Inquiry(
    snapshot(),
    (
        Standing(node="db2", live=True, lag_seconds=7.0, transactions_missing=1),
        Standing(node="db3", live=True, lag_seconds=2.0, transactions_missing=4),
    ),
)


@pytest.fixture
def root() -> str:
    return f"/permission/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    """Where one cluster is registered."""
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        store.create(cluster_path("orders"), SPEC)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        yield store


@pytest.fixture
def plain(lab: Lab) -> Iterator[Any]:
    """The plain client, to look and to interfere."""
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    yield client
    client.stop()
    client.close()


def screening(now_at: float, now: Situation | None = None) -> Screening:
    rule, now = judge(INQUIRY.snapshot), now or situation(verdict=Verdict.LOST_PRIMARY)
    return screening_of(INQUIRY, rule, now, blockers(now), SUSPICION, by="orc1", now_at=now_at)


def decide(store: Store, inquiry: Inquiry = INQUIRY, now_at: float = NOW, forced: bool = False) -> Situation:
    record = read_record(store, "orders")
    return situation_of(store, record, SUSPICION, inquiry, Verdict.LOST_PRIMARY, now_at=now_at, forced=forced)


def test_a_screening_is_the_last_and_ends_the_history_and_the_same_again_only_prolongs_it(
    store: Store, plain: Any, root: str
) -> None:
    put_on_record(store, screening(NOW))
    put_on_record(store, screening(NOW + 60))
    put_on_record(store, screening(NOW + 120, situation(verdict=Verdict.LOST_PRIMARY, maintenance=MAINTENANCE)))
    kept = json.loads(plain.get(f"{root}/clusters/orders/screenings")[0])["screenings"]
    assert [(each["screened_at"], each["last_at"]) for each in kept] == [(NOW, NOW + 60), (NOW + 120, NOW + 120)]
    last = json.loads(plain.get(f"{root}/clusters/orders/screening")[0])
    assert last == kept[1]
    assert all(replay(each).holds for each in history(store, "orders").screenings)


def test_a_record_that_somebody_changed_is_noticed_and_garbage_is_replaced(store: Store, plain: Any, root: str) -> None:
    path = f"{root}/clusters/orders/screenings"
    put_on_record(store, screening(NOW))
    changed = json.loads(plain.get(path)[0])
    changed["screenings"][0]["replicas"][0]["reach"] = "refused"
    plain.set(path, json.dumps(changed).encode())
    (found,) = history(store, "orders").screenings
    assert found.verdict is judge(INQUIRY.snapshot).verdict
    assert not replay(found).holds
    plain.set(path, b"garbage")
    put_on_record(store, screening(NOW + 1))
    assert [each.screened_at for each in history(store, "orders").screenings] == [NOW + 1]


def test_permission_is_decided_on_what_is_on_record(store: Store) -> None:
    now = decide(store)
    assert blockers(now) == ()
    assert (now.nodes_live, now.promotable, now.quorum_min, now.lag_seconds, now.transactions_missing) == (
        2,
        2,
        2,
        2,
        1,
    )
    assert (now.primaries_troubled, now.primaries_troubled_max) == (1, 3)
    store.put(maintenance_path("orders"), MaintenancePlan(entries=(replace(MAINTENANCE, node="db3"),)))
    now = decide(store)
    assert (now.maintenance, now.nodes_live, now.promotable, now.lag_seconds) == (None, 2, 1, 7.0)
    assert blockers(now) == ("no replica is known to lag less than the cluster's limit",)
    assert blockers(decide(store, forced=True)) == ()
    store.put(maintenance_path("orders"), MaintenancePlan(entries=(MAINTENANCE,)))
    assert blockers(decide(store)) == ("it is in maintenance",)
    assert blockers(decide(store, now_at=MAINTENANCE.until_at)) == ()
    one = Inquiry(INQUIRY.snapshot, (INQUIRY.standings[1], Standing(node="db2", live=False)))
    assert blockers(decide(store, one, MAINTENANCE.until_at)) == ("fewer nodes live than the cluster's quorum",)


def register(store: Store, count_of: int) -> list[str]:
    names = [f"c{number}" for number in range(count_of)]
    for name in names:
        store.create(cluster_path(name), replace(SPEC, cluster=name))
    return names


def test_troubles_of_registered_clusters_count_within_the_window_and_then_go(
    store: Store, plain: Any, root: str
) -> None:
    names, limits = register(store, 29), FleetBreaker()
    for number, name in enumerate(names[:8]):
        note_trouble(store, name, "db1", by="orc1", now_at=NOW - 20 * number)  # c6 and c7 are 120 s old and more
    note_trouble(store, "unheard-of", "db1", by="orc1", now_at=NOW)
    assert primaries_troubled(store, "orders", limits, NOW) == (7, 6)
    assert troubled(store, limits, NOW) == tuple(names[:6])
    assert sorted(plain.get_children(f"{root}/fleet/troubles")) == [*names[:6], "unheard-of"]
    end_trouble(store, "c0")
    note_trouble(store, "orders", "db1", by="orc2", now_at=NOW)
    assert primaries_troubled(store, "orders", limits, NOW) == (6, 6)
    assert decide(store).primaries_troubled_max == 6


def test_a_fleet_of_one_is_never_too_many_however_low_the_limits(store: Store) -> None:
    store.put(fleet_breaker_path(), FleetBreaker(primaries_max=1, share_max=0.0))
    note_trouble(store, "orders", "db1", by="orc1", now_at=NOW)
    assert blockers(decide(store)) == ()


def test_garbage_in_settings_and_maintenance_is_set_aside_and_garbage_in_a_trouble_counts(
    store: Store, plain: Any, root: str
) -> None:
    names = register(store, 4)
    for path in ("fleet/breaker", "clusters/orders/maintenance", *(f"fleet/troubles/{name}" for name in names)):
        plain.create(f"{root}/{path}", b"{", makepath=True)
    assert breaker(store) == FleetBreaker()
    assert maintenance_plan(store, "orders") == MaintenancePlan()
    assert decide(store).primaries_troubled == 5
    plain.set(f"{root}/fleet/breaker", encode(FleetBreaker(primaries_max=5)))
    assert decide(store).primaries_troubled_max == 5


def test_only_a_replica_in_the_policys_zones_counts_as_promotable(store: Store) -> None:
    one, two, three = SPEC.nodes
    policy = replace(SPEC.policy, zones=("north",))
    store.put(cluster_path("orders"), replace(SPEC, nodes=(one, replace(two, zone="north"), three), policy=policy))
    now = decide(store)
    assert (now.nodes_live, now.promotable, now.lag_seconds) == (2, 1, 7.0)
