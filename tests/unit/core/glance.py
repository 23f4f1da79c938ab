"""A cluster at a glance, as the status and the inventory read it: db1 is primary, db2 and db3 are its replicas."""

from __future__ import annotations

from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import Maintenance, MaintenancePlan
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    Heartbeat,
    LeaseState,
    Observation,
    ProcessState,
    Reach,
    ServerState,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.overview import Overview
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import ReturnedNode, Stage
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Breach, Raised
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Job,
    NodeHealth,
    StepRecord,
)
from tests.unit.core.worlds import NOW

WELL = "mysqld runs and answers"
FULL = Raised(breach=Breach.DISK, because="it is full", raised_at=0.0)


def clock(at: float) -> str:
    """A moment as the tests write it down: seconds after NOW."""
    return f"T{at - NOW:+g}"


def spec(cluster: str = "orders") -> ClusterSpec:
    places = (("db1", "north"), ("db2", "south side"), ("db3", None))
    nodes = tuple(Node(name=name, address=f"10.0.0.{n}", zone=zone) for n, (name, zone) in enumerate(places, 1))
    return ClusterSpec(
        cluster=cluster,
        nodes=nodes,
        dns=Dns(name=f"{cluster}.example.com", zone="example.com", servers=("10.0.0.9",)),
    )


def health(node: str, state: Health = Health.HEALTHY, because: str = WELL, **facts: Any) -> NodeHealth:
    return NodeHealth(node=node, health=state, because=because, monitor="mon1", changed_at=0.0, **facts)


def overview(cluster: str = "orders", **facts: Any) -> Overview:
    known = {name: health(name) for name in ("db2", "db3")} | {"db1": health("db1", lease=LeaseState.HELD)}
    usual = {"spec": spec(cluster), "state": ClusterState(epoch=4, primary="db1"), "health": known}
    return Overview(**{**usual, **facts})


def maintenance(node: str | None, seconds: float = 60.0, reason: str = "a new switch") -> MaintenancePlan:
    entry = Maintenance(node=node, until_at=NOW + seconds, reason=reason, by="operator:ann", begun_at=NOW - 999)
    return MaintenancePlan(entries=(entry,))


def returned(node: str, stage: Stage, **facts: Any) -> dict[str, ReturnedNode]:
    return {node: ReturnedNode(node=node, stage=stage, because="compared", by="operator:ann", at=NOW, **facts)}


def step(name: str, sentence: str = "done", seconds: float = 0.25) -> StepRecord:
    return StepRecord(
        step=name, epoch=4, changed=True, sentence=sentence, evidence={}, finished_at=NOW, seconds=seconds
    )


def job(state: JobState = JobState.RUNNING, *done: str, **facts: Any) -> Job:
    usual: dict[str, Any] = {
        **{"id": "orders-4", "cluster": "orders", "epoch": 4, "owner": "orc1", "because": "it is dead"},
        **{"old_primary": "db1", "plan": ("fence", "catch_up", "promote"), "opened_at": NOW - 10.0},
        "steps": tuple(step(name) for name in done),
        "ended_at": NOW - 8.5 if state.ended else None,
    }
    return Job(**{**usual, **facts}, state=state)


def seen(node: str, heart: tuple[float, bool] | None = None, told: float | None = None, error: str = "") -> Observation:
    """``heart``: the heartbeat's lag and whether it is sure; ``told``: the lag by the server's own word."""
    channel = Channel(
        name="",
        source_host="10.0.0.1",
        source_port=3306,
        source_uuid="",
        receiver_running=True,
        applier_running=not error,
        gtid_retrieved="",
        lag_seconds=told,
        error=error,
    )
    return Observation(
        cluster="orders",
        node=node,
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
        server=ServerState(
            server_uuid="",
            version="9.7.4",
            read_only=True,
            super_read_only=True,
            gtid_executed="",
            channels=(channel,),
        ),
        heartbeat=Heartbeat(primary="db1", lag_seconds=heart[0], sure=heart[1]) if heart else None,
    )
