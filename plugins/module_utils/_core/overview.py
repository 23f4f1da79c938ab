# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster as people and other playbooks ask for it: what is on record, and what follows of it for each node.

Times are wall-clock seconds since 1970 and come in as arguments.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .cluster import ClusterSpec, Node
from .health import Health
from .lifecycle import JobState
from .maintenance import Maintenance, MaintenancePlan
from .manifest import LossAccount
from .observation import LeaseState, Observation
from .plan import JobKind
from .returned import ReturnedNode, Stage
from .thresholds import Look
from .znodes import ClusterState, Job, NodeHealth, Suspicion

NOTHING_SAID = "no monitor has said anything of it yet"


class Role(StrEnum):
    PRIMARY = "primary"
    REPLICA = "replica"


@dataclass(frozen=True, kw_only=True, slots=True)
class Overview:
    """A cluster as it is on record. ``health``: by node, without those that no monitor has said anything of.
    ``owner``: of the cluster's lock. ``returned``: the nodes on their way back into the cluster. ``faults``: what could
    not be read and is left out, a sentence each."""

    spec: ClusterSpec
    state: ClusterState
    health: Mapping[str, NodeHealth] = field(default_factory=dict)
    job: Job | None = None
    suspicion: Suspicion | None = None
    maintenance: MaintenancePlan = field(default_factory=MaintenancePlan)
    owner: str = ""
    returned: Mapping[str, ReturnedNode] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def primary(self) -> Node:
        return self.spec.node(self.state.primary)

    @property
    def open_job(self) -> Job | None:
        return None if self.job is None or self.job.state.ended else self.job

    @property
    def paused(self) -> bool:
        return self.job is not None and self.job.state is JobState.PAUSED


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeRow:
    """One node. ``lag_seconds``: of a replica, by what its agent finds now; None where nobody was asked or can tell.
    ``lag_sure``: else it is at least that. ``maintenance``: what holds for it now. ``returned``: of one on its way back
    into the cluster, how far it is. ``errors``: a sentence each."""

    node: str
    role: Role
    address: str
    port: int
    zone: str | None
    health: Health
    lease: LeaseState
    lag_seconds: float | None
    lag_sure: bool
    maintenance: Maintenance | None
    returned: Stage | None
    errors: tuple[str, ...]


def role_of(overview: Overview, node: str) -> Role:
    return Role.PRIMARY if node == overview.state.primary else Role.REPLICA


def _lag(seen: Observation | None) -> tuple[float | None, bool]:
    look = Look(health=Health.UNKNOWN, primary=False, report=seen, new=True)
    return look.lag_seconds, seen is None or seen.heartbeat is None or seen.heartbeat.sure


def _errors(
    known: NodeHealth | None, seen: Observation | None, back: ReturnedNode | None, *, asked: bool
) -> tuple[str, ...]:
    said = [] if known is None or known.health is Health.HEALTHY else [known.because]
    said += [NOTHING_SAID] if known is None else [f"{each.breach.value}: {each.because}" for each in known.breaches]
    said += [back.sentence] if back is not None else []
    said += ["its agent does not answer us"] if asked and seen is None else []
    channels = seen.server.channels if seen is not None and seen.server is not None else ()
    return (*said, *(f"channel '{each.name}': {each.error}" for each in channels if each.error))


def node_row(overview: Overview, node: Node, *, now_at: float, seen: Mapping[str, Observation] | None) -> NodeRow:
    """``seen``: what each agent finds now, without those that do not answer; None where none was asked."""
    known, found = overview.health.get(node.name), (seen or {}).get(node.name)
    back = overview.returned.get(node.name)
    role = role_of(overview, node.name)
    lag_seconds, lag_sure = (None, True) if role is Role.PRIMARY else _lag(found)
    return NodeRow(
        node=node.name,
        role=role,
        address=node.address,
        port=node.port,
        zone=node.zone,
        health=known.health if known else Health.UNKNOWN,
        lease=known.lease if known else LeaseState.NONE,
        lag_seconds=lag_seconds,
        lag_sure=lag_sure,
        maintenance=overview.maintenance.covering(node.name, now_at),
        returned=back.stage if back else None,
        errors=_errors(known, found, back, asked=seen is not None),
    )


def node_rows(overview: Overview, *, now_at: float, seen: Mapping[str, Observation] | None) -> tuple[NodeRow, ...]:
    return tuple(node_row(overview, node, now_at=now_at, seen=seen) for node in overview.spec.nodes)


class Progress(StrEnum):
    DONE = "done"
    NEXT = "next"
    LEFT = "left"


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRow:
    """One step of a job's plan; ``sentence`` and ``seconds`` of one that is on record."""

    step: str
    progress: Progress
    sentence: str = ""
    seconds: float | None = None


def step_rows(job: Job) -> tuple[StepRow, ...]:
    """Every step of the plan; of one that is not on record only the first is next, and only while the job is open."""
    done = {each.step: each for each in job.steps}
    following = None if job.state.ended else next((name for name in job.plan if name not in done), None)
    return tuple(
        StepRow(step=name, progress=Progress.DONE, sentence=done[name].sentence, seconds=done[name].seconds)
        if name in done
        else StepRow(step=name, progress=Progress.NEXT if name == following else Progress.LEFT)
        for name in job.plan
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PastJob:
    """A job that has ended. ``new_primary``: None where nobody was promoted. ``lost``: in a few words."""

    job: str
    kind: JobKind
    state: JobState
    because: str
    old_primary: str
    new_primary: str | None
    opened_at: float
    ended_at: float | None
    seconds: float | None
    lost: str


def _lost(kind: JobKind, promoted: bool, account: LossAccount | None) -> str:
    if account is None and promoted and kind is JobKind.SWITCHOVER:
        return "nothing"  # its target had all there was before it was promoted
    if account is None:
        return "not counted" if promoted else "nothing promoted"
    if account.complete:
        return f"{account.transactions} transactions" if account.transactions else "nothing"
    return f"{account.transactions} transactions or more" if account.transactions else "nobody can tell"


def past_job(job: Job, account: LossAccount | None) -> PastJob:
    """``account``: what it lost, where that is on record."""
    promoted = "promote" in job.steps_done
    return PastJob(
        job=job.id,
        kind=job.kind,
        state=job.state,
        because=job.because,
        old_primary=job.old_primary,
        new_primary=job.candidate if promoted else None,
        opened_at=job.opened_at,
        ended_at=job.ended_at,
        seconds=None if job.ended_at is None else job.ended_at - job.opened_at,
        lost=_lost(job.kind, promoted, account),
    )
