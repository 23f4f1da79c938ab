"""What forbids a failover, proved by every small situation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import BLOCKERS, Situation, blockers
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import RULES
from tests.unit.core.worlds import COOL_DOWN, NOW, job, situation, situations

VERDICT, SUSPICION, JOB, NOBODY, COOLING = (row.because for row in BLOCKERS)


def expected(now: Situation) -> set[str]:
    """The reasons, worked out by hand."""
    reasons = set()
    if now.verdict not in [rule for rule in RULES if rule.actionable]:
        reasons.add(VERDICT)
    if now.suspicion.epoch != now.state.epoch or now.suspicion.primary != now.state.primary:
        reasons.add(SUSPICION)
    if now.replicas_answering < 1:
        reasons.add(NOBODY)
    last = now.last_job
    if last and last.state in (JobState.RUNNING, JobState.PAUSED):
        reasons.add(JOB)
    if last and last.ended_at is not None and NOW - COOL_DOWN < last.ended_at <= NOW:
        reasons.add(COOLING)
    return reasons


def test_every_reason_that_holds_is_named_and_no_other() -> None:
    for now in situations():
        assert set(blockers(now)) == expected(now)


def test_every_blocker_forbids_a_failover_alone_somewhere() -> None:
    alone = {reasons[0] for reasons in map(blockers, situations()) if len(reasons) == 1}
    assert alone == {row.because for row in BLOCKERS}


def test_every_blocker_says_a_sentence_of_its_own() -> None:
    assert len({row.because for row in BLOCKERS}) == len(BLOCKERS)


def test_reasons_come_in_the_tables_order() -> None:
    order = [row.because for row in BLOCKERS]
    for now in situations():
        assert list(blockers(now)) == sorted(blockers(now), key=order.index)


def test_a_dead_primary_of_a_quiet_cluster_may_be_failed_over() -> None:
    assert blockers(situation()) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.because)
def test_permission_follows_the_verdicts_own_word(rule: object) -> None:
    now = next(replace(situation(), verdict=each) for each in RULES if each is rule)
    assert (VERDICT in blockers(now)) is not now.verdict.actionable


def test_the_cool_down_ends_to_the_second() -> None:
    assert blockers(situation(last_job=job(ended_at=NOW - COOL_DOWN + 0.001))) == (COOLING,)
    assert blockers(situation(last_job=job(ended_at=NOW - COOL_DOWN))) == ()


def test_a_clock_that_lags_behind_the_one_that_ended_the_job_does_not_skip_the_cool_down() -> None:
    assert blockers(situation(last_job=job(ended_at=NOW + 2.0))) == (COOLING,)


def test_a_job_dated_far_in_the_future_does_not_forbid_failovers_for_ever() -> None:
    assert blockers(situation(last_job=job(ended_at=NOW + COOL_DOWN))) == ()


def test_a_paused_job_still_holds_the_cluster() -> None:
    assert blockers(situation(last_job=job(JobState.PAUSED, None))) == (JOB,)
