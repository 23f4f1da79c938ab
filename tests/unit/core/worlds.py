"""Small worlds, all of them: every snapshot, node record, contender list and situation that the tables must judge."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Contender
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health, NodeRecord
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    LeaseState,
    Observation,
    ProcessState,
    Reach,
    Sighting,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import Situation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.snapshot import Snapshot
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import RULES
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState, Job, Suspicion

UUID_A = "aaaaaaaa-0000-4000-8000-000000000001"
UUID_B = "bbbbbbbb-0000-4000-8000-000000000002"
COOL_DOWN = 600.0
NOW = 1_000_000.0


def snapshot(  # noqa: PLR0917 - in the order of the questions of a screening
    suspected: Health = Health.HOST_SILENT,
    agent: ProcessState = ProcessState.UNKNOWN,
    host: bool | None = None,
    orchestrator: Reach = Reach.TIMED_OUT,
    read_only: bool | None = None,
    replicas: tuple[Reach, ...] = (Reach.TIMED_OUT, Reach.TIMED_OUT),
) -> Snapshot:
    """One screening's answers; by default a primary whose host fell silent and whom nobody reaches."""
    return Snapshot(
        cluster="orders",
        primary="db1",
        suspected=suspected,
        agent=agent,
        host=host,
        orchestrator=orchestrator,
        read_only=read_only,
        replicas=tuple(
            Sighting(observer=f"db{number}", target="db1", reach=reach) for number, reach in enumerate(replicas, 2)
        ),
    )


def _looks() -> list[tuple[Reach, bool | None]]:
    """What the orchestrator's own attempt can bring: it reads read_only only where it gets in."""
    inside = [(Reach.REACHED, read_only) for read_only in (True, False, None)]
    return inside + [(reach, None) for reach in Reach if reach is not Reach.REACHED]


@cache
def snapshots() -> tuple[Snapshot, ...]:
    """Every combination of answers for a primary with none, one or two replicas."""
    sightings = [seen for count in range(3) for seen in product(Reach, repeat=count)]
    return tuple(
        snapshot(suspected, agent, host, orchestrator, read_only, replicas)
        for suspected, agent, host, (orchestrator, read_only), replicas in product(
            Health, ProcessState, (True, False, None), _looks(), sightings
        )
    )


def record(
    process: ProcessState = ProcessState.RUNNING,
    reach: Reach = Reach.REACHED,
    silence_beats: float = 0.0,
    lease: LeaseState = LeaseState.NONE,
) -> NodeRecord:
    """What a monitor knows of a node that has reported."""
    last = Observation(
        cluster="orders", node="db1", incarnation=1, sequence=1, process=process, reach=reach, lease=lease
    )
    return NodeRecord(last=last, silence_beats=silence_beats)


SILENCES = (0.0, 1.0, 2.5, 2.999, 3.0, 3.001, 1000.0)


@cache
def node_records() -> tuple[NodeRecord, ...]:
    """Every process state, reach and silence, and the node of which nothing was ever heard."""
    heard = [record(*world) for world in product(ProcessState, Reach, SILENCES, LeaseState)]
    return tuple(heard + [NodeRecord(last=None, silence_beats=silence) for silence in SILENCES])


def contender(  # noqa: PLR0917 - in the order of the shape
    name: str = "db2",
    executed: str = f"{UUID_A}:1-10",
    reachable: bool = True,
    allowed: bool = True,
    drained: bool = True,
    version: tuple[int, ...] = (9, 7, 4),
    detail: str = "",
) -> Contender:
    """One replica; by default one that may be promoted."""
    return Contender(
        name=name,
        reachable=reachable,
        allowed=allowed,
        drained=drained,
        executed=GtidSet.parse(executed),
        server_version=version,
        detail=detail,
    )


@cache
def contender_pairs() -> tuple[tuple[Contender, Contender], ...]:
    """Every pair of replicas over all flags, three versions and three histories."""
    histories = (f"{UUID_A}:1-3", f"{UUID_A}:1-2", f"{UUID_A}:1,{UUID_B}:1")
    versions = ((9, 7, 4), (9, 7, 3), (9, 6, 0))
    flags = (True, False)
    ones = [contender("db2", *world) for world in product(histories, flags, flags, flags, versions)]
    twos = [contender("db3", *world) for world in product(histories, flags, flags, flags, versions)]
    return tuple(product(ones, twos))


def job(state: JobState = JobState.DONE, ended_at: float | None = 0.0) -> Job:
    """A failover of the cluster, ended long ago by default."""
    return Job(
        id="orders-7",
        cluster="orders",
        epoch=7,
        owner="orc1",
        state=state,
        because="its agent saw mysqld exit",
        old_primary="db3",
        plan=(),
        opened_at=0.0,
        ended_at=ended_at,
    )


def situation(  # noqa: PLR0917 - in the order of the table
    actionable: bool = True,
    suspected: str = "db1",
    epoch: int = 7,
    last_job: Job | None = None,
    replicas_answering: int = 2,
    now_at: float = NOW,
) -> Situation:
    """What is on record in a cluster at epoch 7 whose primary is db1; by default nothing forbids a failover."""
    return Situation(
        verdict=next(rule for rule in RULES if rule.actionable is actionable),
        suspicion=Suspicion(
            cluster="orders",
            primary=suspected,
            epoch=epoch,
            health=Health.MYSQLD_EXITED,
            because="its agent saw mysqld exit",
            monitor="mon1",
            raised_at=NOW,
        ),
        state=ClusterState(epoch=7, primary="db1"),
        last_job=last_job,
        replicas_answering=replicas_answering,
        cool_down_seconds=COOL_DOWN,
        now_at=now_at,
    )


def last_jobs() -> Iterator[Job | None]:
    """No job yet; jobs under way; jobs that ended long ago, just outside and just inside the cool-down."""
    yield None
    for state in JobState:
        ends = (0.0, NOW - COOL_DOWN, NOW - COOL_DOWN + 1, NOW) if state.ended else (None,)
        for ended_at in ends:
            yield job(state, ended_at)


@cache
def situations() -> tuple[Situation, ...]:
    return tuple(
        situation(*world) for world in product((True, False), ("db1", "db2"), (6, 7, 8), list(last_jobs()), (0, 1, 2))
    )
