"""What a failover would come to: who, whether, for how long, and what would be lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import (
    ClusterSpec,
    Dns,
    Node,
    Policy,
    UnprovenFence,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.failover_plan import (
    DEADLINES_SECONDS,
    FENCE_DOUBTS,
    GAP,
    HOLD_UPS,
    LOSSES,
    NOBODY_ACTS,
    STEPS_SECONDS,
    FailoverPlan,
    Foretold,
    foresee,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.failover_plan_text import headline, plan_lines
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.foresight import (
    Case,
    Death,
    Follower,
    Sight,
    case_of,
    snapshot_of,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GTIDS_SHOWN_MAX, GtidSet, shortened
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import LeaseState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import Situation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.topology import Replica
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Verdict, judge
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Voters
from tests.unit.core.worlds import MAINTENANCE, UUID_A, contender, situation

SPEC = ClusterSpec(
    cluster="orders",
    nodes=tuple(Node(name=f"db{number}", address=f"10.0.0.{number}") for number in (1, 2, 3)),
    dns=Dns(name="p.example.com", zone="example.com", servers=("10.0.0.9",)),
)
VOTERS = Voters(primary="db1", version=1, names=("db2", "db3"))


def gtids(text: str) -> GtidSet:
    return GtidSet.parse(f"{UUID_A}:{text}") if text else GtidSet()


def follower(name: str, held: str = "1-10", executed: str = "", lag: float | None = 0.0, **facts: Any) -> Follower:
    """A replica that has received ``held`` and applied ``executed`` (all of it unless it is given)."""
    one = contender(name, f"{UUID_A}:{executed or held}", held=gtids(held), **facts)
    return Follower(contender=one, lag_seconds=lag)


def sight(*followers: Follower, **facts: Any) -> Sight:
    """A cluster where all is well, with two replicas that have all that db1 has."""
    usual: dict[str, Any] = {
        "spec": SPEC,
        "primary": "db1",
        "epoch": 7,
        "executed": gtids("1-10"),
        "semi_synchronous": False,
        "agent_answers": True,
        "lease": LeaseState.HELD,
        "voters": VOTERS,
        "agents": ("db2", "db3"),
        "followers": {one.contender.name: one for one in followers or (follower("db2"), follower("db3"))},
        "topology": tuple(Replica(name=name, reachable=True, source="db1", connected=True) for name in ("db2", "db3")),
        "beat_seconds": 10.0,
        "monitors": 2,
        "orchestrators": 2,
    }
    return Sight(**{**usual, **facts})


def plan(now: Sight, **facts: Any) -> FailoverPlan:
    rules = {death: judge(snapshot_of(death, now)) for death in Death}
    situations: dict[Death, Situation] = {
        death: situation(verdict=rules[death].verdict, salvageable=now.told_of(death), **facts) for death in Death
    }
    return foresee(now, rules, situations)


def both(now: Sight, **facts: Any) -> tuple[Foretold, Foretold]:
    mysqld, host = plan(now, **facts).cases
    assert (mysqld.death, host.death) == (Death.MYSQLD, Death.HOST)
    return mysqld, host


def case(now: Sight, death: Death) -> Case:
    rule = judge(snapshot_of(death, now))
    return case_of(death, now, situation(verdict=rule.verdict), rule.because)


STUCK = {"applier_error": "a duplicate key"}
# What makes each row of the tables the one that tells.
SIGHTS: dict[str, Sight] = {
    "well": sight(),
    "behind": sight(follower("db2", "1-8"), follower("db3", "1-7")),
    "behind, semi-synchronous": sight(follower("db2", "1-8"), follower("db3", "1-7"), semi_synchronous=True),
    "lagging": sight(follower("db2", "1-10", "1-4", 12.0), follower("db3", "1-10", "1-9", 2.0)),
    "of unknown lag": sight(follower("db2", "1-10", "1-4", None), follower("db3", "1-10", "1-9", 2.0)),
    "fed": sight(follower("db2", "1-8"), follower("db3", allowed=False)),
    "nobody": sight(follower("db2", allowed=False), follower("db3", delay_seconds=60)),
    "silent primary": sight(executed=None, fault="no route", agent_answers=False),
    "silent agent": sight(agent_answers=False, lease=LeaseState.NONE),
    "unguarded": sight(lease=LeaseState.NONE),
    "silent voters": sight(agents=("db3",)),
    "no voters on record": sight(voters=None),
    "voters in doubt": sight(voters=replace(VOTERS, former=())),
    "nobody watches": sight(monitors=0, orchestrators=0),
}
CASES = [case(now, death) for now in SIGHTS.values() for death in Death]


def test_where_all_is_well_nothing_forbids_a_failover_and_nothing_is_lost() -> None:
    for told in both(SIGHTS["well"]):
        assert (told.forbidden, told.held_up, told.risks) == ((), (), ())
        assert (told.loss.transactions, told.loss.gtids) == (0, "")
        assert told.candidate == "db2"


def test_each_death_is_concluded_by_the_rules_of_a_screening() -> None:
    mysqld, host = both(SIGHTS["well"])
    assert (mysqld.verdict, host.verdict) == (Verdict.DEAD_PRIMARY, Verdict.LOST_PRIMARY)


def test_every_row_of_the_tables_tells_somewhere() -> None:
    assert {row for one in CASES for row in GAP if row.applies(one)} == set(GAP)
    assert {next(row for row in LOSSES if row.matches(one)) for one in CASES} == set(LOSSES)
    for table in (NOBODY_ACTS, HOLD_UPS):
        assert {row for one in CASES for row in table if row.matches(one)} == set(table)
    doubts = (next((row for row in FENCE_DOUBTS if row.matches(one)), None) for one in CASES)
    assert {row for row in doubts if row is not None} == set(FENCE_DOUBTS)


def test_every_sentence_of_every_case_can_be_written() -> None:
    for now in SIGHTS.values():
        told = plan(now)
        assert "{" not in " ".join([headline(told), *plan_lines(told)])


def test_a_dead_mysqld_costs_the_steps_and_a_dead_host_three_beats_and_its_deadlines_besides() -> None:
    mysqld, host = both(SIGHTS["well"])
    assert mysqld.gap.seconds == STEPS_SECONDS
    assert host.gap.seconds == pytest.approx(STEPS_SECONDS + DEADLINES_SECONDS + 30.0)
    assert (mysqld.gap.besides, host.gap.besides) == ((), ())


def test_where_nobody_knows_the_beat_it_is_three_beats() -> None:
    _mysqld, host = both(sight(beat_seconds=None))
    assert host.gap.sentence == f"three beats and about {STEPS_SECONDS + DEADLINES_SECONDS:.1f} s"


def test_what_replicas_have_still_to_apply_comes_on_top_and_the_slowest_counts() -> None:
    mysqld, host = both(SIGHTS["lagging"])
    well, gone = both(SIGHTS["well"])
    assert mysqld.gap.seconds - well.gap.seconds == pytest.approx(12.0)
    assert host.gap.seconds - gone.gap.seconds == pytest.approx(12.0)
    (span,) = [each for each in mysqld.gap.spans if each.part == "apply"]
    assert "db2 lags most" in span.because


@pytest.mark.parametrize("flaw", [{"delay_seconds": 60}, STUCK], ids=["delayed", "stuck"])
def test_who_is_not_waited_for_does_not_count_and_is_not_chosen(flaw: dict[str, Any]) -> None:
    now = sight(follower("db2", "1-10", "1-4", 99.0, **flaw), follower("db3"))
    told = plan(now)
    assert told.cases[0].gap.seconds == STEPS_SECONDS
    assert told.choice.name == "db3"
    assert list(told.passed_over) == ["db2"]


def test_one_that_could_not_apply_in_time_is_waited_for_as_long_as_the_policy_says_and_not_chosen() -> None:
    spec = replace(SPEC, policy=Policy(catch_up_seconds_max=20.0))
    told = plan(sight(follower("db2", "1-10", "1-4", 99.0), follower("db3", "1-9"), spec=spec))
    assert told.choice.name == "db3"
    assert told.passed_over["db2"] == "it has received transactions that it has not applied"
    assert told.cases[0].gap.seconds == 20.0 + STEPS_SECONDS


def test_a_lag_that_a_server_cannot_tell_is_said_and_not_taken_for_none() -> None:
    mysqld, _host = both(SIGHTS["of unknown lag"])
    assert mysqld.gap.sentence.startswith("what db2 takes to apply what it has received, which it cannot tell and")


def test_the_one_that_would_be_ahead_once_it_has_applied_what_it_received_is_chosen() -> None:
    told = plan(sight(follower("db2", "1-8"), follower("db3", "1-10", "1-4", 3.0)))
    assert told.choice.name == "db3"
    assert told.passed_over == {
        "db2": "it could be promoted, too, but db3 goes before it: it lacks fewer of the transactions that a live"
        " replica has"
    }


def test_where_all_is_equal_the_zone_and_then_the_name_decides_and_that_is_said() -> None:
    assert plan(sight()).passed_over["db3"].endswith("all else is equal, and its name comes first")
    zones = {"db1": "north", "db2": "south", "db3": "north"}
    spec = replace(SPEC, nodes=tuple(replace(node, zone=zones[node.name]) for node in SPEC.nodes))
    told = plan(sight(follower("db2", zone="south"), follower("db3", zone="north"), spec=spec))
    assert (told.choice.name, list(told.passed_over)) == ("db3", ["db2"])
    assert told.passed_over["db2"].endswith("it stands in the old primary's zone")


def test_what_no_replica_has_received_is_lost_with_the_host_and_salvaged_from_a_dead_mysqld() -> None:
    mysqld, host = both(SIGHTS["behind"])
    assert (mysqld.loss.transactions, host.loss.transactions) == (0, 2)
    assert host.loss.gtids == f"{UUID_A}:9-10"
    assert f"2 transactions that db2 would not have ({UUID_A}:9-10)" in host.loss.sentence
    assert "clients may have been told" in host.loss.sentence


def test_with_a_silent_agent_a_dead_mysqld_loses_and_lasts_what_a_dead_host_does() -> None:
    mysqld, host = both(replace(SIGHTS["behind"], agent_answers=False))
    assert mysqld.loss == host.loss
    assert mysqld.gap.seconds == pytest.approx(host.gap.seconds - DEADLINES_SECONDS)
    assert "its agent does not answer now" in mysqld.held_up[0]


def test_with_semi_synchronous_replication_nobody_was_told_of_what_is_lost() -> None:
    _mysqld, host = both(SIGHTS["behind, semi-synchronous"])
    assert host.loss.transactions == 2
    assert "none of which a client was told of" in host.loss.sentence


def test_what_a_replica_has_received_is_not_lost_though_nobody_has_applied_it() -> None:
    _mysqld, host = both(sight(follower("db2", "1-10", "1-2", 5.0), follower("db3", "1-2")))
    assert host.loss.transactions == 0


def test_what_only_a_replica_that_is_not_promoted_has_received_is_not_lost_and_takes_its_time() -> None:
    told = plan(SIGHTS["fed"])
    assert told.choice.name == "db2"
    assert [case.loss.transactions for case in told.cases] == [0, 0]
    assert "what db2 takes to get what another replica has" in told.cases[0].gap.besides


def test_what_a_replica_has_that_cannot_give_it_counts_as_lost() -> None:
    now = sight(follower("db2", "1-8"), follower("db3", allowed=False, filters=("Replicate_Do_DB app",)))
    _mysqld, host = both(now)
    assert host.loss.gtids == f"{UUID_A}:9-10"


@pytest.mark.parametrize("primary", range(1, 5))
def test_of_replicas_that_are_all_well_what_none_has_received_is_lost_and_nothing_else(primary: int) -> None:
    reach = range(1, primary + 1)
    for two, three in product([(held, done) for held in reach for done in reach if done <= held], repeat=2):
        names = zip(("db2", "db3"), (two, three), strict=True)
        now = sight(
            *(follower(name, f"1-{held}", f"1-{done}", 1.0) for name, (held, done) in names),
            executed=gtids(f"1-{primary}"),
        )
        lost = set(range(1, primary + 1)) - set(range(1, max(two[0], three[0]) + 1))
        _mysqld, host = both(now)
        assert host.loss.transactions == len(lost)
        assert GtidSet.parse(host.loss.gtids) == (gtids(f"{min(lost)}-{max(lost)}") if lost else GtidSet())


def test_what_a_primary_has_that_does_not_answer_nobody_can_tell() -> None:
    for told in both(SIGHTS["silent primary"]):
        assert told.loss.transactions is None
        assert "could not be asked" in told.loss.sentence


def test_what_forbids_a_failover_is_said_with_its_numbers_and_whether_a_persons_word_is_enough() -> None:
    for told in both(sight(), maintenance=MAINTENANCE, cool_down_seconds_left=30.0):
        assert told.forbidden == (
            "it is in maintenance (the cluster, by operator:x: a new switch)",
            "the cluster failed over a short while ago and its cool-down still holds (30 s are left)",
        )
        assert told.yields
        assert told.sentence.startswith("nobody would be promoted without a person: it is in maintenance")
    assert not both(sight(), job_open=True)[0].yields


def test_with_too_few_voters_a_dead_host_is_uncertain_and_a_dead_mysqld_is_not() -> None:
    mysqld, host = both(SIGHTS["silent voters"])
    assert (mysqld.forbidden, mysqld.held_up) == ((), ())
    assert host.verdict is Verdict.UNCERTAIN
    assert host.forbidden == ("too few of the replicas that vote on the primary's lease say that they cannot reach it",)
    assert "of db2, db3 1 answer, 2 have to" in host.held_up[0]


def test_without_daemons_on_record_nobody_would_notice_or_act() -> None:
    for told in both(SIGHTS["nobody watches"]):
        assert [each.split(",", maxsplit=1)[0] for each in told.forbidden] == [
            "no monitor is on record",
            "no orchestrator is on record",
        ]
        assert not told.yields  # there is nothing that a person would have to overrule


def test_a_fence_without_proof_pauses_or_is_a_risk_as_the_owners_chose() -> None:
    _mysqld, host = both(SIGHTS["unguarded"])
    assert "the job pauses until a person vouches" in host.held_up[0]
    assert host.risks == ()
    promoting = replace(SPEC, policy=Policy(unproven_fence=UnprovenFence.PROMOTE))
    _mysqld, host = both(replace(SIGHTS["unguarded"], spec=promoting))
    assert host.held_up == ()
    assert "two nodes may take writes" in host.risks[0]


def test_where_nobody_can_be_promoted_every_reason_is_said() -> None:
    told = plan(SIGHTS["nobody"])
    assert told.choice.name is None
    reasons = "db2: its owners marked it as not a candidate; db3: it is delayed on purpose: 60 s"
    for each in told.cases:
        assert each.held_up[0] == f"no replica could be promoted ({reasons})"
        assert each.loss.transactions is None


def test_afterwards_who_followed_the_old_primary_follows_the_new_one_and_a_cascading_replica_stays() -> None:
    spec = replace(SPEC, nodes=(*SPEC.nodes, Node(name="db4", address="10.0.0.4")))
    sources = {"db2": "db1", "db3": "db1", "db4": "db3"}
    topology = tuple(
        Replica(name=name, reachable=True, source=source, connected=True) for name, source in sources.items()
    )
    now = sight(spec=spec, topology=topology)
    assert now.sources == sources
    assert now.sources_after("db2") == {"db3": "db2", "db4": "db3"}
    assert now.sources_after("db3") == {"db2": "db3", "db4": "db3"}


def test_the_report_names_the_candidate_every_step_and_that_it_is_a_look_at_one_moment() -> None:
    lines = plan_lines(plan(sight()))
    assert lines[0] == "orders: db1 is primary under epoch 7, and it answers"
    assert lines[1] == "candidate: db2: db2 has every transaction that any live replica has"
    words = " ".join(" ".join(lines).split())
    assert all(f"{step.name} {step.does}" in words for step in FAILOVER)
    assert lines[-1].startswith("a look at one moment: db1 was asked first")
    assert "semi-synchronous replication is off" in words


def test_the_report_says_of_a_gap_whether_something_is_in_the_way() -> None:
    free, barred = (" ".join(plan_lines(plan(sight(), job_open=job_open))) for job_open in (False, True))
    assert "if nothing were in the way" not in free
    assert barred.count("if nothing were in the way") == 2


def test_the_report_obeys_nothing_that_others_wrote() -> None:
    now = sight(follower("db2", reachable=False, detail="\x1b[2J\nno route"), follower("db3"), suspected="\x07")
    assert all(line.isprintable() for line in plan_lines(plan(now)))


def test_a_long_gtid_set_is_shortened_for_people_and_a_short_one_is_not() -> None:
    long = gtids(":".join(str(number) for number in range(1, 400, 2)))
    assert shortened(gtids("1-5")) == f"{UUID_A}:1-5"
    assert shortened(long) == f"{str(long)[:GTIDS_SHOWN_MAX]}..."
