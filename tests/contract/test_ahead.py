"""What a process that carries out several steps knows from the step before, beside a real ZooKeeper."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import TlsFiles
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, StaleEpoch, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import SalvageAnswer
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    cluster_path,
    state_path,
    suspicion_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures import keeping
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import end_job, open_job, read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.keeping import (
    Keeper,
    ask_ahead,
    asked_ahead,
    keep_held,
    keeping_open,
    store_at,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import (
    Neighbours,
    Outcome,
    Scene,
    run_step,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.tail import tail_of
from tests.contract.test_permission_record import SPEC, SUSPICION
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab
from tests.unit.core.worlds import NOW

UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
NOWHERE = TlsFiles(ca="/nowhere/ca.pem", certificate="/nowhere/host.pem", key="/nowhere/host.key")
ASKED = "/nowhere/ca.pem cannot be read"  # by who asks the agent
_roots = count(1)


@pytest.fixture
def keeper(lab: Lab) -> Keeper:
    assert lab.host("zk1").running("zookeeper")
    return Keeper(hosts=f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}", root=f"/ahead/{next(_roots)}")


@pytest.fixture
def store(keeper: Keeper) -> Iterator[Store]:
    """Within ``keeping_open``, with a job of epoch 2."""
    with keeping_open(keeper), store_at(keeper) as store:
        store.create(cluster_path("orders"), SPEC)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        store.create(suspicion_path("orders"), SUSPICION)
        open_job(store, read_record(store, "orders"), owner="orc1", because="dead", now_at=NOW)
        yield store


def step(keeper: Keeper, name: str, act: Callable[[Scene], Outcome]) -> None:
    run_step(name, act, cluster="orders", epoch=2, keeper=keeper, neighbours=Neighbours(login=Login()), check=False)


def done(_scene: Scene) -> Outcome:
    return Outcome(changed=False, sentence="done")


def never(_scene: Scene) -> Outcome:
    raise AssertionError("the step has acted")


def give_up(store: Store) -> None:
    end_job(store, read_record(store, "orders"), JobState.ABORTED, "by hand", NOW)


def test_steps_that_follow_each_other_at_once_look_at_the_record_once(
    store: Store, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RECORD_SECONDS_MAX", 3600.0)
    step(keeper, "pause_monitoring", done)
    before = store.reads
    step(keeper, "fence", done)
    assert store.reads == before
    job = read_record(store, "orders").job
    assert job is not None
    assert job.value.steps_done == ("pause_monitoring", "fence")


def test_a_step_that_comes_later_looks_first_and_is_refused_when_the_job_was_given_up(
    store: Store, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "RECORD_SECONDS_MAX", 0.0)
    step(keeper, "pause_monitoring", done)
    give_up(store)
    with pytest.raises(StaleEpoch, match="may change nothing"):
        step(keeper, "fence", never)


def test_a_step_that_acts_while_the_job_is_given_up_is_not_put_on_record(store: Store, keeper: Keeper) -> None:
    def slow(_scene: Scene) -> Outcome:
        give_up(store)
        return Outcome(changed=True, sentence="done")

    step(keeper, "pause_monitoring", done)
    with pytest.raises(StaleEpoch, match="another changed the cluster's record meanwhile"):
        step(keeper, "fence", slow)
    job = read_record(store, "orders").job
    assert job is not None
    assert job.value.steps_done == ("pause_monitoring",)


def answer(gtids: str, *, missing: str = "") -> tuple[SalvageAnswer, bytes]:
    dump = "".join(f"SET @@SESSION.GTID_NEXT= '{each}'/*!*/;\nCOMMIT\n/*!*/;\n" for each in gtids.split(",") if each)
    packed = base64.b64encode(zlib.compress(dump.encode())).decode()
    return SalvageAnswer(dump=packed, truncated=False, detail="", missing=missing), dump.encode()


@pytest.fixture
def scene(store: Store) -> Scene:
    job = read_record(store, "orders").job
    assert job is not None
    return Scene(store=store, spec=SPEC, job=job.value, neighbours=Neighbours(login=Login()), check=False)


def test_what_was_fetched_ahead_is_taken_where_the_candidate_has_all_that_it_begins_after(scene: Scene) -> None:
    keep_held(GtidSet.parse(f"{UUID}:1-5"))
    ask_ahead(lambda have: answer(f"{UUID}:6") if str(have) == f"{UUID}:1-5" else answer(""))
    _answer, dump = tail_of(scene, NOWHERE, GtidSet.parse(f"{UUID}:1-5"), 5.0)
    assert str(dump.found) == f"{UUID}:6"


@pytest.mark.parametrize(
    ("executed", "missing", "fails"),
    [(f"{UUID}:1-4", "", False), (f"{UUID}:1-5", f"{UUID}:7", False), (f"{UUID}:1-5", "", True)],
    ids=["the candidate lacks what it begins after", "not all was printed", "it failed"],
)
def test_the_agent_is_asked_anew_when(scene: Scene, executed: str, missing: str, fails: bool) -> None:
    def fetch(_have: GtidSet) -> tuple[SalvageAnswer, bytes]:
        if fails:
            raise Unavailable("no answer")
        return answer(f"{UUID}:6", missing=missing)

    keep_held(GtidSet.parse(f"{UUID}:1-5"))
    ask_ahead(fetch)
    with pytest.raises(InvalidInput, match=ASKED):
        tail_of(scene, NOWHERE, GtidSet.parse(executed), 5.0)


def test_what_was_fetched_ahead_is_taken_once(scene: Scene) -> None:
    keep_held(GtidSet.parse(f"{UUID}:1-5"))
    ask_ahead(lambda _have: answer(f"{UUID}:6"))
    tail_of(scene, NOWHERE, GtidSet.parse(f"{UUID}:1-5"), 5.0)
    with pytest.raises(InvalidInput, match=ASKED):
        tail_of(scene, NOWHERE, GtidSet.parse(f"{UUID}:1-5"), 5.0)


def test_nothing_is_fetched_ahead_where_what_the_replicas_have_is_not_known(store: Store) -> None:
    assert store.connected
    ask_ahead(lambda _have: answer(f"{UUID}:6"))
    assert asked_ahead() is None
