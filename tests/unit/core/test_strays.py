"""By what is on record a replica may stray; nobody is asked where that says nothing."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    Observation,
    ProcessState,
    Reach,
    ServerState,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.strays import Stray, strays
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Breach, Raised
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence, Job, NodeHealth, StepRecord

CHANNEL = Channel(
    name="",
    source_host="10.0.0.1",
    source_port=3306,
    source_uuid="",
    receiver_running=False,
    applier_running=True,
    gtid_retrieved="",
)


def node(
    name: str, health: Health = Health.HEALTHY, *breaches: Breach, channels: tuple[Channel, ...] = (CHANNEL,)
) -> NodeHealth:
    server = ServerState(
        server_uuid="u", version="9.7.4", read_only=True, super_read_only=True, gtid_executed="", channels=channels
    )
    seen = Observation(
        cluster="orders",
        node=name,
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
        server=server,
    )
    raised = tuple(Raised(breach=each, because="it stands", raised_at=7.0) for each in breaches)
    return NodeHealth(
        node=name, health=health, because="x", monitor="mon1", changed_at=1.0, breaches=raised, observation=seen
    )


def job(*left_behind: str, state: JobState = JobState.DONE) -> Job:
    evidence: Evidence = {"left_behind": list(left_behind)}
    step = StepRecord(
        step="repoint", epoch=2, changed=True, sentence="x", evidence=evidence, finished_at=2.0, seconds=0.1
    )
    return Job(
        id="orders-2",
        cluster="orders",
        epoch=2,
        owner="orc1",
        state=state,
        because="x",
        old_primary="db1",
        plan=("repoint",),
        opened_at=1.0,
        steps=(step,),
    )


def found(done: Job | None, *nodes: NodeHealth) -> set[Stray]:
    return set(strays(done, {each.node: each for each in nodes}, "db2"))


def test_a_cluster_at_rest_has_none() -> None:
    assert found(None, node("db2"), node("db3")) == set()
    assert found(job(), node("db2"), node("db3")) == set()


def test_who_was_left_behind_is_one_once_it_is_healthy() -> None:
    assert found(job("db3"), node("db2"), node("db3", Health.HOST_SILENT)) == set()
    assert found(job("db3"), node("db2")) == set()
    assert found(job("db3"), node("db2"), node("db3")) == {Stray("db3", "job orders-2")}


def test_a_replica_whose_replication_stands_is_one_and_the_primary_is_none() -> None:
    standing = [node(name, Health.HEALTHY, Breach.LAG, Breach.REPLICATION) for name in ("db2", "db3")]
    assert found(None, *standing) == {Stray("db3", "breach 7.0")}
    assert found(None, node("db2"), node("db3", Health.HEALTHY, Breach.LAG)) == set()


def test_an_old_primary_that_came_back_without_a_channel_is_none() -> None:
    back = node("db1", Health.HEALTHY, Breach.REPLICATION, channels=())
    assert found(job(), node("db2"), back) == set()


def test_while_the_primary_is_not_healthy_there_is_nobody_to_follow() -> None:
    stray = node("db3", Health.HEALTHY, Breach.REPLICATION)
    assert found(job("db3"), node("db2", Health.MYSQLD_HUNG), stray) == set()
    assert found(job("db3"), stray) == set()


def test_an_open_job_repoints_by_itself() -> None:
    stray = node("db3", Health.HEALTHY, Breach.REPLICATION)
    for state in (JobState.RUNNING, JobState.PAUSED):
        assert found(job("db3", state=state), node("db2"), stray) == set()


def test_another_occasion_is_another_stray() -> None:
    later = replace(job("db3"), id="orders-3")
    assert found(job("db3"), node("db2"), node("db3")) != found(later, node("db2"), node("db3"))
