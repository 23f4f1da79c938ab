"""The status as a person reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Team
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.overview import Overview, node_rows, past_job
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind, names_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import Stage
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.status_text import (
    Status,
    cluster_row,
    fleet_lines,
    status_lines,
    table,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Acknowledgement, Suspicion
from tests.unit.core.glance import FULL, clock, health, job, maintenance, overview, returned, seen
from tests.unit.core.worlds import NOW, UUID_A


def lines(found: Overview, asked: dict[str, Any] | None = None, **facts: Any) -> list[str]:
    status = Status(overview=found, nodes=node_rows(found, now_at=NOW, seen=asked), **facts)
    return status_lines(status, now_at=NOW, when=clock)


def test_columns_are_aligned_empty_ones_left_out_and_empty_cells_are_dashes() -> None:
    assert table(("A", "EMPTY", "LAST"), (("long one", "", "x"), ("b", "", ""))) == [
        "A         LAST",
        "long one  x",
        "b         -",
    ]
    assert table(("A", "B"), ()) == []


def test_what_others_wrote_cannot_break_a_line_or_command_a_terminal() -> None:
    assert table(("A",), (("one\ntwo\x1b[2J",),)) == ["A", "one two [2J"]
    shown = lines(overview(faults=("a\nb\x07",)))
    assert all(line.isprintable() for line in shown)
    assert "set aside: a b " in shown


def test_the_topology_is_a_table_with_a_line_for_each_node() -> None:
    sick = {"db1": health("db1"), "db2": health("db2", Health.HOST_SILENT, "it is silent", breaches=(FULL,))}
    found = overview(health=sick, maintenance=maintenance("db3"))
    shown = lines(found, {"db1": seen("db1"), "db2": seen("db2", (12.4, False)), "db3": seen("db3", told=0.0)})
    assert shown[:2] == [
        "orders: db1 is primary under epoch 4, the name is orders.example.com",
        "maintenance of node db3 until T+60, by operator:ann: a new switch",
    ]
    head = next(number for number, line in enumerate(shown) if line.startswith("NODE"))
    assert [" ".join(line.split()) for line in shown[head : head + 4]] == [
        "NODE ROLE ADDRESS ZONE HEALTH LAG MAINTENANCE WHAT IS WRONG",
        "db1 primary 10.0.0.1:3306 north healthy - - -",
        "db2 replica 10.0.0.2:3306 south side host_silent >= 12 s - it is silent; disk: it is full",
        "db3 replica 10.0.0.3:3306 - unknown 0 s until T+60 no monitor has said anything of it yet",
    ]
    assert len({line.index("10.0.0.") for line in shown[head + 1 : head + 4]}) == 1


def test_a_maintenance_that_has_ended_is_told_as_such_and_holds_for_no_node() -> None:
    shown = lines(overview(maintenance=maintenance(None, seconds=-5)))
    assert "maintenance of the cluster has ended, at T-5, by operator:ann: a new switch" in shown
    assert "MAINTENANCE" not in "".join(shown)


def test_a_quarantined_node_is_told_with_its_transactions_in_its_cluster_and_among_all() -> None:
    back = overview(returned=returned("db2", Stage.QUARANTINED, errant=f"{UUID_A}:7", transactions=1))
    head, row = (next(line for line in lines(back) if line.startswith(word)) for word in ("NODE", "db2"))
    assert row[head.index("RETURN") :].startswith("quarantined ")
    assert f"in quarantine, with 1 transactions that no other node should have ({UUID_A}:7)" in row
    assert "RETURN" not in "".join(lines(overview()))
    (wrong,) = cluster_row(back, NOW).wrong
    assert wrong.startswith("db2: in quarantine, with 1 transactions")


def test_an_open_job_is_told_step_by_step_with_what_stands_in_its_way() -> None:
    shown = lines(overview(job=job(JobState.RUNNING, "fence", trouble="catch_up: db2 does not answer")))
    assert "job orders-4 (failover, epoch 4, orc1) is running since T-10: it is dead" in shown
    assert "it does not get on: catch_up: db2 does not answer" in shown
    steps = [line.split() for line in shown if line.split()[:1] in (["fence"], ["catch_up"], ["promote"])]
    assert steps == [
        ["fence", "done", "0.2", "s", "done"],
        ["catch_up", "next", "-", "-"],
        ["promote", "left", "-", "-"],
    ]


def test_a_paused_job_names_since_when_and_who_has_not_answered() -> None:
    given = Acknowledgement(team="web", by="operator:ann", at=NOW - 1)
    teams = (Team(name="web"), Team(name="billing"))
    paused = job(JobState.PAUSED, paused_at=NOW - 3, teams=teams, acknowledgements=(given,), owner="")
    shown = lines(overview(job=paused))
    assert "job orders-4 (failover, epoch 4, any orchestrator) is paused since T-3: it is dead" in shown
    assert "team web has stopped writing, said operator:ann at T-1" in shown
    assert "team billing has not answered" in shown


def test_the_history_tells_duration_and_loss_and_how_many_jobs_are_not_shown() -> None:
    ended = job(JobState.DONE, "promote", candidate="db2", because="db2 is primary in place of db1")
    shown = lines(overview(job=ended), history=(past_job(ended, None),), history_total=3, losses="3 are lost")
    row = next(line for line in shown if line.startswith("T-8.5"))
    assert " ".join(row.split()) == (
        "T-8.5 orders-4 failover done db1 db2 1.5 s not counted db2 is primary in place of db1"
    )
    assert "earlier jobs that are not shown: 2" in shown
    assert "losses: 3 are lost" in shown
    assert not [line for line in shown if line.startswith("job ")]
    assert "no job has ended yet" in lines(overview())


def test_a_switchover_is_told_as_such_with_the_steps_of_its_own_plan() -> None:
    facts: dict[str, Any] = {"kind": JobKind.SWITCHOVER, "plan": names_of(JobKind.SWITCHOVER), "candidate": "db2"}
    shown = lines(overview(job=job(JobState.RUNNING, "pause_monitoring", "quiesce", **facts)))
    assert "job orders-4 (switchover, epoch 4, orc1) is running since T-10: it is dead" in shown
    assert ["catch_up_target", "next", "-", "-"] in [line.split() for line in shown]
    ended = job(JobState.DONE, "promote", because="db2 is primary in place of db1", **facts)
    (row,) = (line for line in lines(overview(), history=(past_job(ended, None),)) if line.startswith("T-8.5"))
    assert (
        " ".join(row.split()) == "T-8.5 orders-4 switchover done db1 db2 1.5 s nothing db2 is primary in place of db1"
    )


def test_suspicion_lock_name_and_screening_have_a_line_each_where_there_are_any() -> None:
    raised = Suspicion(
        cluster="orders",
        primary="db1",
        epoch=4,
        health=Health.HOST_SILENT,
        because="it is silent",
        monitor="mon1",
        raised_at=NOW - 2,
    )
    shown = lines(overview(suspicion=raised, owner="orc2"), dns=("it is stale",), screening="somebody reaches it")
    for line in (
        "db1 is suspected since T-2 by mon1: it is silent",
        "orc2 is at work on it",
        "wrong with the name: it is stale",
        "last screening: somebody reaches it",
    ):
        assert line in shown
    assert len(lines(overview())) == len(shown) - 4


def test_all_clusters_have_a_line_each_and_those_that_cannot_be_read_their_reason() -> None:
    sick = replace(overview("carts"), health={"db2": health("db2", Health.HOST_SILENT, "it is silent")})
    busy = overview(job=job(JobState.PAUSED), maintenance=maintenance("db3"))
    shown = fleet_lines([cluster_row(each, NOW) for each in (sick, busy)], {"stock": "it is garbage"}, clock)
    assert [" ".join(line.split()) for line in shown] == [
        "CLUSTER PRIMARY EPOCH HEALTHY LEASE JOB MAINTENANCE WHAT IS WRONG",
        "carts db1 4 0/3 none - - db2: it is silent",
        "orders db1 4 3/3 held orders-4 paused until T+60 -",
        "set aside: stock: it is garbage",
    ]
    assert fleet_lines([], {}, clock) == ["no cluster is registered"]
    assert fleet_lines([], {"stock": "it is garbage"}, clock) == ["set aside: stock: it is garbage"]
