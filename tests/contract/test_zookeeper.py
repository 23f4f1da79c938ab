"""Typed znodes in a real ZooKeeper, read back with the plain client."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import (
    Change,
    Check,
    Create,
    Delete,
    Replace,
    Store,
    open_store,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState, LockHolder
from tests.contract.by_hand import PATIENCE_SECONDS, await_that
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
_roots = count(1)
AT_41 = ClusterState(epoch=41, primary="db1")
AT_42 = ClusterState(epoch=42, primary="db2")


@pytest.fixture
def root() -> str:
    """A root of its own for each test."""
    return f"/contract/{next(_roots)}"


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


def test_what_is_created_lies_as_json_below_the_root(store: Store, plain: Any, root: str) -> None:
    store.create("clusters/orders/state", AT_41)
    raw, stat = plain.get(f"{root}/clusters/orders/state")
    assert json.loads(raw) == {"epoch": 41, "primary": "db1"}
    assert (stat.version, stat.ephemeralOwner) == (0, 0)


def test_what_another_wrote_is_read_with_its_version(store: Store, plain: Any, root: str) -> None:
    plain.create(f"{root}/state", b'{"epoch": 1, "primary": "x"}', makepath=True)
    plain.set(f"{root}/state", b'{"epoch": 42, "primary": "db2"}')
    found = store.read("state", ClusterState)
    assert found
    assert (found.value, found.version) == (AT_42, 1)


def test_a_znode_that_is_not_there_is_none_to_who_asks_and_an_error_to_who_needs_it(store: Store, root: str) -> None:
    assert store.read("state", ClusterState) is None
    with pytest.raises(NotFound, match=f"ZooKeeper at {ZOOKEEPER} has no {root}/state"):
        store.require("state", ClusterState)


def test_a_znode_is_created_once(store: Store) -> None:
    store.create("state", AT_41)
    with pytest.raises(Conflict, match="state in ZooKeeper was changed by another first"):
        store.create("state", AT_42)
    assert store.require("state", ClusterState).value == AT_41


def test_compare_and_set_wins_only_with_the_version_that_is_there(store: Store, plain: Any, root: str) -> None:
    store.create("state", AT_41)
    assert store.replace("state", AT_42, 0) == 1
    with pytest.raises(Conflict):
        store.replace("state", AT_41, 0)
    assert json.loads(plain.get(f"{root}/state")[0])["epoch"] == 42
    with pytest.raises(NotFound):
        store.replace("other", AT_42, 0)


def test_of_many_who_compare_and_set_at_once_one_wins(store: Store, lab: Lab, root: str) -> None:
    assert lab.host("zk1").running("zookeeper")
    store.create("state", AT_41)
    outcomes: list[str] = []

    def attempt(number: int) -> None:
        with open_store(ZOOKEEPER, root) as mine:
            try:
                mine.replace("state", ClusterState(epoch=42, primary=f"db{number}"), 0)
                outcomes.append(f"db{number}")
            except Conflict:
                outcomes.append("lost")

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("lost") == 5
    assert store.require("state", ClusterState).value.primary in outcomes


def test_put_creates_and_overwrites(store: Store, plain: Any, root: str) -> None:
    store.put("a/b", AT_41)
    store.put("a/b", AT_42)
    raw, stat = plain.get(f"{root}/a/b")
    assert (json.loads(raw)["epoch"], stat.version) == (42, 1)


def test_delete_minds_the_version_and_not_that_it_is_gone_already(store: Store, plain: Any, root: str) -> None:
    store.create("state", AT_41)
    with pytest.raises(Conflict):
        store.delete("state", 7)
    assert plain.exists(f"{root}/state")
    store.delete("state", 0)
    store.delete("state")
    assert not plain.exists(f"{root}/state")


def test_a_znode_with_children_is_not_deleted_unless_as_a_tree(store: Store, plain: Any, root: str) -> None:
    store.create("a/b", AT_41)
    with pytest.raises(Conflict):
        store.delete("a")
    store.delete_tree("a")
    assert not plain.exists(f"{root}/a")
    store.delete_tree("a")


def test_children_are_named_in_order_and_nothing_has_none(store: Store) -> None:
    for name in ("b", "c", "a"):
        store.create(f"monitors/{name}", LockHolder(owner=name))
    assert store.children("monitors") == ("a", "b", "c")
    assert store.children("orchestrators") == ()
    store.ensure("orchestrators")
    store.ensure("orchestrators")
    assert store.children("") == ("monitors", "orchestrators")


def test_a_commit_changes_everything_at_once(store: Store, plain: Any, root: str) -> None:
    store.create("state", AT_41)
    store.create("old", AT_41)
    store.commit([Check("old", 0), Replace("state", AT_42, 0), Create("job", AT_42), Delete("old", 0)])
    assert json.loads(plain.get(f"{root}/state")[0])["epoch"] == 42
    assert sorted(plain.get_children(root)) == ["job", "state"]
    assert len({plain.get(f"{root}/{name}")[1].mzxid for name in ("job", "state")}) == 1


FORBIDDEN: dict[str, tuple[Change, type[Exception], str]] = {
    "another version": (Replace("state", AT_42, 5), Conflict, "/state in ZooKeeper was changed by another first"),
    "checked version": (Check("state", 5), Conflict, "/state in ZooKeeper was changed by another first"),
    "checked absence": (Check("nowhere", 0), NotFound, "/nowhere"),
    "exists already": (Create("state", AT_42), Conflict, "/state in ZooKeeper was changed by another first"),
    "no parent": (Create("no/parent", AT_42), NotFound, "/no/parent"),
    "nothing to delete": (Delete("nowhere"), NotFound, "/nowhere"),
}


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("obstacle", FORBIDDEN)
def test_a_commit_with_one_change_that_cannot_be_changes_nothing_and_names_its_path(
    store: Store, plain: Any, root: str, position: int, obstacle: str
) -> None:
    change, kind, sentence = FORBIDDEN[obstacle]
    store.create("state", AT_41)
    changes: list[Change] = [Create("one", AT_41), Create("two", AT_41)]
    changes.insert(position, change)
    with pytest.raises(kind) as caught:
        store.commit(changes)
    assert f"{root}{sentence}" in str(caught.value)
    assert plain.get_children(root) == ["state"]
    assert plain.get(f"{root}/state")[1].version == 0


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "Invalid JSON"),
        (b"{", "Invalid JSON"),
        (b'{"epoch": "x", "primary": "db1"}', "epoch: "),
        (b"{}", "epoch: "),
    ],
)
def test_garbage_is_refused_and_its_path_and_field_are_named(
    store: Store, plain: Any, root: str, raw: bytes, field: str
) -> None:
    plain.create(f"{root}/state", raw, makepath=True)
    with pytest.raises(InvalidInput, match=f"^{root}/state holds no valid ClusterState: {field}"):
        store.read("state", ClusterState)


def test_a_store_needs_a_root_of_its_own() -> None:
    with pytest.raises(InvalidInput, match="must be a path such as /altair"), open_store(ZOOKEEPER, "/"):
        pass


def test_zookeeper_that_is_not_there_is_one_sentence(lab: Lab) -> None:
    lab.host("zk1").kill("zookeeper")
    with (
        pytest.raises(Unavailable, match=rf"^ZooKeeper at {ZOOKEEPER} does not answer within 1 s$"),
        open_store(ZOOKEEPER, "/contract", connect_seconds=1.0),
    ):
        pass


def test_a_store_is_open_within_the_time_of_a_few_round_trips(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab.host("zk1").running("zookeeper")
    took = []
    for _each in range(20):
        began = time.perf_counter()
        with open_store(ZOOKEEPER, "/contract") as store:
            took.append(time.perf_counter() - began)
            assert store.connected
            assert store.session
    with capsys.disabled():
        print(f"\nStore open: median {sorted(took)[10] * 1000:.1f} ms, worst {max(took) * 1000:.1f} ms")


def test_closing_a_store_ends_its_session(lab: Lab, plain: Any, root: str) -> None:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        store.create("lock", LockHolder(owner="orc1"), ephemeral=True)
        assert plain.get(f"{root}/lock")[1].ephemeralOwner == store.session
    await_that(lambda: not plain.exists(f"{root}/lock"), "the ephemeral znode goes with the session")


def test_a_store_that_was_closed_answers_no_more(lab: Lab, root: str) -> None:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        pass
    with pytest.raises(Unavailable, match="ConnectionClosedError"):
        store.children("")


def test_a_version_counts_the_changes_of_a_znode_whatever_it_holds(store: Store, plain: Any, root: str) -> None:
    assert store.version("state") is None
    plain.create(f"{root}/state", b"garbage", makepath=True)
    assert store.version("state") == 0
    plain.set(f"{root}/state", b"{")
    assert store.version("state") == 1
    assert store.replace("state", AT_41, 1) == 2
    plain.delete(f"{root}/state")
    plain.create(f"{root}/state", b"")
    assert store.version("state") == 0, "one that is made anew begins anew"


def test_a_session_is_confirmed_by_its_own_znode_and_by_nobody_elses(store: Store, lab: Lab, root: str) -> None:
    assert lab.host("zk1").running("zookeeper")
    store.create("monitors/mon1", LockHolder(owner="mon1"), ephemeral=True)
    assert store.confirm("monitors", "monitors/mon1") == (("mon1",), True)
    assert store.confirm("monitors", "monitors/mon9") == (("mon1",), False)
    with open_store(ZOOKEEPER, root) as other:
        other.create("monitors/mon2", LockHolder(owner="mon2"), ephemeral=True)
        assert store.confirm("monitors", "monitors/mon1") == (("mon1", "mon2"), True)
        assert store.confirm("monitors", "monitors/mon2") == (("mon1", "mon2"), False)
    assert store.confirm("monitors", "monitors/mon1") == (("mon1",), True)
    with pytest.raises(NotFound):
        store.confirm("nowhere", "monitors/mon1")


def test_a_session_is_not_confirmed_while_zookeeper_is_silent(store: Store, lab: Lab, root: str) -> None:
    store.create("monitors/mon1", LockHolder(owner="mon1"), ephemeral=True)
    with open_store(ZOOKEEPER, root, answer_seconds=0.5) as asking:
        lab.host("zk1").stop("zookeeper")
        with pytest.raises(Unavailable):
            asking.confirm("monitors", "monitors/mon1")
        lab.host("zk1").cont("zookeeper")
