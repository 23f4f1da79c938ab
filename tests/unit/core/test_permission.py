"""What forbids a failover, proved by every small situation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import (
    BLOCKERS,
    Situation,
    blockers,
    blockers_in_detail,
    cool_down_seconds_left,
    would_yield,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Verdict
from tests.unit.core.worlds import MAINTENANCE, NOW, situation, situations

VERDICT, SUSPICION, JOB, NOBODY, QUORUM, MAINTAINED, COOLING, LAG, LOSS, FLEET = (row.because for row in BLOCKERS)
COOL_DOWN = 600.0
LOSING = ((101, None), (1, 0), (None, 5))


def unforced(now: Situation) -> set[str]:
    """The reasons that a person's word does not touch, worked out by hand."""
    reasons = set()
    if now.verdict is Verdict.FALSE_ALARM or (now.verdict is Verdict.UNCERTAIN and not now.forced):
        reasons.add(VERDICT)
    if not now.suspicion_current:
        reasons.add(SUSPICION)
    if now.job_open:
        reasons.add(JOB)
    if now.promotable < 1:
        reasons.add(NOBODY)
    return reasons


def forcible(now: Situation) -> set[str]:
    reasons = set()
    if now.quorum_min == 3:
        reasons.add(QUORUM)
    if now.maintenance:
        reasons.add(MAINTAINED)
    if now.cool_down_seconds_left:
        reasons.add(COOLING)
    if now.lag_seconds_max == 7.0 and now.lag_seconds != 7.0:
        reasons.add(LAG)
    if (now.transactions_missing, now.transactions_missing_max) in LOSING and not now.salvageable:
        reasons.add(LOSS)
    if now.primaries_troubled == 4:
        reasons.add(FLEET)
    return reasons


def test_every_reason_that_holds_is_named_and_no_other_and_a_persons_word_removes_only_what_yields() -> None:
    for now in situations():
        assert set(blockers(now)) == unforced(now) | (set() if now.forced else forcible(now))


def test_every_blocker_forbids_a_failover_alone_somewhere() -> None:
    alone = {reasons[0] for reasons in map(blockers, situations()) if len(reasons) == 1}
    assert alone == {row.because for row in BLOCKERS}


def test_every_blocker_says_a_sentence_of_its_own() -> None:
    assert len({row.because for row in BLOCKERS}) == len(BLOCKERS)


def test_reasons_come_in_the_tables_order_with_and_without_their_numbers() -> None:
    order = [row.because for row in BLOCKERS]
    for now in situations()[::7]:
        found = blockers(now)
        assert list(found) == sorted(found, key=order.index)
        told = blockers_in_detail(now)
        assert len(told) == len(found)
        assert all(long.startswith(short) for long, short in zip(told, found, strict=True))


def test_a_dead_primary_of_a_quiet_cluster_may_be_failed_over() -> None:
    assert blockers(situation()) == ()


@pytest.mark.parametrize("verdict", Verdict)
def test_permission_follows_the_verdicts_own_word(verdict: Verdict) -> None:
    assert (VERDICT in blockers(situation(verdict=verdict))) is not verdict.actionable


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict.refutes])
def test_a_primary_that_answers_is_never_failed_over_forced_or_not(verdict: Verdict) -> None:
    assert blockers(situation(verdict=verdict, forced=True)) == (VERDICT,)
    assert not would_yield(situation(verdict=verdict))


def test_it_is_told_when_a_persons_word_would_be_enough() -> None:
    assert would_yield(situation(verdict=Verdict.UNCERTAIN, maintenance=MAINTENANCE, primaries_troubled=9))
    assert not would_yield(situation(maintenance=MAINTENANCE, job_open=True))
    assert not would_yield(situation(promotable=0))


def test_details_are_the_numbers_that_a_person_needs() -> None:
    now = situation(
        maintenance=MAINTENANCE, cool_down_seconds_left=12.3, primaries_troubled=7, nodes_live=1, quorum_min=2
    )
    assert blockers_in_detail(now) == (
        f"{QUORUM} (1 live, quorum_min is 2)",
        f"{MAINTAINED} (the cluster, by operator:x: a new switch)",
        f"{COOLING} (12 s are left)",
        f"{FLEET} (7 of at most 3)",
    )


def test_a_limit_that_cannot_be_checked_is_not_kept() -> None:
    assert blockers(situation(lag_seconds=None, lag_seconds_max=3600.0)) == (LAG,)
    assert blockers(situation(transactions_missing=None, transactions_missing_max=10**6)) == (LOSS,)
    assert blockers(replace(situation(transactions_missing=None, transactions_missing_max=0), salvageable=True)) == ()


@pytest.mark.parametrize(
    ("ended_at", "left"),
    [
        (None, 0.0),
        (0.0, 0.0),
        (NOW - COOL_DOWN, 0.0),
        (NOW - COOL_DOWN + 0.5, 0.5),
        (NOW, COOL_DOWN),
        # A clock that lags behind the one that ended the job does not skip the cool-down, nor makes it longer.
        (NOW + 2.0, COOL_DOWN),
        # A job dated far in the future does not forbid failovers for ever.
        (NOW + COOL_DOWN, 0.0),
        (NOW + 10 * COOL_DOWN, 0.0),
    ],
)
def test_the_cool_down_ends_to_the_second_and_survives_clocks_that_differ(ended_at: float | None, left: float) -> None:
    assert cool_down_seconds_left(ended_at, COOL_DOWN, NOW) == left
    assert (COOLING in blockers(situation(cool_down_seconds_left=left))) is (left > 0)
