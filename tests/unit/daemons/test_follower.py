"""Which orchestrator tells of a job, and of what, as it sees the record change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Notice
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.orchestrator.follower import JobFollower
from tests.unit.core import worlds


def job(state: JobState = JobState.RUNNING, owner: str = "orc1", epoch: int = 2) -> Job:
    return replace(worlds.job(state), id="orders-2", owner=owner, epoch=epoch)


def told(*looks: Job | None, name: str = "orc1") -> list[Kind]:
    heard: list[Notice] = []
    follower = JobFollower(name, heard.append)
    for look in looks:
        follower.look("orders", look)
    assert all(notice.by == name for notice in heard)
    return [notice.kind for notice in heard]


def test_a_job_is_told_of_by_its_owner_from_opening_to_end() -> None:
    looks = (None, job(), job(), job(JobState.PAUSED), job(epoch=3), job(JobState.DONE, epoch=3))
    assert told(*looks) == [Kind.JOB_OPENED, Kind.JOB_PAUSED, Kind.JOB_OPENED, Kind.JOB_DONE]
    assert told(*looks, name="orc2") == []


@pytest.mark.parametrize("owner", ["operator:ann@ops1", "switchover:ann@ops1"])
def test_a_persons_job_is_told_of_by_every_orchestrator(owner: str) -> None:
    looks = (None, job(owner=owner), job(JobState.DONE, owner=owner))
    assert told(*looks) == told(*looks, name="orc2") == [Kind.JOB_OPENED, Kind.JOB_DONE]


def test_an_orchestrator_that_starts_tells_of_an_open_job_and_not_of_an_old_one() -> None:
    assert told(job(JobState.DONE), job(JobState.DONE)) == []
    assert told(job(JobState.PAUSED)) == [Kind.JOB_OPENED, Kind.JOB_PAUSED]


def test_who_starts_leaves_a_pause_of_long_ago_to_the_reminders_and_follows_the_job_from_there() -> None:
    long_ago = replace(job(JobState.PAUSED), paused_at=0.0)
    assert told(long_ago) == []
    assert told(long_ago, job(epoch=3), job(JobState.DONE, epoch=3)) == [Kind.JOB_OPENED, Kind.JOB_DONE]
    assert told(None, long_ago) == [Kind.JOB_OPENED, Kind.JOB_PAUSED], "it was there when that came up"


def test_who_takes_a_job_over_tells_of_it_from_then_on() -> None:
    looks = (None, job(), job(owner="orc2", epoch=3), job(JobState.DONE, owner="orc2", epoch=3))
    assert told(*looks) == [Kind.JOB_OPENED]
    assert told(*looks, name="orc2") == [Kind.JOB_OPENED, Kind.JOB_DONE]
