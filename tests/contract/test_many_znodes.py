"""Many znodes at once, on a real ZooKeeper: what a monitor of thousands of nodes reads and writes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from typing import Any, TypeVar

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, NotFound
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState, NodeHealth
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.fleet import Fleet, Member, read_members
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.register import Key
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.warrant import Warrant
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
Result = TypeVar("Result")
_roots = count(1)


@pytest.fixture
def root() -> str:
    """A root of its own for each test."""
    return f"/many/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
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


def health(node: str, monitor: str = "mon1") -> NodeHealth:
    return NodeHealth(node=node, health=Health.HEALTHY, because="test", monitor=monitor, changed_at=1.0)


def spec(cluster: str) -> ClusterSpec:
    nodes = tuple(Node(name=f"db{number}", address=f"10.0.0.{number}") for number in (1, 2, 3))
    dns = Dns(name=f"{cluster}.example.com", zone="example.com", servers=("10.0.0.9",))
    return ClusterSpec(cluster=cluster, nodes=nodes, dns=dns)


def register(plain: Any, root: str, cluster: str) -> None:
    """In one transaction, as the module does: nobody sees the one without the other."""
    plain.ensure_path(f"{root}/clusters")
    transaction = plain.transaction()
    transaction.create(f"{root}/clusters/{cluster}", encode(spec(cluster)))
    transaction.create(f"{root}/clusters/{cluster}/state", b'{"epoch": 1, "primary": "db1"}')
    assert transaction.commit() == [f"{root}/clusters/{cluster}", f"{root}/clusters/{cluster}/state"]


async def refreshed(_cluster: str) -> bool:
    return True


def on_warrant(store: Store, work: Callable[[Warrant], Awaitable[Result]]) -> Result:
    async def body() -> Result:
        return await work(Warrant(store, "mon1", 1.0, refreshed))

    return asyncio.run(body())


def monitors(plain: Any, root: str, keys: list[Key]) -> list[str]:
    """Whose name stands in the record of each node."""
    return [json.loads(plain.get(f"{root}/health/{cluster}/{node}")[0])["monitor"] for cluster, node in keys]


def test_many_are_read_in_the_order_they_were_asked_for_with_none_and_garbage_in_their_places(
    store: Store, plain: Any, root: str
) -> None:
    plain.create(f"{root}/a", b'{"epoch": 1, "primary": "x"}', makepath=True)
    plain.create(f"{root}/c", b"garbage")
    first, second, third = store.read_many([(path, ClusterState) for path in ("a", "b", "c")])
    assert (first.value, first.version) == (ClusterState(epoch=1, primary="x"), 0)
    assert second is None
    assert isinstance(third, InvalidInput)
    assert "/c" in str(third)


def test_a_watcher_is_told_the_path_of_what_changed_and_of_what_appeared_below(
    store: Store, plain: Any, root: str
) -> None:
    plain.create(f"{root}/a", b'{"epoch": 1, "primary": "x"}', makepath=True)
    plain.create(f"{root}/b", b"")
    told: list[str] = []
    twice = threading.Event()

    def notify(path: str) -> None:
        told.append(path)
        if len(told) == 2:
            twice.set()

    watcher = store.watcher(notify)
    store.read_many([("a", ClusterState)], watcher)
    assert store.children_many(["b", "none"], watcher) == [frozenset(), frozenset()]
    plain.set(f"{root}/a", b"{}")
    plain.create(f"{root}/b/new", b"")
    assert twice.wait(PATIENCE_SECONDS)
    assert sorted(told) == ["a", "b"]


def test_three_hundred_nodes_are_claimed_and_then_changed_in_three_transactions_each(
    store: Store, plain: Any, root: str
) -> None:
    keys = [("orders", f"db{number}") for number in range(300)]

    async def twice(warrant: Warrant) -> tuple[int, int]:
        assert await warrant.write_many({key: health(key[1]) for key in keys}) == frozenset(keys)
        claimed = plain.exists(f"{root}/health/orders/db299").czxid
        assert await warrant.write_many({key: health(key[1]) for key in keys}) == frozenset(keys)
        return claimed, plain.exists(f"{root}/health/orders/db299").mzxid

    claimed, changed = on_warrant(store, twice)
    assert monitors(plain, root, keys) == ["mon1"] * 300
    assert changed - claimed == 3
    assert {plain.exists(f"{root}/health/orders/{node}").version for _cluster, node in keys} == {1}


def test_of_many_nodes_the_one_that_another_has_claimed_meanwhile_is_left_to_it(
    store: Store, plain: Any, root: str
) -> None:
    keys = [("orders", f"db{number}") for number in range(5)]

    async def work(warrant: Warrant) -> tuple[frozenset[Key], list[bool]]:
        await warrant.write_many({key: health(key[1]) for key in keys})
        plain.set(f"{root}/health/orders/db3", encode(health("db3", "mon2")))
        written = await warrant.write_many({key: health(key[1]) for key in keys})
        return written, [warrant.claimed(key) for key in keys]

    written, claimed = on_warrant(store, work)
    assert written == frozenset(keys) - {("orders", "db3")}
    assert claimed == [True, True, True, False, True]
    assert monitors(plain, root, keys) == ["mon1", "mon1", "mon1", "mon2", "mon1"]


def test_a_member_has_what_is_on_record_of_its_cluster_and_the_version_of_its_state(
    store: Store, plain: Any, root: str
) -> None:
    for cluster in ("orders", "broken", "bare"):
        register(plain, root, cluster)
    plain.set(f"{root}/clusters/orders/state", b'{"epoch": 2, "primary": "db2"}')
    plain.create(f"{root}/clusters/orders/suspicion", b"{}")
    plain.create(f"{root}/clusters/bare/pause", b'{"job": "j1", "nodes": ["db1"]}')
    plain.set(f"{root}/clusters/broken", b"garbage")
    orders, broken, bare, gone = read_members(store, ("orders", "broken", "bare", "gone"))
    assert isinstance(orders, InvalidInput), "a suspicion that cannot be read sets its cluster aside"
    assert isinstance(broken, InvalidInput)
    assert isinstance(gone, NotFound)
    assert isinstance(bare, Member)
    assert (bare.state, bare.state_version, tuple(bare.paused)) == (ClusterState(epoch=1, primary="db1"), 0, ("db1",))
    assert (bare.suspected, bare.job, bare.voters) == (False, None, None)


def test_a_fleet_follows_clusters_that_change_appear_and_go(store: Store, plain: Any, root: str) -> None:
    async def until(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not true():
                await asyncio.sleep(0.01)

    async def work() -> None:
        told: list[str] = []
        fleet = Fleet(store, told.append)
        await fleet.start()
        await until(lambda: "orders" in fleet.members)
        await asyncio.to_thread(plain.set, f"{root}/clusters/orders/state", b'{"epoch": 2, "primary": "db2"}')
        await until(lambda: fleet.members["orders"].state.epoch == 2)
        job = f"{root}/clusters/orders/pause"
        await asyncio.to_thread(plain.create, job, b'{"job": "j1", "nodes": ["db1"]}')
        await until(lambda: fleet.members["orders"].paused == {"db1"})
        await asyncio.to_thread(plain.set, job, b'{"job": "j1", "nodes": ["db2"]}')
        await until(lambda: fleet.members["orders"].paused == {"db2"})
        await asyncio.to_thread(plain.delete, job)
        await until(lambda: not fleet.members["orders"].paused)
        await asyncio.to_thread(register, plain, root, "stock")
        await until(lambda: "stock" in fleet.members)
        await asyncio.to_thread(plain.delete, f"{root}/clusters/stock", recursive=True)
        await until(lambda: "stock" not in fleet.members)
        assert await fleet.refresh("orders")
        assert not await fleet.refresh("stock")
        assert told[-1] == "orders"

    register(plain, root, "orders")
    asyncio.run(work())
