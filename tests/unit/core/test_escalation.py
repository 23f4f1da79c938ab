"""When a paused job is told of again: from its deadline on, at even intervals, as long as somebody is waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Policy, Team
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.escalation import Reminder, reminder_due
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Acknowledgement, Job
from tests.unit.core import worlds
from tests.unit.core.worlds import NOW

POLICY = Policy(acknowledge_seconds_max=90.0, escalate_every_seconds=30.0)
TEAMS = (Team(name="web"), Team(name="billing"))


def paused(*answered: str, teams: tuple[Team, ...] = TEAMS, at: float = NOW) -> Job:
    given = tuple(Acknowledgement(team=name, by="ann", at=at) for name in answered)
    job = replace(worlds.job(JobState.PAUSED, None), paused_at=at)
    return replace(job, teams=teams, acknowledgements=given)


def numbers(job: Job, seconds: range, told: Reminder | None = None) -> list[tuple[int, int]]:
    """(second, number) of each reminder that one orchestrator tells which looks every second of these."""
    heard = []
    for second in seconds:
        due = reminder_due(job, POLICY, NOW + second, told)
        if due is not None:
            told = due
            heard.append((second, due.number))
    return heard


def test_nothing_is_told_before_the_deadline_and_then_at_even_intervals_for_ever() -> None:
    assert numbers(paused(), range(200)) == [(90, 1), (120, 2), (150, 3), (180, 4)]
    assert numbers(paused("web"), range(3600, 3661)) == [(3600, 118), (3630, 119), (3660, 120)]


def test_once_every_team_has_answered_nobody_is_told_again() -> None:
    assert numbers(paused("web", "billing"), range(3600)) == []
    assert numbers(paused("billing"), range(100)) == [(90, 1)]


def test_where_no_team_is_registered_the_job_waits_for_a_person_all_the_same() -> None:
    assert numbers(paused(teams=()), range(130)) == [(90, 1), (120, 2)]


def test_who_starts_late_or_takes_over_repeats_the_last_reminder_at_most() -> None:
    assert numbers(paused(), range(1000, 1001)) == [(1000, 31)]
    last = reminder_due(paused(), POLICY, NOW + 1000, None)
    assert numbers(paused(), range(1001, 1021), last) == [(1020, 32)]


def test_a_clock_that_is_set_back_tells_nothing_twice() -> None:
    told = reminder_due(paused(), POLICY, NOW + 1000, None)
    assert numbers(paused(), range(990), told) == []


def test_another_pause_begins_anew() -> None:
    told = reminder_due(paused(), POLICY, NOW + 1000, None)
    later = paused(at=NOW + 1000)
    assert reminder_due(later, POLICY, NOW + 1089, told) is None
    assert reminder_due(later, POLICY, NOW + 1090, told) == Reminder(later.id, NOW + 1000, 1)
    assert reminder_due(replace(paused(), id="orders-9"), POLICY, NOW + 90, told) == Reminder("orders-9", NOW, 1)


@pytest.mark.parametrize("state", [each for each in JobState if each is not JobState.PAUSED])
def test_a_job_that_is_not_paused_is_not_told_of(state: JobState) -> None:
    assert numbers(replace(paused(), state=state), range(3600)) == []


def test_a_cluster_without_a_job_or_with_a_pause_of_unknown_age_is_not_told_of() -> None:
    assert reminder_due(None, POLICY, NOW, None) is None
    assert reminder_due(replace(paused(), paused_at=None), POLICY, NOW + 3600, None) is None
