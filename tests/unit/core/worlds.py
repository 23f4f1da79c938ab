"""Small worlds, all of them: every snapshot, node record, contender list and situation that the tables must judge."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations, combinations_with_replacement, product
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Contender
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health, NodeRecord
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import Maintenance
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    LeaseState,
    Observation,
    ProcessState,
    Reach,
    Sighting,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import Situation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.snapshot import Snapshot
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Verdict
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job

UUID_A = "aaaaaaaa-0000-4000-8000-000000000001"
UUID_B = "bbbbbbbb-0000-4000-8000-000000000002"
NOW = 1_000_000.0


def snapshot(  # noqa: PLR0917 - in the order of the questions of a screening
    suspected: Health = Health.HOST_SILENT,
    agent: ProcessState = ProcessState.UNKNOWN,
    host: bool | None = None,
    orchestrator: Reach = Reach.TIMED_OUT,
    read_only: bool | None = None,
    replicas: tuple[Reach, ...] = (Reach.TIMED_OUT, Reach.TIMED_OUT),
    reported: ProcessState = ProcessState.UNKNOWN,
    agent_reach: Reach = Reach.UNKNOWN,
    voters: tuple[str, ...] | None = None,
) -> Snapshot:
    """One screening's answers; by default a primary whose host fell silent and whom nobody reaches."""
    return Snapshot(
        cluster="orders",
        primary="db1",
        suspected=suspected,
        reported=reported,
        agent=agent,
        host=host,
        orchestrator=orchestrator,
        read_only=read_only,
        replicas=tuple(
            Sighting(observer=f"db{number}", target="db1", reach=reach) for number, reach in enumerate(replicas, 2)
        ),
        voters=voters,
        agent_reach=agent_reach,
    )


HOSTS = (True, False, None)
# What the primary's agent can say: of the process, and of its own look at mysqld.
WORDS = (
    (ProcessState.UNKNOWN, Reach.UNKNOWN),
    (ProcessState.EXITED, Reach.REFUSED),
    *((ProcessState.RUNNING, reach) for reach in (Reach.REACHED, Reach.TIMED_OUT, Reach.UNKNOWN)),
)
# What the orchestrator's own attempt can bring, with the read_only that it or, where it is turned away, the agent read.
LOOKS: tuple[tuple[Reach, bool | None], ...] = (
    *product((Reach.REACHED, Reach.DUBIOUS), (True, False, None)),
    (Reach.REFUSED, None),
    (Reach.TIMED_OUT, None),
    (Reach.UNKNOWN, None),
)


def _answers() -> Iterator[Snapshot]:
    """Every combination of answers for a primary with none, one or two replicas, all of which vote on its lease."""
    sightings = [seen for count in range(3) for seen in combinations_with_replacement(Reach, count)]
    for suspected, reported, word, host, look, replicas in product(
        Health, ProcessState, WORDS, HOSTS, LOOKS, sightings
    ):
        yield snapshot(suspected, word[0], host, *look, replicas, reported, word[1])


def _electorates() -> Iterator[Snapshot]:
    """Every set of voters among up to two replicas, beside a choice of the answers."""
    seen = [
        each for count in range(3) for each in product((Reach.REACHED, Reach.TIMED_OUT, Reach.UNKNOWN), repeat=count)
    ]
    looks = [(Reach.REACHED, True), *((reach, None) for reach in (Reach.DUBIOUS, Reach.TIMED_OUT, Reach.UNKNOWN))]
    for suspected, word, host, look, replicas in product(Health, WORDS[:4], (None, False), looks, seen):
        names = [f"db{number}" for number, _reach in enumerate(replicas, 2)]
        for voters in (chosen for count in range(len(names) + 1) for chosen in combinations(names, count)):
            yield snapshot(suspected, word[0], host, *look, replicas, ProcessState.UNKNOWN, word[1], voters)


@cache
def snapshots() -> tuple[Snapshot, ...]:
    """Every combination of answers, and every set of voters."""
    return (*_answers(), *_electorates())


def record(  # noqa: PLR0917 - in the order of what is judged
    process: ProcessState = ProcessState.RUNNING,
    reach: Reach = Reach.REACHED,
    silence_beats: float = 0.0,
    lease: LeaseState = LeaseState.NONE,
    primary: bool = False,
    read_only_beats: float | None = None,
    overload_seconds_max: float = 0.0,
    unanswered_seconds: float | None = None,
    working: bool | None = None,
) -> NodeRecord:
    """What a monitor knows of a node that has reported."""
    last = Observation(
        cluster="orders",
        node="db1",
        incarnation=1,
        sequence=1,
        process=process,
        reach=reach,
        lease=lease,
        unanswered_seconds=unanswered_seconds,
        working=working,
    )
    return NodeRecord(
        last=last,
        silence_beats=silence_beats,
        primary=primary,
        read_only_beats=read_only_beats,
        overload_seconds_max=overload_seconds_max,
    )


SILENCES = (0.0, 1.0, 2.5, 2.999, 3.0, 3.001, 1000.0)


@cache
def node_records() -> tuple[NodeRecord, ...]:
    """Every process state, reach, silence and lease, read-only or not, or working without an answer or not, and the
    node of which nothing was ever heard."""
    read_only = (None, 0.0, 1.499, 1.5, 60.0)
    heard = [record(*world) for world in product(ProcessState, Reach, SILENCES, LeaseState, (True, False), read_only)]
    patience = product((0.0, 30.0), (None, 0.0, 2.0, 29.999, 30.0, 3600.0), (True, False, None))
    common = product(ProcessState, Reach, (0.0, 2.999, 3.0), LeaseState, (True, False), (None,))
    heard += [record(*world, *patient) for world, patient in product(common, patience)]
    return tuple(heard + [NodeRecord(last=None, silence_beats=silence) for silence in SILENCES])


def contender(  # noqa: PLR0917 - in the order of the shape
    name: str = "db2",
    executed: str = f"{UUID_A}:1-10",
    reachable: bool = True,
    allowed: bool = True,
    drained: bool = True,
    version: tuple[int, ...] = (9, 7, 4),
    detail: str = "",
    in_maintenance: bool = False,
    **facts: Any,
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
        in_maintenance=in_maintenance,
        **facts,
    )


# Of each further row of the table of exclusions, what makes it the reason.
FLAWS: tuple[dict[str, Any], ...] = (
    {"in_zones": False},
    {"gtid_mode": "ON_PERMISSIVE"},
    {"logged": False},
    {"delay_seconds": 60},
    {"filters": ("Replicate_Do_DB app",)},
    {"replicates": False},
    {"strays_to": "10.0.0.4:3306"},
    {"server_uuid": UUID_B},  # has written a transaction itself in one of the histories
    {"disk_dead": "read-only"},
    {"drained": False, "applier_error": "a duplicate key"},
    {"disk_short": "91% full"},
)


@cache
def contender_pairs() -> tuple[tuple[Contender, Contender], ...]:
    """Every pair of replicas over all flags, three versions and three histories, and each further flaw of one."""
    histories = (f"{UUID_A}:1-3", f"{UUID_A}:1-2", f"{UUID_A}:1,{UUID_B}:1")
    versions = ((9, 7, 4), (9, 7, 3), (9, 6, 0))
    flags = (True, False)
    ones = [contender("db2", *world) for world in product(histories, flags, flags, flags, versions)]
    twos = [contender("db3", *world) for world in product(histories, flags, flags, flags, versions)]
    worked_on = [contender("db2", executed, in_maintenance=True) for executed in histories]
    flawed = [contender("db2", executed, **flaw) for executed in histories for flaw in FLAWS]
    return tuple(product(ones + worked_on + flawed, twos))


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


MAINTENANCE = Maintenance(node=None, until_at=NOW + 60, reason="a new switch", by="operator:x", begun_at=NOW)


def situation(**facts: Any) -> Situation:
    """What permission is decided on; by default nothing forbids a failover."""
    usual = {"verdict": Verdict.DEAD_PRIMARY, "nodes_live": 2, "promotable": 2, "primaries_troubled_max": 3}
    return Situation(**{**usual, **facts})


# For each fact the values that the rules tell apart.
FACTS: dict[str | tuple[str, ...], tuple[Any, ...]] = {
    "verdict": (Verdict.DEAD_PRIMARY, Verdict.UNCERTAIN, Verdict.FALSE_ALARM),
    "forced": (False, True),
    "suspicion_current": (True, False),
    "job_open": (False, True),
    "promotable": (2, 0),
    "quorum_min": (1, 3),
    "maintenance": (None, MAINTENANCE),
    "cool_down_seconds_left": (0.0, 0.1),
    ("lag_seconds", "lag_seconds_max"): ((7.0, None), (7.0, 7.0), (7.1, 7.0), (None, 7.0)),
    ("transactions_missing", "transactions_missing_max"): (
        (100, None),
        (101, None),
        (0, 0),
        (1, 0),
        (None, 5),
        (None, None),
    ),
    "salvageable": (False, True),
    "primaries_troubled": (1, 3, 4),
}


@cache
def situations() -> tuple[Situation, ...]:
    """Every combination of these facts."""

    def fact(name: str | tuple[str, ...], value: Any) -> dict[str, Any]:
        return {name: value} if isinstance(name, str) else dict(zip(name, value, strict=True))

    worlds = product(*([fact(name, value) for value in values] for name, values in FACTS.items()))
    return tuple(situation(**{key: value for part in world for key, value in part.items()}) for world in worlds)
