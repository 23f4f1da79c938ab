"""A monitor's judgement of one node, proved by every small record."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import (
    HEALTH_RULES,
    MISSED_BEATS_MAX,
    Health,
    NodeRecord,
    judge_node,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    LeaseState,
    Observation,
    ProcessState,
    Reach,
)
from tests.unit.core.worlds import node_records, record


def less_known(node: NodeRecord) -> list[NodeRecord]:
    """The same record with one of its answers taken away."""
    poorer = [replace(node, last=None)]
    if node.last:
        poorer += [replace(node, last=replace(node.last, process=ProcessState.UNKNOWN))]
        poorer += [replace(node, last=replace(node.last, reach=Reach.UNKNOWN))]
    return poorer


def test_every_row_wins_somewhere() -> None:
    won = {HEALTH_RULES.index(judge_node(node)) for node in node_records()}
    assert won == set(range(len(HEALTH_RULES)))


def test_every_row_says_a_sentence_of_its_own() -> None:
    assert len({rule.because for rule in HEALTH_RULES}) == len(HEALTH_RULES)


def test_every_health_of_the_vocabulary_is_given_by_some_row() -> None:
    assert {rule.health for rule in HEALTH_RULES} == set(Health)


def test_knowing_less_never_makes_a_node_suspicious() -> None:
    for node in node_records():
        if not judge_node(node).suspicious:
            assert not any(judge_node(poorer).suspicious for poorer in less_known(node))


def test_a_sentence_says_that_mysqld_runs_only_where_somebody_knows_it() -> None:
    for node in node_records():
        if "mysqld runs" in judge_node(node).because:
            assert node.process is ProcessState.RUNNING or node.reach is Reach.REACHED


@pytest.mark.parametrize("silence_beats", [3.0, 3.5, 30.0])
def test_three_missing_reports_are_a_silent_host_whatever_the_last_one_said(silence_beats: float) -> None:
    for node in node_records():
        assert judge_node(replace(node, silence_beats=silence_beats)).health is Health.HOST_SILENT


def test_less_than_three_missing_reports_are_no_silence() -> None:
    short = [node for node in node_records() if node.silence_beats < MISSED_BEATS_MAX]
    assert short
    assert Health.HOST_SILENT not in {judge_node(node).health for node in short}


def test_an_exit_is_suspicious_at_once() -> None:
    assert judge_node(record(ProcessState.EXITED, Reach.REFUSED)).health is Health.MYSQLD_EXITED
    assert judge_node(record(ProcessState.EXITED, Reach.REFUSED)).suspicious


def test_a_server_that_turns_its_agent_away_is_not_suspicious() -> None:
    rule = judge_node(record(ProcessState.RUNNING, Reach.DUBIOUS))
    assert (rule.health, rule.suspicious) == (Health.MYSQLD_DUBIOUS, False)


@pytest.mark.parametrize("reach", [Reach.REFUSED, Reach.TIMED_OUT])
def test_a_running_server_that_does_not_answer_its_own_agent_hangs(reach: Reach) -> None:
    assert judge_node(record(ProcessState.RUNNING, reach)).health is Health.MYSQLD_HUNG


def unanswered() -> list[tuple[NodeRecord, Observation]]:
    """Every node that reports in time, and that its mysqld has not answered in time."""
    return [
        (node, node.last)
        for node in node_records()
        if node.last
        and node.silence_beats < MISSED_BEATS_MAX
        and node.last.reach is Reach.TIMED_OUT
        and node.last.process is not ProcessState.EXITED
    ]


def test_an_overloaded_server_is_never_suspected_before_the_deadline_and_always_after_it() -> None:
    before: set[tuple[Health, bool]] = set()
    after: set[tuple[Health, bool]] = set()
    for node, last in unanswered():
        if last.working and last.unanswered_seconds is not None and last.lease is not LeaseState.FENCED:
            in_time = last.unanswered_seconds < node.overload_seconds_max
            (before if in_time else after).add((judge_node(node).health, judge_node(node).suspicious))
    assert before == {(Health.MYSQLD_OVERLOADED, False)}
    assert after == {(Health.MYSQLD_HUNG, True)}


def test_a_server_that_does_not_work_or_of_which_nobody_can_tell_hangs_at_once() -> None:
    found = {judge_node(node).health for node, last in unanswered() if not last.working}
    assert found == {Health.MYSQLD_HUNG}


def test_a_server_that_its_agent_has_fenced_is_given_no_time() -> None:
    fenced = {judge_node(node).suspicious for node, last in unanswered() if last.lease is LeaseState.FENCED}
    assert fenced == {True}


def test_only_an_answer_that_is_late_can_be_overload() -> None:
    for node in node_records():
        if judge_node(node).health is Health.MYSQLD_OVERLOADED:
            assert node.reach is Reach.TIMED_OUT


@pytest.mark.parametrize("beats", [1.5, 2.0, 600.0])
def test_a_primary_that_three_reports_show_read_only_is_suspicious(beats: float) -> None:
    rule = judge_node(record(primary=True, read_only_beats=beats))
    assert (rule.health, rule.suspicious) == (Health.PRIMARY_READ_ONLY, True)


@pytest.mark.parametrize("beats", [None, 0.0, 1.0, 1.499])
def test_a_primary_that_two_reports_show_read_only_is_healthy_still(beats: float | None) -> None:
    assert judge_node(record(primary=True, read_only_beats=beats)).health is Health.HEALTHY


def test_a_replica_is_never_suspected_of_being_read_only() -> None:
    assert not any(judge_node(node).health is Health.PRIMARY_READ_ONLY for node in node_records() if not node.primary)


def test_a_node_that_runs_and_answers_is_healthy() -> None:
    assert judge_node(record()).health is Health.HEALTHY


def test_every_reach_shows_life_or_denies_it_or_is_unknown_and_never_two_of_them() -> None:
    for reach in Reach:
        assert [reach.shows_life, reach.denies_life, reach is Reach.UNKNOWN].count(True) == 1
