"""Jobs and suspicions in a real ZooKeeper: who slept does not answer what came up meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Change, Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict, StaleEpoch
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    StepRecord,
    cluster_path,
    state_path,
    suspicion_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    answer_suspicion,
    append_step,
    begin_promotion,
    end_job,
    no_promotion,
    open_job,
    read_record,
    set_suspicion_aside,
)
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.test_permission_record import SPEC, SUSPICION, decide
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab
from tests.unit.core.worlds import NOW

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
_roots = count(1)
NEWER = replace(SUSPICION, raised_at=NOW + 60.0)


@pytest.fixture
def root() -> str:
    return f"/jobs/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    """Where one cluster is registered and its primary suspected."""
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        store.create(cluster_path("orders"), SPEC)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        store.create(suspicion_path("orders"), SUSPICION)
        yield store


@pytest.fixture
def plain(lab: Lab) -> Iterator[Any]:
    """The plain client, to look."""
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    yield client
    client.stop()
    client.close()


def lies_there(plain: Any, root: str, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(plain.get(f"{root}/clusters/orders/{name}")[0])
    except NoNodeError:
        return None
    return found


def raise_anew(store: Store) -> None:
    """Another orchestrator has answered the one that is open, and a monitor has raised the next."""
    answer_suspicion(store, read_record(store, "orders"), because="refuted", by="orc2")
    store.create(suspicion_path("orders"), NEWER)


def test_opening_a_job_answers_its_suspicion(store: Store, plain: Any, root: str) -> None:
    job = open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)
    assert (job.epoch, job.suspicion) == (2, SUSPICION)
    assert lies_there(plain, root, "suspicion") is None
    answer = lies_there(plain, root, "answer")
    assert answer is not None
    assert (answer["by"], answer["raised_at"]) == ("orc1", SUSPICION.raised_at)


@pytest.mark.parametrize("answered_before", [0, 1, 3])
def test_who_slept_opens_no_job_on_a_newer_suspicion_than_the_one_it_judged(
    store: Store, plain: Any, root: str, answered_before: int
) -> None:
    for _each in range(answered_before):
        raise_anew(store)
    judged = read_record(store, "orders")
    raise_anew(store)
    newest = read_record(store, "orders").suspicion
    assert judged.suspicion is not None
    assert newest is not None
    assert judged.suspicion.version == newest.version, "the znode alone does not tell them apart"
    with pytest.raises(Conflict):
        open_job(store, judged, owner="orc1", because="it is dead", now_at=NOW)
    assert lies_there(plain, root, "job") is None
    assert lies_there(plain, root, "state") == {"epoch": 1, "primary": "db1"}
    suspicion = lies_there(plain, root, "suspicion")
    assert suspicion is not None
    assert suspicion["raised_at"] == NEWER.raised_at


def test_who_slept_does_not_end_a_newer_suspicion(store: Store, plain: Any, root: str) -> None:
    judged = read_record(store, "orders")
    raise_anew(store)
    with pytest.raises(Conflict):
        answer_suspicion(store, judged, because="refuted", by="orc1")
    suspicion = lies_there(plain, root, "suspicion")
    assert suspicion is not None
    assert suspicion["raised_at"] == NEWER.raised_at


def test_who_read_nothing_of_a_suspicion_leaves_it_to_the_next_who_looks(store: Store, plain: Any, root: str) -> None:
    store.delete(suspicion_path("orders"))
    judged = read_record(store, "orders")
    store.create(suspicion_path("orders"), NEWER)
    job = open_job(store, judged, owner="operator:ann", because="an operator asked", now_at=NOW)
    assert job.suspicion is None
    left = lies_there(plain, root, "suspicion")
    assert left is not None
    assert left["epoch"] < job.epoch


def test_a_suspicion_that_has_ended_already_is_nobodys_trouble(store: Store, plain: Any, root: str) -> None:
    judged = read_record(store, "orders")
    plain.delete(f"{root}/clusters/orders/suspicion")
    answer_suspicion(store, judged, because="refuted", by="orc1")
    assert lies_there(plain, root, "suspicion") is None


def test_garbage_in_a_suspicions_place_is_set_aside_and_counts_as_one(store: Store, plain: Any, root: str) -> None:
    judged = read_record(store, "orders")
    plain.set(f"{root}/clusters/orders/suspicion", b"{")
    set_suspicion_aside(store, "orders", because="it cannot be read", by="orc1")
    assert lies_there(plain, root, "suspicion") is None
    store.create(suspicion_path("orders"), NEWER)
    with pytest.raises(Conflict):
        open_job(store, judged, owner="orc1", because="it is dead", now_at=NOW)


def test_a_job_that_was_given_up_starts_no_cool_down_and_one_that_promoted_does(store: Store) -> None:
    open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)
    end_job(store, read_record(store, "orders"), JobState.ABORTED, "an operator stopped it", NOW)
    assert decide(store, now_at=NOW + 1).cool_down_seconds_left == 0.0
    open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)
    done = StepRecord(
        step="promote", epoch=3, changed=True, sentence="db2 is primary", evidence={}, finished_at=NOW, seconds=0.1
    )
    append_step(store, read_record(store, "orders"), done, new_primary="db2")
    end_job(store, read_record(store, "orders"), JobState.ABORTED, "an operator stopped it", NOW)
    assert decide(store, now_at=NOW + 1).cool_down_seconds_left == SPEC.policy.cool_down_seconds - 1


class Stalling:
    """The store of a run that stands still right before its transaction, while another run does something."""

    def __init__(self, store: Store, meanwhile: Callable[[], None]) -> None:
        self._store = store
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def commit(self, changes: list[Change]) -> None:
        self._meanwhile()
        self._store.commit(changes)


def chosen(store: Any, name: str) -> None:
    """The choice of another candidate, as one transaction with the word that no promotion has begun."""
    done = StepRecord(
        step="choose_candidate", epoch=2, changed=True, sentence=name, evidence={}, finished_at=NOW, seconds=0.1
    )
    record = read_record(store, "orders")
    assert record.job is not None
    before = record.job.value
    also = no_promotion(before, None) if before.candidate else ()
    append_step(store, record, done, candidate=name, also=also)


def test_of_a_promotion_and_another_choice_at_the_same_moment_exactly_one_comes_about(
    store: Store, plain: Any, root: str
) -> None:
    open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)
    chosen(store, "db2")
    stalled: Any = Stalling(store, lambda: chosen(store, "db3"))
    with pytest.raises(StaleEpoch, match="right before db2 was promoted; it was not"):
        begin_promotion(stalled, "orders", 2, "db2")
    assert lies_there(plain, root, "promotion") is None
    stalled = Stalling(store, lambda: begin_promotion(store, "orders", 2, "db3"))
    with pytest.raises(StaleEpoch):
        chosen(stalled, "db2")
    job, promotion = lies_there(plain, root, "job"), lies_there(plain, root, "promotion")
    assert job is not None
    assert promotion is not None
    assert (job["candidate"], promotion["candidate"]) == ("db3", "db3")
