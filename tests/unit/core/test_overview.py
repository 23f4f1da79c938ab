"""What follows of a cluster's record for each of its nodes, its job and its history."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LossAccount
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.overview import (
    NOTHING_SAID,
    node_rows,
    past_job,
    step_rows,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import Stage
from tests.unit.core.glance import FULL, health, job, maintenance, overview, returned, seen
from tests.unit.core.worlds import NOW, UUID_A


def account(lost: str = "", count: int = 0, unknown: str = "") -> LossAccount:
    return LossAccount(
        cluster="orders",
        job="orders-4",
        old_primary="db1",
        new_primary="db2",
        since_at=0.0,
        counted_at=0.0,
        learned="",
        lost=lost,
        transactions=count,
        unknown=unknown,
    )


def test_the_role_is_that_of_the_record_and_who_was_never_spoken_of_is_unknown() -> None:
    rows = node_rows(overview(health={"db2": health("db2")}), now_at=NOW, seen=None)
    assert [(row.node, row.role.value, row.health.value, row.errors) for row in rows] == [
        ("db1", "primary", "unknown", (NOTHING_SAID,)),
        ("db2", "replica", "healthy", ()),
        ("db3", "replica", "unknown", (NOTHING_SAID,)),
    ]


def test_the_lag_is_what_the_agents_find_now_and_nobody_is_guessed_for() -> None:
    asked = {"db1": seen("db1", (9.0, True)), "db2": seen("db2", (3.0, True), told=1.0)}
    asked["db3"] = seen("db3", (4.0, False))
    rows = node_rows(overview(), now_at=NOW, seen=asked)
    assert [(row.lag_seconds, row.lag_sure) for row in rows] == [(None, True), (3.0, True), (4.0, False)]
    rows = node_rows(overview(), now_at=NOW, seen={"db2": seen("db2", told=7.0)})
    assert [row.lag_seconds for row in rows] == [None, 7.0, None]
    assert [row.errors for row in rows] == [("its agent does not answer us",), (), ("its agent does not answer us",)]
    rows = node_rows(overview(), now_at=NOW, seen=None)
    assert [(row.lag_seconds, row.errors) for row in rows] == [(None, ())] * 3


def test_what_is_wrong_with_a_node_is_said_in_sentences_its_channels_errors_included() -> None:
    sick = health("db2", Health.MYSQLD_HUNG, "it does not answer", breaches=(FULL,))
    rows = node_rows(overview(health={"db2": sick}), now_at=NOW, seen={"db2": seen("db2", error="a duplicate key")})
    assert rows[1].errors == ("it does not answer", "disk: it is full", "channel '': a duplicate key")


def test_a_node_on_its_way_back_is_wrong_however_healthy_it_is() -> None:
    back = returned("db3", Stage.COPYING, donor="db2")
    rows = node_rows(overview(returned=back), now_at=NOW, seen=None)
    assert [row.returned for row in rows] == [None, None, Stage.COPYING]
    assert [row.errors for row in rows] == [(), (), (back["db3"].sentence,)]


@pytest.mark.parametrize(("node", "held"), [(None, [True] * 3), ("db2", [False, True, False])])
def test_a_maintenance_holds_for_its_node_or_for_all_until_it_ends(node: str | None, held: list[bool]) -> None:
    worked_on = overview(maintenance=maintenance(node))
    assert [row.maintenance is not None for row in node_rows(worked_on, now_at=NOW + 59.9, seen=None)] == held
    assert not any(row.maintenance for row in node_rows(worked_on, now_at=NOW + 60, seen=None))


def test_of_an_open_job_the_first_step_that_is_not_on_record_is_next_and_of_an_ended_one_none() -> None:
    open_one = [(each.step, each.progress.value) for each in step_rows(job(JobState.RUNNING, "fence"))]
    assert open_one == [("fence", "done"), ("catch_up", "next"), ("promote", "left")]
    given_up = [(each.step, each.progress.value) for each in step_rows(job(JobState.ABORTED, "fence"))]
    assert given_up == [("fence", "done"), ("catch_up", "left"), ("promote", "left")]


@pytest.mark.parametrize(
    ("done", "found", "new", "lost"),
    [
        ((), None, None, "nothing promoted"),
        (("promote",), None, "db2", "not counted"),
        (("promote",), account(), "db2", "nothing"),
        (("promote",), account(f"{UUID_A}:1-3", 3), "db2", "3 transactions"),
        (("promote",), account(f"{UUID_A}:1-3", 3, "its host is gone"), "db2", "3 transactions or more"),
        (("promote",), account(unknown="its host is gone"), "db2", "nobody can tell"),
    ],
)
def test_of_a_job_that_ended_it_is_told_how_long_it_took_and_what_it_lost(
    done: tuple[str, ...], found: LossAccount | None, new: str | None, lost: str
) -> None:
    past = past_job(job(JobState.DONE, *done, candidate="db2"), found)
    assert (past.old_primary, past.new_primary, past.seconds, past.lost) == ("db1", new, 1.5, lost)


@pytest.mark.parametrize(("done", "new", "lost"), [((), None, "nothing promoted"), (("promote",), "db2", "nothing")])
def test_a_switchover_loses_nothing_whoever_is_primary_in_the_end(
    done: tuple[str, ...], new: str | None, lost: str
) -> None:
    past = past_job(job(JobState.DONE, *done, candidate="db2", kind=JobKind.SWITCHOVER), None)
    assert (past.kind, past.new_primary, past.lost) == (JobKind.SWITCHOVER, new, lost)
