"""What a person says to a job, in a real ZooKeeper: it holds by compare-and-set, or nothing has changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Policy, Team
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    Conflict,
    InvalidInput,
    Refused,
    StaleEpoch,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.intervention import Wish
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import TRANSITIONS, JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Notice
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Job,
    MonitoringPause,
    OrchestratorPresence,
    StepRecord,
    cluster_path,
    job_path,
    orchestrator_path,
    pause_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.interventions import (
    Intervention,
    Request,
    intervene,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    append_step,
    begin_promotion,
    current_job,
    end_job,
    open_job,
    read_record,
    take_over,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.fleet import Member, read_members
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.orchestrator.escalator import Escalator
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.test_permission_record import SPEC, decide
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab
from tests.unit.core.worlds import NOW

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
_roots = count(1)
TEAMED = replace(
    SPEC,
    teams=(Team(name="web", target="chat"), Team(name="billing")),
    policy=Policy(acknowledge_seconds_max=60.0, escalate_every_seconds=10.0),
)
ZNODES = ("", "/state", "/job", "/pause", "/maintenance", "/promotion", "/history/orders-2")


@pytest.fixture
def root() -> str:
    return f"/words/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    """Where a job of one cluster runs under epoch 2 and has paused the monitoring of the old primary."""
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        store.create(cluster_path("orders"), TEAMED)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)
        store.create(pause_path("orders"), MonitoringPause(job="orders-2", nodes=("db1",)))
        yield store


@pytest.fixture
def lies(lab: Lab, root: str) -> Iterator[Callable[[], dict[str, Any]]]:
    """Every znode of the cluster as it lies there, with its version, by the plain client."""
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)

    def look() -> dict[str, Any]:
        found = {}
        for name in ZNODES:
            try:
                raw, stat = client.get(f"{root}/clusters/orders{name}")
            except NoNodeError:
                continue
            found[name] = (json.loads(raw) if raw else None, stat.version)
        return found

    yield look
    client.stop()
    client.close()


Look = Callable[[], dict[str, Any]]


def pause(store: Store) -> Job:
    return end_job(store, read_record(store, "orders"), JobState.PAUSED, "nothing proves it", NOW)


def say(store: Store, wish: Wish, *, check: bool = False, **facts: Any) -> Intervention:
    given = {"by": "operator:ann", "reason": "she knows", "team": "web", **facts}
    return intervene(store, Request(cluster="orders", wish=wish, **given), now_at=NOW + 5, check=check)


def step(name: str, epoch: int = 2) -> StepRecord:
    return StepRecord(step=name, epoch=epoch, changed=True, sentence=name, evidence={}, finished_at=NOW, seconds=0.1)


def test_a_pause_puts_on_record_since_when_and_who_was_asked(store: Store, lies: Look) -> None:
    pause(store)
    job = lies()["/job"][0]
    assert (job["state"], job["paused_at"], job["acknowledgements"]) == ("paused", NOW, [])
    assert job["teams"] == [{"name": "web", "target": "chat"}, {"name": "billing", "target": None}]


def test_a_teams_answer_is_on_record_once_and_resumes_nothing(store: Store, lies: Look) -> None:
    pause(store)
    first = say(store, Wish.ACKNOWLEDGED)
    assert first.changed
    assert first.sentence == "team web has stopped writing, says operator:ann; still silent: billing"
    after = lies()
    assert after["/job"][0]["acknowledgements"] == [{"team": "web", "by": "operator:ann", "at": NOW + 5}]
    second = say(store, Wish.ACKNOWLEDGED, by="operator:bob")
    assert not second.changed
    assert second.sentence == "team web has acknowledged job orders-2 already"
    assert lies() == after
    assert say(store, Wish.ACKNOWLEDGED, team="billing").sentence.endswith("; every team has")
    assert lies()["/job"][0]["state"] == "paused"
    assert lies()["/state"] == after["/state"]


@pytest.mark.parametrize("wish", [Wish.RESUMED, Wish.FORCED])
def test_a_paused_job_goes_back_to_the_orchestrators_under_a_new_epoch_and_only_once(
    store: Store, lies: Look, wish: Wish
) -> None:
    pause(store)
    say(store, Wish.ACKNOWLEDGED)
    done = say(store, wish)
    assert done.changed
    after = lies()
    job = after["/job"][0]
    assert (job["state"], job["owner"], job["epoch"], job["paused_at"]) == ("running", "", 3, None)
    assert after["/state"][0] == {"epoch": 3, "primary": "db1"}
    assert [each["team"] for each in job["acknowledgements"]] == ["web"]
    word = {"by": "operator:ann", "reason": "she knows", "at": NOW + 5}
    assert job["operator_word"] == (word if wish is Wish.FORCED else None)
    again = say(store, wish)
    assert not again.changed
    assert "already" in again.sentence
    assert lies() == after
    with pytest.raises(StaleEpoch):
        current_job(read_record(store, "orders"), 2)


def test_what_a_person_vouched_for_stays_with_the_job_when_an_orchestrator_takes_it(store: Store, lies: Look) -> None:
    pause(store)
    say(store, Wish.FORCED)
    take_over(store, read_record(store, "orders"), owner="orc2", because="orc2 went on with it")
    job = lies()["/job"][0]
    assert (job["owner"], job["epoch"], job["operator_word"]["by"]) == ("orc2", 4, "operator:ann")


@pytest.mark.parametrize("paused", [False, True])
def test_a_job_that_is_given_up_ends_under_a_new_epoch_and_the_cluster_is_held(
    store: Store, lies: Look, paused: bool
) -> None:
    if paused:
        pause(store)
    slept = read_record(store, "orders")
    done = say(store, Wish.ABORTED)
    assert "db1 is left as it is, and nothing proves that it can take no write" in done.sentence
    after = lies()
    job = after["/job"][0]
    assert (job["state"], job["epoch"], job["because"]) == ("aborted", 3, "operator:ann gave it up: she knows")
    assert after["/history/orders-2"][0] == job
    assert after["/state"][0] == {"epoch": 3, "primary": "db1"}
    assert "/pause" not in after
    assert "/promotion" not in after
    (hold,) = after["/maintenance"][0]["entries"]
    assert (hold["node"], hold["until_at"], hold["by"]) == (None, NOW + 5 + 1800, "operator:ann")
    assert decide(store, now_at=NOW + 5 + 1799).maintenance is not None
    assert decide(store, now_at=NOW + 5 + 1800).maintenance is None
    # Whatever the old run still does is refused.
    with pytest.raises(StaleEpoch):
        append_step(store, slept, step("fence"))
    with pytest.raises(StaleEpoch):
        begin_promotion(store, "orders", 2, "db2")
    assert lies() == after
    again = say(store, Wish.ABORTED)
    assert not again.changed
    assert lies() == after


def test_a_longer_maintenance_is_not_shortened_and_none_is_announced_where_none_is_wanted(
    store: Store, lies: Look
) -> None:
    say(store, Wish.ABORTED, hold_minutes=60.0)
    announced = lies()["/maintenance"]
    open_job(store, read_record(store, "orders"), owner="orc1", because="forced", now_at=NOW)
    assert "announced already" in say(store, Wish.ABORTED, hold_minutes=30.0).sentence
    assert lies()["/maintenance"] == announced


def test_with_no_minutes_to_hold_another_job_may_be_opened_at_once(store: Store, lies: Look) -> None:
    assert say(store, Wish.ABORTED, hold_minutes=0.0).sentence.endswith("another job may be opened at once")
    assert "/maintenance" not in lies()
    assert decide(store, now_at=NOW + 6).maintenance is None


def test_a_job_whose_promotion_has_begun_is_not_given_up_whoever_read_the_record_before(
    store: Store, lies: Look
) -> None:
    append_step(store, read_record(store, "orders"), step("choose_candidate"), candidate="db2")
    slept = read_record(store, "orders")
    begin_promotion(store, "orders", 2, "db2")
    before = lies()
    assert before["/promotion"][0] == {"job": "orders-2", "epoch": 2, "candidate": "db2"}
    with pytest.raises(Refused, match="has begun or is done; the job has to go to its end"):
        say(store, Wish.ABORTED)
    with pytest.raises(Conflict):
        end_job(store, slept, JobState.ABORTED, "she slept", NOW)
    assert lies() == before


def test_a_promotion_is_begun_again_under_a_new_epoch_and_forgotten_when_the_job_is_done(
    store: Store, lies: Look
) -> None:
    append_step(store, read_record(store, "orders"), step("choose_candidate"), candidate="db3")
    begin_promotion(store, "orders", 2, "db3")
    take_over(store, read_record(store, "orders"), owner="orc2", because="orc1 is gone")
    begin_promotion(store, "orders", 3, "db3")
    assert lies()["/promotion"][0] == {"job": "orders-2", "epoch": 3, "candidate": "db3"}
    append_step(store, read_record(store, "orders"), step("promote"), candidate="db3", new_primary="db3")
    with pytest.raises(Refused, match="has to go to its end"):
        say(store, Wish.ABORTED)
    end_job(store, read_record(store, "orders"), JobState.DONE, "db3 is primary", NOW)
    assert "/promotion" not in lies()


def test_a_wish_that_is_refused_or_only_tried_changes_nothing(store: Store, lies: Look) -> None:
    before = lies()
    refused: list[tuple[type[AltairError], Wish, dict[str, Any]]] = [
        (Refused, Wish.FORCED, {}),
        (Refused, Wish.ACKNOWLEDGED, {}),
        (Refused, Wish.ABORTED, {"job": "orders-1"}),
        (InvalidInput, Wish.ABORTED, {"reason": ""}),
    ]
    for error, wish, facts in refused:
        with pytest.raises(error):
            say(store, wish, **facts)
    assert lies() == before
    pause(store)
    before = lies()
    with pytest.raises(Refused, match="asks no team 'x'; it asks: web, billing"):
        say(store, Wish.ACKNOWLEDGED, team="x")
    for wish in Wish:
        tried = say(store, wish, check=True)
        assert tried.changed
        assert lies() == before
    store.create(cluster_path("stock"), replace(TEAMED, cluster="stock"))
    store.create(state_path("stock"), ClusterState(epoch=1, primary="db1"))
    with pytest.raises(Refused, match="cluster stock has no job"):
        intervene(store, Request(cluster="stock", wish=Wish.RESUMED, by="ann"), now_at=NOW)


@pytest.mark.parametrize("wish", list(Wish))
def test_what_check_mode_shows_is_what_comes_of_it(store: Store, wish: Wish) -> None:
    pause(store)
    tried, done = say(store, wish, check=True), say(store, wish)
    assert tried == done


def test_every_way_of_the_lifecycle_is_taken_by_what_is_there(store: Store) -> None:
    taken = set()

    def went(act: Callable[[], object]) -> None:
        before = read_record(store, "orders").job
        act()
        after = read_record(store, "orders").job
        assert before is not None
        assert after is not None
        taken.add((before.value.state, after.value.state))

    def reopen() -> None:
        open_job(store, read_record(store, "orders"), owner="orc1", because="it is dead", now_at=NOW)

    went(lambda: take_over(store, read_record(store, "orders"), owner="orc2", because="orc1 is gone"))
    went(lambda: pause(store))
    went(lambda: say(store, Wish.RESUMED))
    went(lambda: say(store, Wish.ABORTED))
    reopen()
    went(lambda: pause(store))
    went(lambda: say(store, Wish.ABORTED))
    reopen()
    went(lambda: end_job(store, read_record(store, "orders"), JobState.DONE, "every step holds", NOW))
    assert taken == {(each.source, each.target) for each in TRANSITIONS}


class Desks:
    """Orchestrators that are on record, each with what it has told; ``look`` lets all of them look at one moment."""

    def __init__(self, store: Store, *names: str) -> None:
        self._store = store
        self.told: dict[str, list[Notice]] = {name: [] for name in names}
        self._members: dict[str, Member] = {}
        self._at = NOW
        for name in names:
            store.create(orchestrator_path(name), OrchestratorPresence(name=name), ephemeral=True)
        self._all = {name: self._escalator(name) for name in names}

    def _escalator(self, name: str) -> Escalator:
        return Escalator(name, self._store, self._members, self.told[name].append, lambda: self._at)

    def restart(self, name: str) -> None:
        self._all[name] = self._escalator(name)

    def die(self, name: str) -> None:
        self._store.delete(orchestrator_path(name))
        del self._all[name]

    def look(self, seconds: float) -> None:
        (member,) = read_members(self._store, ["orders"])
        assert isinstance(member, Member)
        self._members["orders"], self._at = member, NOW + seconds
        for each in self._all.values():
            asyncio.run(each.look())

    def numbers(self) -> dict[str, list[str]]:
        """The beginnings of what each has told."""
        return {name: [each.sentence.partition(":")[0] for each in told] for name, told in self.told.items()}


def test_exactly_one_orchestrator_tells_again_of_a_paused_job_until_all_teams_have_answered(store: Store) -> None:
    pause(store)
    desks = Desks(store, "orc1", "orc2", "orc3")
    for seconds in (0, 59, 60, 61, 69, 70):
        desks.look(seconds)
    (teller,) = [name for name, told in desks.told.items() if told]
    assert desks.numbers()[teller] == ["reminder 1", "reminder 2"]
    assert desks.told[teller][0].to == ("chat",)
    say(store, Wish.ACKNOWLEDGED)
    desks.look(80)
    assert "still silent: billing;" in desks.told[teller][-1].sentence
    assert desks.told[teller][-1].to == ()
    say(store, Wish.ACKNOWLEDGED, team="billing")
    desks.look(90)
    assert desks.numbers() == {
        name: ["reminder 1", "reminder 2", "reminder 3"] if name == teller else [] for name in desks.told
    }


def test_who_is_restarted_or_takes_the_telling_over_repeats_one_reminder(store: Store) -> None:
    pause(store)
    desks = Desks(store, "orc1", "orc2")
    desks.look(100)
    (teller,) = [name for name, told in desks.told.items() if told]
    (other,) = set(desks.told) - {teller}
    assert desks.numbers()[teller] == ["reminder 5"]
    desks.restart(teller)
    for seconds in (101, 102, 110):
        desks.look(seconds)
    assert desks.numbers()[teller] == ["reminder 5", "reminder 5", "reminder 6"]
    assert desks.numbers()[other] == []
    desks.die(teller)
    for seconds in (111, 112, 120):
        desks.look(seconds)
    assert desks.numbers()[other] == ["reminder 6", "reminder 7"]


def test_an_orchestrator_that_is_not_on_record_tells_nothing(store: Store) -> None:
    pause(store)
    desks = Desks(store, "orc1")
    store.delete(orchestrator_path("orc1"))
    desks.look(100)
    assert desks.told["orc1"] == []
    assert store.read(job_path("orders"), Job) is not None
