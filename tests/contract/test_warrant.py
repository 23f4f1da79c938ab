"""By what right a monitor acknowledges, and who votes: claims, suspicions and voters in a real ZooKeeper."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation, ProcessState, Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    MonitorPresence,
    NodeHealth,
    cluster_path,
    health_path,
    monitor_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.fleet import Member, read_members
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.electorate import terms_of, update
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.register import Key
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.warrant import Warrant
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.test_permission_record import SPEC, SUSPICION
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
BEAT = 100.0  # so that no answer of this ZooKeeper is late
DB1: Key = ("orders", "db1")
_roots = count(1)


@pytest.fixture
def root() -> str:
    return f"/warrant/{next(_roots)}"


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


def health(monitor: str, node: str = "db1", of: Health = Health.HEALTHY) -> NodeHealth:
    return NodeHealth(node=node, health=of, because="x", monitor=monitor, changed_at=0.0)


class Side:
    """One monitor's warrant; ``readable``: whether it can read what is on record of a cluster."""

    def __init__(self, store: Store, name: str) -> None:
        self.store = store
        self.name = name
        self.readable = True
        self.clock = 1000.0
        self.refreshed = 0
        self.warrant = Warrant(store, name, BEAT, self._refresh, lambda: self.clock)

    async def _refresh(self, _cluster: str) -> bool:
        self.refreshed += 1
        return self.readable

    def announce(self) -> None:
        self.store.create(monitor_path(self.name), MonitorPresence(url="https://x"), ephemeral=True)

    def claims(self) -> bool:
        return asyncio.run(self.warrant.write(DB1, health(self.name)))

    def suspects(self) -> bool:
        return asyncio.run(self.warrant.suspect(DB1, SUSPICION))

    def proves(self, *names: str) -> bool:
        return asyncio.run(self.warrant.prove(lambda: frozenset(names)))


def monitor_of(plain: Any, root: str) -> str:
    return str(json.loads(plain.get(f"{root}/{health_path(*DB1)}")[0])["monitor"])


def test_writing_a_nodes_health_claims_it_and_then_reads_what_is_open(store: Store, plain: Any, root: str) -> None:
    mine = Side(store, "mon1")
    assert not mine.warrant.claimed(DB1)
    assert mine.claims()
    assert mine.warrant.claimed(DB1)
    assert mine.refreshed == 1
    assert monitor_of(plain, root) == "mon1"
    assert mine.claims()
    assert mine.refreshed == 1, "a claim that stands is not made anew"


def test_a_node_is_not_claimed_as_long_as_what_is_open_cannot_be_read(store: Store) -> None:
    mine = Side(store, "mon1")
    mine.readable = False
    mine.claims()
    assert not mine.warrant.claimed(DB1)
    mine.readable = True
    mine.claims()
    assert mine.warrant.claimed(DB1)


def test_who_lost_a_node_to_another_raises_no_suspicion_of_it(store: Store, plain: Any, root: str) -> None:
    mine, other = Side(store, "mon1"), Side(store, "mon2")
    assert mine.claims()
    assert other.claims()
    assert not mine.suspects()
    assert plain.exists(f"{root}/clusters/orders/suspicion") is None
    assert not mine.warrant.claimed(DB1)
    assert other.suspects()
    assert plain.exists(f"{root}/clusters/orders/suspicion") is not None


def test_who_lost_a_node_to_another_does_not_write_over_it_with_the_next_change(
    store: Store, plain: Any, root: str
) -> None:
    mine, other = Side(store, "mon1"), Side(store, "mon2")
    assert mine.claims()
    assert other.claims()
    assert not mine.claims()
    assert monitor_of(plain, root) == "mon2"
    assert not mine.warrant.claimed(DB1)


def test_of_two_suspicions_one_stands(store: Store, plain: Any, root: str) -> None:
    mine = Side(store, "mon1")
    assert mine.claims()
    assert mine.suspects()
    mine.claims()
    assert not mine.suspects()
    assert plain.get(f"{root}/clusters/orders/suspicion")[1].version == 0


@pytest.mark.parametrize("now", [ClusterState(epoch=2, primary="db1"), ClusterState(epoch=2, primary="db2")])
def test_a_suspicion_of_an_older_epoch_is_not_raised_once_a_job_is_open(
    store: Store, plain: Any, root: str, now: ClusterState
) -> None:
    mine = Side(store, "mon1")
    assert mine.claims()
    found = store.require(state_path("orders"), ClusterState)
    store.replace(state_path("orders"), now, found.version)
    assert not mine.suspects()
    assert plain.exists(f"{root}/clusters/orders/suspicion") is None


def test_what_may_have_been_raised_is_doubted_until_it_was_read_back(store: Store, lab: Lab, root: str) -> None:
    with open_store(ZOOKEEPER, root, answer_seconds=0.5) as asking:
        mine = Side(asking, "mon1")
        assert mine.claims()
        assert store.version(health_path(*DB1)) == 0
        mine.readable = False
        lab.host("zk1").stop("zookeeper")
        assert not mine.suspects()
        assert mine.warrant.raising(DB1)
        lab.host("zk1").cont("zookeeper")
        asyncio.run(mine.warrant.read_back_all())
        assert mine.warrant.raising(DB1)
        mine.readable = True
        asyncio.run(mine.warrant.read_back_all())
        assert not mine.warrant.raising(DB1)


def test_a_proof_counts_from_the_moment_of_asking_and_needs_the_same_monitors_and_our_own_session(
    store: Store, lab: Lab, root: str
) -> None:
    assert lab.host("zk1").running("zookeeper")
    mine = Side(store, "mon1")
    store.ensure("monitors")
    assert not mine.proves("mon1"), "it is not announced"
    mine.announce()
    assert not mine.proves("mon1", "mon2"), "by our word another lives that does not"
    assert mine.warrant.proof_beats(mine.clock) == float("inf")
    assert mine.proves("mon1")
    assert mine.warrant.proof_beats(mine.clock + BEAT / 4) == 0.25
    with open_store(ZOOKEEPER, root) as another:
        stranger = Side(another, "mon1")
        assert not stranger.proves("mon1"), "the name is of another session"


def report(version: int, *vouching: str) -> Observation:
    return Observation(
        cluster="orders",
        node="db1",
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
        voters_version=version,
        vouching=vouching,
    )


def voters(plain: Any, root: str) -> tuple[int, list[str], list[str] | None]:
    found = json.loads(plain.get(f"{root}/clusters/orders/voters")[0])
    return found["version"], found["names"], found["former"]


def member(store: Store) -> Member:
    (found,) = read_members(store, ("orders",))
    assert isinstance(found, Member)
    return found


def test_a_dead_replica_leaves_the_voters_in_two_moves_and_comes_back(store: Store, plain: Any, root: str) -> None:
    def move(said: Observation) -> bool:
        return update(store, member(store), said)

    assert move(report(0, "db2", "db3"))
    assert voters(plain, root) == (1, ["db2", "db3"], [])
    assert not move(report(0, "db2", "db3")), "its agent has not said that it goes by them"
    assert move(report(1, "db2", "db3"))
    assert voters(plain, root) == (1, ["db2", "db3"], None)
    store.create(health_path("orders", "db2"), health("mon1", "db2", Health.HOST_SILENT))
    assert not move(report(1, "db2", "db3")), "it vouches, so it lives"
    assert move(report(1, "db3"))
    assert voters(plain, root) == (2, ["db3"], ["db2", "db3"])
    assert not move(report(1, "db3"))
    assert move(report(2, "db3"))
    assert voters(plain, root) == (2, ["db3"], None)
    store.put(health_path("orders", "db2"), health("mon1", "db2"))
    assert move(report(2, "db3"))
    assert voters(plain, root) == (3, ["db2", "db3"], ["db3"])


def test_the_voters_are_not_changed_by_who_has_not_heard_of_a_newer_change(store: Store) -> None:
    behind = member(store)
    assert update(store, behind, report(0))
    with pytest.raises(Conflict):
        update(store, behind, report(0))


def test_an_agent_is_told_the_voters_of_its_own_primary_and_of_no_other(store: Store) -> None:
    update(store, member(store), report(0))
    told = terms_of(member(store))
    assert (told.primary.name, told.version, [node.name for node in told.voters]) == ("db1", 1, ["db2", "db3"])
    found = store.require(state_path("orders"), ClusterState)
    store.replace(state_path("orders"), replace(found.value, epoch=2, primary="db2"), found.version)
    told = terms_of(member(store))
    assert (told.epoch, told.primary.name, told.version, told.voters) == (2, "db2", 0, ())
    assert update(store, member(store), replace(report(0), node="db2"))
    told = terms_of(member(store))
    assert (told.version, [node.name for node in told.voters]) == (2, ["db1", "db3"])
