"""A job that is run again and finds its candidate dead: real mysqld, real ZooKeeper; the record is read by hand.

db1 plays the candidate and db2, which follows it, the other replica; the old primary is nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from threading import Timer
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    InvalidInput,
    Paused,
    Refused,
    StaleEpoch,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.intervention import Wish
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Evidence,
    Promotion,
    StepRecord,
    cluster_path,
    promotion_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.interventions import Request, intervene
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    append_step,
    begin_promotion,
    open_job,
    read_record,
)
from ansible_collections.altair.mysql_ha.plugins.modules import choose_candidate
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.discovery import ZOOKEEPER
from tests.lab.addresses import HOSTS
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab
from tests.unit.core.worlds import NOW

_roots = count(1)
ZNODES = ("/state", "/job", "/promotion", "/maintenance")
OLD_LOG = "aaaaaaaa-0000-4000-8000-000000000001:1-3"
SPEC = ClusterSpec(
    cluster="orders",
    nodes=(
        Node(name="db1", address=HOSTS["db1"]),
        Node(name="db2", address=HOSTS["db2"]),
        Node(name="old", address="192.0.2.250"),
    ),
    dns=Dns(name="orders.example.com", zone="example.com", servers=("10.0.0.9",)),
)
EVIDENCE: dict[str, Evidence] = {
    "catch_up": {"drained": ["db1", "db2"], "sources": {"db1": "", "db2": ""}},
    "choose_candidate": {"candidate": "db1"},
    "salvage": {"known": True, "found": OLD_LOG, "applied": OLD_LOG, "cut_off": "", "lost": ""},
}
BEFORE = ["pause_monitoring", "fence", "catch_up"]
Look = Callable[[], dict[str, Any]]
Choose = Callable[..., dict[str, Any]]


def step(name: str) -> StepRecord:
    evidence = EVIDENCE.get(name, {})
    return StepRecord(
        step=name, epoch=2, changed=True, sentence=f"{name} done", evidence=evidence, finished_at=NOW, seconds=0.1
    )


@pytest.fixture
def root() -> str:
    return f"/dead-candidate/{next(_roots)}"


@pytest.fixture(autouse=True)
def store(lab: Lab, root: str) -> Iterator[Store]:
    """Where a job of epoch 2 has chosen db1 and stands before its promotion."""
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        store.create(cluster_path("orders"), SPEC)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="old"))
        open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)
        for name in (*BEFORE, "choose_candidate", "salvage"):
            chosen = "db1" if name == "choose_candidate" else None
            append_step(store, read_record(store, "orders"), step(name), candidate=chosen)
        yield store


@pytest.fixture
def lies(root: str) -> Iterator[Look]:
    """What is on record of the cluster, with its versions, by the plain client."""
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)

    def look() -> dict[str, Any]:
        found = {}
        for name in ZNODES:
            try:
                raw, stat = client.get(f"{root}/clusters/orders{name}")
            except NoNodeError:
                continue
            found[name] = (json.loads(raw), stat.version)
        return found

    yield look
    client.stop()
    client.close()


@pytest.fixture
def choose(root: str) -> Choose:
    """The step, as a run that comes after another carries it out."""

    def carry_out(check: bool = False, **other: Any) -> dict[str, Any]:
        spec = choose_candidate.ARGUMENT_SPEC
        given: dict[str, Any] = {name: each.get("default") for name, each in spec.items()}
        given |= {
            "cluster": "orders",
            "epoch": 2,
            "zookeeper_hosts": ZOOKEEPER,
            "zookeeper_root": root,
            "login_user": "altair",
            "login_password": PASSWORDS["altair"],
            "connect_timeout": 10.0,
            "read_timeout": 10.0,
            "return_timeout": 0.0,
            "accept_errant": True,  # what other tests have left on db2 alone nobody vouches for while db1 is down
        }
        return choose_candidate.run(given | other, check)

    return carry_out


def steps(lies: Look) -> list[str]:
    return [each["step"] for each in lies()["/job"][0]["steps"]]


def promoted(store: Store) -> None:
    begin_promotion(store, "orders", 2, "db1")
    append_step(store, read_record(store, "orders"), step("promote"), new_primary="db1")


@pytest.mark.parametrize("stands", ["before its promotion", "in it", "after it"])
def test_a_candidate_that_answers_stays(store: Store, lies: Look, choose: Choose, stands: str) -> None:
    if stands == "in it":
        begin_promotion(store, "orders", 2, "db1")
    elif stands == "after it":
        promoted(store)
    before, were = lies(), steps(lies)
    done = choose()
    assert (done["changed"], done["msg"]) == (False, "db1 was chosen already")
    assert lies()["/job"][0]["candidate"] == "db1"
    assert sorted(steps(lies)) == sorted(were)
    assert {name: lies().get(name) for name in ("/state", "/promotion")} == {
        name: before.get(name) for name in ("/state", "/promotion")
    }


def test_a_candidate_that_turns_us_away_lives_and_stays(lies: Look, choose: Choose) -> None:
    done = choose(login_password="wrong")
    assert done["msg"] == "db1 was chosen already"
    assert lies()["/job"][0]["candidate"] == "db1"


def test_before_its_promotion_another_is_chosen_and_what_was_done_for_the_dead_one_leaves_the_record(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    lab.host("db1").kill("mysqld")
    done = choose()
    job = lies()["/job"][0]
    assert (job["candidate"], job["epoch"], job["state"]) == ("db2", 2, "running")
    assert steps(lies) == [*BEFORE, "choose_candidate"]
    assert done["msg"].startswith("db1 was chosen before and does not answer (MySQL at ")
    evidence = job["steps"][-1]["evidence"]
    assert evidence["candidate"] == "db2"
    assert evidence["excluded"]["db1"].startswith("it cannot be reached: db1 was chosen before")
    assert list(evidence["forsaken"]) == ["db1"]
    assert evidence["salvaged_before"] == OLD_LOG
    assert "/promotion" not in lies()
    # A run that slept since it read the record does not promote the dead one, should that be back.
    with pytest.raises(StaleEpoch, match="has chosen db2, not db1; that one is not promoted by this run"):
        begin_promotion(store, "orders", 2, "db1")
    assert "/promotion" not in lies()


def test_check_mode_says_who_would_be_chosen_and_changes_nothing(lab: Lab, lies: Look, choose: Choose) -> None:
    lab.host("db1").kill("mysqld")
    before = lies()
    done = choose(check=True)
    assert done["evidence"]["candidate"] == "db2"
    assert lies() == before


def test_in_the_middle_of_its_promotion_nobody_else_is_chosen_without_proof_and_the_job_pauses(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    begin_promotion(store, "orders", 2, "db1")
    lab.host("db1").kill("mysqld")
    before = lies()
    assert choose(check=True)["msg"].startswith("the job would pause: the promotion of db1 has begun")
    assert lies() == before
    with pytest.raises(
        InvalidInput, match="operator_vouches_candidate names db2, the candidate of job orders-2 is db1"
    ):
        choose(operator_vouches_candidate="db2")
    assert lies()["/job"][0]["state"] == "running"
    with pytest.raises(Paused, match="altair_operator_vouches_candidate=db1"):
        choose()
    job = lies()["/job"][0]
    assert (job["state"], job["candidate"]) == ("paused", "db1")
    assert job["because"].startswith("the promotion of db1 has begun, it does not answer (MySQL at ")
    assert "db1 is not proven fenced by agent_word: no agent can be asked without agent_ca" in job["because"]
    assert lies()["/promotion"] == before["/promotion"]
    assert lies()["/state"] == before["/state"]


def test_a_persons_word_on_the_candidate_lets_another_be_chosen_and_forgets_the_promotion(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    begin_promotion(store, "orders", 2, "db1")
    lab.host("db1").kill("mysqld")
    done = choose(operator_vouches_candidate="db1")
    assert "db1 is fenced: an operator vouched that it can take no write" in done["msg"]
    assert lies()["/job"][0]["candidate"] == "db2"
    assert steps(lies) == [*BEFORE, "choose_candidate"]
    assert "/promotion" not in lies()


def test_where_nobody_else_can_be_promoted_the_job_may_be_given_up_once_the_dead_one_is_proven_to_take_no_write(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    begin_promotion(store, "orders", 2, "db1")
    for name in ("db1", "db2"):
        lab.host(name).kill("mysqld")
    with pytest.raises(Refused, match=r"no replica of orders can be promoted .*db2: it cannot be reached"):
        choose(operator_vouches_candidate="db1")
    after = lies()
    assert (after["/job"][0]["state"], after["/job"][0]["candidate"]) == ("running", "db1")
    assert steps(lies) == [*BEFORE, "choose_candidate", "salvage"]
    assert "/promotion" not in after
    intervene(store, wish(Wish.ABORTED), now_at=NOW)
    assert lies()["/state"][0] == {"epoch": 3, "primary": "old"}


def test_a_promotion_of_a_node_that_the_job_has_not_chosen_is_left_to_a_person(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    store.create(promotion_path("orders"), Promotion(job="orders-2", epoch=2, candidate="db2"))
    lab.host("db1").kill("mysqld")
    before = lies()
    with pytest.raises(Refused, match="says that job orders-2 promotes db2, but job orders-2 has chosen db1"):
        choose(operator_vouches_candidate="db1")
    after = lies()
    assert "promotes db2" in after["/job"][0].pop("trouble")
    before["/job"][0].pop("trouble")
    assert after["/job"][0] == before["/job"][0]
    assert after["/promotion"] == before["/promotion"]


def test_nobody_is_chosen_behind_the_back_of_one_that_was_promoted_and_a_person_ends_the_job(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    promoted(store)
    lab.host("db1").kill("mysqld")
    with pytest.raises(Refused, match="has begun or is done"):
        intervene(store, wish(Wish.ABORTED), now_at=NOW)
    with pytest.raises(Paused, match="db1 was promoted and does not answer"):
        choose(operator_vouches_candidate="db1")
    assert (lies()["/job"][0]["state"], lies()["/state"][0]) == ("paused", {"epoch": 2, "primary": "db1"})
    ended = intervene(store, wish(Wish.ABORTED), now_at=NOW)
    assert ended.sentence == (
        "job orders-2 is given up: db1 stays the primary by the record, and what was left is not done"
        " (switch_dns, repoint, disconnect_clients, account); replace it by a failover; inside the cool-down that takes"
        " altair_force"
    )
    after = lies()
    assert (after["/job"][0]["state"], after["/state"][0]) == ("aborted", {"epoch": 3, "primary": "db1"})
    assert "/promotion" not in after
    assert "/maintenance" not in after
    # What an ordinary failover begins with.
    job = open_job(store, read_record(store, "orders"), owner="operator:ann", because="it is dead", now_at=NOW)
    assert (job.old_primary, job.epoch, job.candidate) == ("db1", 4, None)


def test_a_new_primary_that_is_started_again_in_time_is_waited_for(
    lab: Lab, store: Store, lies: Look, choose: Choose
) -> None:
    promoted(store)
    lab.host("db1").kill("mysqld")
    supervisor = Timer(1.0, lambda: lab.host("db1").start("mysqld"))
    supervisor.start()
    done = choose(return_timeout=PATIENCE_SECONDS)
    supervisor.join()
    assert done["msg"] == "db1 was chosen already"
    assert lies()["/job"][0]["state"] == "running"


def wish(what: Wish) -> Request:
    return Request(cluster="orders", wish=what, by="operator:ann", reason="its disk is gone")
