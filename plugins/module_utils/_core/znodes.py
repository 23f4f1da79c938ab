# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every znode: its path and the shape of what it holds. All data is JSON; paths hang below the configured root.

``*_at`` is wall-clock time, in seconds since 1970, written for people; only cool-down, maintenance,
the fleet breaker's window and when a paused job is told of again are decided by it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Union

from .cluster import Team
from .health import Health
from .lifecycle import JobState
from .observation import LeaseState, Observation, ProcessState, Reach, Sighting
from .permission import Situation
from .plan import JobKind
from .standing import Standing
from .thresholds import Raised
from .verdict import Verdict

CLUSTERS = "clusters"
MONITORS = "monitors"
ORCHESTRATORS = "orchestrators"
HEALTH = "health"
TROUBLES = "fleet/troubles"
SCREENINGS_MAX = 20  # kept of each cluster

# In the form that ansible-test, which reads this as Python 3.8, takes.
Evidence = dict[str, Union[str, int, float, bool, list[str], dict[str, str], None]]  # noqa: UP007


def cluster_path(cluster: str) -> str:
    """ClusterSpec."""
    return f"{CLUSTERS}/{cluster}"


def state_path(cluster: str) -> str:
    """ClusterState: the epoch's one home."""
    return f"{CLUSTERS}/{cluster}/state"


def lock_path(cluster: str) -> str:
    """LockHolder, ephemeral: who may act on the cluster."""
    return f"{CLUSTERS}/{cluster}/lock"


def suspicion_path(cluster: str) -> str:
    """Suspicion: raised by a monitor, ended by an orchestrator."""
    return f"{CLUSTERS}/{cluster}/suspicion"


def answer_path(cluster: str) -> str:
    """Answer: of the last suspicion that was ended. Its version counts them: a suspicion's znode always begins at 0, so
    who slept could take a newer one for the one that was judged."""
    return f"{CLUSTERS}/{cluster}/answer"


def screening_path(cluster: str) -> str:
    """Screening: the last one, whatever came of it."""
    return f"{CLUSTERS}/{cluster}/screening"


def screenings_path(cluster: str) -> str:
    """ScreeningHistory: the last ones that differ."""
    return f"{CLUSTERS}/{cluster}/screenings"


def maintenance_path(cluster: str) -> str:
    """MaintenancePlan."""
    return f"{CLUSTERS}/{cluster}/maintenance"


def voters_path(cluster: str) -> str:
    """Voters: on the lease of the primary; changed by the monitor that watches it."""
    return f"{CLUSTERS}/{cluster}/voters"


def job_path(cluster: str) -> str:
    """Job: the one under way, or the last that ended."""
    return f"{CLUSTERS}/{cluster}/job"


def history_path(cluster: str, job: str) -> str:
    """Job, ended."""
    return f"{CLUSTERS}/{cluster}/history/{job}"


def promotion_path(cluster: str) -> str:
    """Promotion: begun by the job under way; from then on it cannot be given up."""
    return f"{CLUSTERS}/{cluster}/promotion"


def losses_path(cluster: str, job: str) -> str:
    """LossAccount: what the job lost; no rows."""
    return f"{CLUSTERS}/{cluster}/losses/{job}"


def returned_path(cluster: str, node: str) -> str:
    """ReturnedNode: why a node on its way back is no replica yet; gone once it is one."""
    return f"{CLUSTERS}/{cluster}/returned/{node}"


def pause_path(cluster: str) -> str:
    """MonitoringPause."""
    return f"{CLUSTERS}/{cluster}/pause"


def monitor_path(monitor: str) -> str:
    """MonitorPresence, ephemeral."""
    return f"{MONITORS}/{monitor}"


def orchestrator_path(orchestrator: str) -> str:
    """OrchestratorPresence, ephemeral."""
    return f"{ORCHESTRATORS}/{orchestrator}"


def fleet_breaker_path() -> str:
    """FleetBreaker: its limits; the defaults hold while there is none."""
    return "fleet/breaker"


def trouble_path(cluster: str) -> str:
    """Trouble: the cluster's primary is suspected or being replaced."""
    return f"{TROUBLES}/{cluster}"


def health_path(cluster: str, node: str) -> str:
    """NodeHealth: also the claim of the monitor that watches the node."""
    return f"{HEALTH}/{cluster}/{node}"


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterState:
    """Who is primary, and under which epoch. Changed only by compare-and-set."""

    epoch: int
    primary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Voters:
    """The voters of ``primary``. ``former``: those before this version, until the primary's agent has said that it goes
    by this one; empty where it has said nothing yet, so that nobody can call its lease expired."""

    primary: str
    version: int
    names: tuple[str, ...]
    former: tuple[str, ...] | None = None

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Each set that the primary may be going by."""
        return (self.names,) if self.former is None else (self.names, self.former)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockHolder:
    owner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitorPresence:
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OrchestratorPresence:
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeHealth:
    """A node's health as its monitor judged it, written when it changes or another takes the node over.

    ``lease``: whether a primary is protected (``held``), by its agent's word. ``breaches``: of the cluster's
    thresholds. ``observation`` is that of the moment of writing.
    """

    node: str
    health: Health
    because: str
    monitor: str
    changed_at: float
    lease: LeaseState = LeaseState.NONE
    breaches: tuple[Raised, ...] = ()
    observation: Observation | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspicion:
    """``epoch``: the one under which ``primary`` was primary; a suspicion of an older epoch is void.

    As long as it is open no monitor acknowledges the primary's reports. ``beat_seconds``: the beat it was watched by.
    """

    cluster: str
    primary: str
    epoch: int
    health: Health
    because: str
    monitor: str
    raised_at: float
    beat_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """How a suspicion ended, written in one transaction with its end. ``raised_at``: 0 where it could not be read."""

    because: str
    by: str
    raised_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Screening:
    """What was seen, what was concluded and why nothing was done, if so: enough to draw the conclusion anew.

    ``last_at``: the same was still found then. ``seal``: tells a record that was changed by hand; no secret is in it.
    """

    cluster: str
    primary: str
    epoch: int
    verdict: Verdict
    because: str
    actionable: bool
    blockers: tuple[str, ...]
    suspected: Health
    reported: ProcessState
    agent: ProcessState
    host: bool | None
    orchestrator: Reach
    read_only: bool | None
    replicas: tuple[Sighting, ...]
    voters: tuple[str, ...] | None
    standings: tuple[Standing, ...]
    situation: Situation
    suspected_at: float | None
    screened_by: str
    screened_at: float
    last_at: float
    agent_reach: Reach = Reach.UNKNOWN
    seal: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreeningHistory:
    """Oldest first, neighbours differ."""

    screenings: tuple[Screening, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitoringPause:
    """Suspicions of ``nodes`` are not raised until the job that paused them has ended."""

    job: str
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepRecord:
    """What a step did, in one sentence, with its evidence. ``seconds``: how long it took."""

    step: str
    epoch: int
    changed: bool
    sentence: str
    evidence: Evidence
    finished_at: float
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """Written right before ``candidate`` is made writable, in one transaction with the last look at the epoch."""

    job: str
    epoch: int
    candidate: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement:
    """A team's word that it has stopped its writes, given by ``by``."""

    team: str
    by: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatorWord:
    """A person's word that the old primary can take no write, and how they know."""

    by: str
    reason: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Heritage:
    """What a primary has from the job that made it one and was given up before its end, or left somebody behind.
    ``former``: whose place it took, and whom the replicas may follow still. ``gtid_executed``: all that it had when it
    was promoted."""

    former: str
    gtid_executed: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One failover or switchover, from the plan (written before the act) to its end.

    ``trouble``: why the last run did not get further; empty while all goes well. ``suspicion``: what it answers; from
    that moment until the job has ended no monitor acknowledges the old primary's reports. None: a person opened it.
    ``paused_at``: None while it is not paused. ``teams``: who was told to stop writing when it paused last.
    ``operator_word``: of who forced it; the fence takes it for proof. ``heritage``: of the old primary.
    """

    id: str
    cluster: str
    epoch: int
    owner: str
    state: JobState
    because: str
    old_primary: str
    plan: tuple[str, ...]
    opened_at: float
    ended_at: float | None = None
    candidate: str | None = None
    trouble: str = ""
    suspicion: Suspicion | None = None
    steps: tuple[StepRecord, ...] = field(default_factory=tuple)
    paused_at: float | None = None
    teams: tuple[Team, ...] = ()
    acknowledgements: tuple[Acknowledgement, ...] = ()
    operator_word: OperatorWord | None = None
    kind: JobKind = JobKind.FAILOVER
    heritage: Heritage | None = None

    @property
    def acknowledged(self) -> dict[str, Acknowledgement]:
        """By the team's name."""
        return {each.team: each for each in self.acknowledgements}

    @property
    def silent_teams(self) -> tuple[str, ...]:
        """Those that were asked and have not answered."""
        return tuple(team.name for team in self.teams if team.name not in self.acknowledged)

    @property
    def steps_done(self) -> tuple[str, ...]:
        return tuple(record.step for record in self.steps)

    @property
    def cools_down_from(self) -> float | None:
        """A cool-down counts promotions that nobody asked for: what was planned, or given up before, starts none."""
        return self.ended_at if "promote" in self.steps_done and self.kind is JobKind.FAILOVER else None
