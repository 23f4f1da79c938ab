"""When the playbook of a switchover counts as dead, so that an orchestrator ends what it has left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job, StepRecord
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.orchestrator.attendance import (
    GRACE_IN_THE_PAUSE_SECONDS,
    GRACE_SECONDS,
    Attendance,
    is_attended,
)
from tests.unit.core import worlds


def job(*steps: str, owner: str = "switchover:ann@ops1", epoch: int = 8) -> Job:
    done = tuple(
        StepRecord(step=name, epoch=epoch, changed=True, sentence="", evidence={}, finished_at=0.0, seconds=0.0)
        for name in steps
    )
    return replace(worlds.job(JobState.RUNNING), kind=JobKind.SWITCHOVER, owner=owner, epoch=epoch, steps=done)


def test_a_playbook_is_waited_for_as_long_as_it_may_need_between_two_tasks() -> None:
    seen = Attendance()
    assert seen.seconds_left(job(), 100.0) == GRACE_SECONDS
    assert seen.seconds_left(job(), 101.5) == pytest.approx(GRACE_SECONDS - 1.5)
    assert seen.seconds_left(job(), 100.0 + GRACE_SECONDS) == 0.0


def test_each_step_that_is_done_in_between_is_a_sign_of_life() -> None:
    seen = Attendance()
    seen.seconds_left(job(), 100.0)
    assert seen.seconds_left(job("pause_monitoring"), 200.0) == GRACE_IN_THE_PAUSE_SECONDS
    assert seen.seconds_left(job("pause_monitoring"), 200.0 + GRACE_IN_THE_PAUSE_SECONDS) == 0.0
    assert seen.seconds_left(job("pause_monitoring", "quiesce"), 300.0) == GRACE_IN_THE_PAUSE_SECONDS
    assert seen.seconds_left(job(epoch=9), 400.0) == GRACE_SECONDS


def test_in_the_pause_nobody_waits_as_long_as_for_tasks_that_move_the_name() -> None:
    paused, promoted = job("pause_monitoring", "quiesce"), job("pause_monitoring", "quiesce", "promote")
    assert Attendance().seconds_left(promoted, 100.0) == GRACE_SECONDS
    assert Attendance().seconds_left(paused, 100.0) == GRACE_IN_THE_PAUSE_SECONDS < GRACE_SECONDS


@pytest.mark.parametrize("owner", ["", "orc1"])
def test_what_is_left_to_the_orchestrators_waits_for_nobody(owner: str) -> None:
    assert Attendance().seconds_left(job(owner=owner), 100.0) == 0.0
    assert not is_attended(job(owner=owner))


def test_only_an_open_switchover_of_a_person_is_attended() -> None:
    assert is_attended(job())
    assert not is_attended(None)
    assert not is_attended(replace(job(), state=JobState.ABORTED))
    assert not is_attended(replace(job(), owner="operator:ann@ops1"))
