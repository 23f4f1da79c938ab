"""What a session sees: watches, ephemeral znodes, and a ZooKeeper that falls silent and comes back."""

from __future__ import annotations

import queue
import re
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Create, Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState, LockHolder
from tests.contract.by_hand import PATIENCE_SECONDS, await_that, freeze
from tests.lab import services
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
_roots = count(1)
STATE = ClusterState(epoch=41, primary="db1")
ME = LockHolder(owner="orc1")


@pytest.fixture
def root() -> str:
    return f"/sessions/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root, session_seconds=2.0, answer_seconds=1.0) as store:
        store.ensure("")
        yield store


@pytest.fixture
def other(lab: Lab, root: str) -> Iterator[Store]:
    """Another session on the same root."""
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root, session_seconds=2.0) as store:
        yield store


class Told:
    """What a watch has told, in order; ``next`` waits for it."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Any] = queue.Queue()

    def __call__(self, *words: Any) -> None:
        self._queue.put(words[0] if words else "changed")

    def next(self) -> Any:
        return self._queue.get(timeout=PATIENCE_SECONDS)

    def until(self, word: Any) -> None:
        while self.next() != word:
            pass


def ends_with_unavailable(call: Callable[[], object]) -> bool:
    """Whether a call comes to an end, with Unavailable; one that hangs is given up after a while."""
    outcome: list[BaseException | None] = []

    def run() -> None:
        try:
            call()
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return bool(outcome) and isinstance(outcome[0], Unavailable)


def test_a_watch_tells_when_the_znode_appears_changes_and_goes(store: Store, other: Store) -> None:
    told = Told()
    store.watch("state", told)
    assert told.next() == "changed"
    assert store.read("state", ClusterState) is None
    other.create("state", STATE)
    assert told.next() == "changed"
    assert store.require("state", ClusterState).value == STATE
    other.replace("state", STATE, 0)
    assert told.next() == "changed"
    other.delete("state")
    assert told.next() == "changed"
    assert store.read("state", ClusterState) is None
    other.create("state", STATE)
    assert told.next() == "changed"


def test_a_watch_on_children_tells_all_their_names_in_order(store: Store, other: Store) -> None:
    store.ensure("monitors")
    told = Told()
    store.watch_children("monitors", told)
    assert told.next() == ()
    other.create("monitors/mon2", ME)
    assert told.next() == ("mon2",)
    other.create("monitors/mon1", ME)
    assert told.next() == ("mon1", "mon2")
    other.delete("monitors/mon2")
    assert told.next() == ("mon1",)


def test_an_ephemeral_znode_belongs_to_the_session_that_made_it_and_goes_with_it(
    store: Store, lab: Lab, root: str
) -> None:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as owner:
        owner.create("lock", ME, ephemeral=True)
        assert owner.owns("lock")
        assert not store.owns("lock")
        assert not store.owns("nowhere")
    await_that(lambda: store.read("lock", LockHolder) is None, "the lock goes with its session")


def test_an_ephemeral_znode_of_a_commit_belongs_to_the_session_too(store: Store, other: Store) -> None:
    store.commit([Create("lock", ME, ephemeral=True), Create("kept", ME)])
    assert store.owns("lock")
    assert not other.owns("lock")
    assert not store.owns("kept")


def test_a_session_is_told_that_zookeeper_falls_silent_and_that_it_is_back(store: Store, lab: Lab) -> None:
    told = Told()
    store.on_session(told)
    freeze(lab, "zk1", "zookeeper")
    told.until(False)
    assert not store.connected
    lab.host("zk1").cont("zookeeper")
    told.until(True)
    assert store.connected


def test_a_lost_session_is_another_one_afterwards_and_its_ephemeral_znodes_are_gone(
    store: Store, other: Store, lab: Lab
) -> None:
    told = Told()
    store.on_session(told)
    store.create("lock", ME, ephemeral=True)
    before = store.session
    lab.partition("client", "zk1")
    told.until(False)
    lab.partition("zk1", "client")
    await_that(lambda: str(before) not in sessions_at_the_server(lab), "the server gives the session up")
    lab.heal()
    told.until(True)
    assert store.session not in (0, before)
    await_that(lambda: other.connected, "the other session is back too")
    assert not store.owns("lock")
    assert other.read("lock", LockHolder) is None


def sessions_at_the_server(lab: Lab) -> set[str]:
    """Sessions that the server itself counts, as decimal numbers; asked on its own host."""
    with lab.inside("zk1"), socket.create_connection((HOSTS["zk1"], ZOOKEEPER_PORT), timeout=5) as connection:
        connection.sendall(b"dump")
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return {str(int(found, 16)) for found in re.findall(r"0x([0-9a-f]+)", answer)}


@pytest.mark.parametrize("silence", ["frozen", "cut off", "killed"])
def test_no_question_hangs_while_zookeeper_is_silent(store: Store, lab: Lab, silence: str) -> None:
    store.create("state", STATE)
    if silence == "frozen":
        freeze(lab, "zk1", "zookeeper")
    elif silence == "cut off":
        lab.partition("client", "zk1")
    else:
        lab.host("zk1").kill("zookeeper")
    questions: tuple[Callable[[], object], ...] = (
        lambda: store.read("state", ClusterState),
        lambda: store.replace("state", STATE, 0),
        lambda: store.put("state", STATE),
        lambda: store.create("other", STATE),
        lambda: store.children(""),
        lambda: store.ensure("a"),
        lambda: store.delete("state"),
        lambda: store.delete_tree("state"),
        lambda: store.commit([Create("b", STATE)]),
        lambda: store.owns("state"),
    )
    assert [ends_with_unavailable(question) for question in questions] == [True] * len(questions)


def test_what_was_given_up_without_a_connection_is_not_done_when_there_is_one_again(lab: Lab, root: str) -> None:
    with open_store(ZOOKEEPER, root, session_seconds=30.0, answer_seconds=0.3) as store:
        store.create("state", STATE)
        lab.host("zk1").kill("zookeeper")
        await_that(lambda: not store.connected, "the session notices")
        lab.partition("client", "zk1")
        lab.host("zk1").start("zookeeper")
        services.wait_until("ZooKeeper", lambda: services.zookeeper_answers(lab.host("zk1")))
        refused: tuple[Callable[[], object], ...] = (
            lambda: store.create("lock", ME, ephemeral=True),
            lambda: store.replace("state", STATE, 0),
            lambda: store.commit([Create("job", ME)]),
        )
        for given_up in refused:
            with pytest.raises(Unavailable, match=f"^ZooKeeper at {ZOOKEEPER} does not answer"):
                given_up()
        lab.heal()
        await_that(lambda: store.connected, "the session is back")
        # Requests of one session are carried out in order: what was waiting would be done before this is answered.
        await_that(lambda: not ends_with_unavailable(lambda: store.children("")), "the session answers")
        assert store.children("") == ("state",)
        assert store.require("state", ClusterState).version == 0


def test_a_watch_set_while_zookeeper_is_silent_takes_hold_when_it_is_back(store: Store, lab: Lab) -> None:
    store.ensure("monitors")
    lab.host("zk1").kill("zookeeper")
    await_that(lambda: not store.connected, "the session notices")
    znode, children = Told(), Told()
    patient = [
        threading.Thread(target=store.watch, args=("state", znode)),
        threading.Thread(target=store.watch_children, args=("monitors", children)),
    ]
    for thread in patient:
        thread.start()
    lab.host("zk1").start("zookeeper")
    assert znode.next() == "changed"
    assert children.next() == ()
    for thread in patient:
        thread.join()
    store.create("monitors/mon1", ME)
    children.until(("mon1",))


def test_a_watch_that_fires_while_the_session_was_away_is_told_afterwards(
    store: Store, other: Store, lab: Lab, root: str
) -> None:
    told, session = Told(), Told()
    store.watch("state", told)
    told.next()
    store.on_session(session)
    lab.partition("client", "zk1")
    session.until(False)
    with lab.inside("ns1"), open_store(ZOOKEEPER, root) as elsewhere:
        elsewhere.create("state", STATE)
    lab.heal()
    session.until(True)
    told.next()
    await_that(lambda: other.connected, "the other session is back too")
    assert store.require("state", ClusterState).value == STATE
