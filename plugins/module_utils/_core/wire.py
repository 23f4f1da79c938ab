# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agents, monitors and orchestrators say to each other over HTTPS: the paths and the shapes (JSON)."""

from __future__ import annotations

from dataclasses import dataclass

from .cluster import Node
from .observation import ProcessState

OBSERVATION_PATH = "/v1/observation"  # GET agent → Observation, probed now
SIGHTING_PATH = "/v1/sighting"  # POST agent: SightingRequest → Sighting
STOP_PATH = "/v1/stop"  # POST agent: StopRequest → StopAnswer
SALVAGE_PATH = "/v1/salvage"  # POST agent: SalvageRequest → SalvageAnswer
VOUCH_PATH = "/v1/vouch"  # POST agent, by a primary's agent: VouchRequest → Vouch
EXPIRY_PATH = "/v1/expiry"  # POST agent: ExpiryRequest → VoterWord
REPORT_PATH = "/v1/report"  # POST monitor: Observation → Acknowledgement
STATUS_PATH = "/v1/status"  # GET monitor → MonitorStatus
RELAY_PATH = "/v1/relay"  # POST monitor, by another monitor: Observation → Acknowledgement


@dataclass(frozen=True, kw_only=True, slots=True)
class SightingRequest:
    """ "Can *you* connect to the mysqld of ``target``?" """

    target: str
    address: str
    port: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRequest:
    """An order to kill this node's mysqld, given by ``job`` under ``epoch``."""

    cluster: str
    node: str
    job: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StopAnswer:
    process: ProcessState
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SalvageRequest:
    """ "What do your binary logs hold beyond ``have``?", a GTID set; asked by ``job`` under ``epoch``.

    ``rows``: with the rows in readable form, to be accounted for; such a dump cannot be executed.
    """

    cluster: str
    node: str
    job: str
    epoch: int
    have: str
    rows: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class SalvageAnswer:
    """``dump``: what mysqlbinlog printed, compressed (zlib) and in base64. ``truncated``: the last event is cut off, as
    a kill leaves it; what mysqlbinlog complained of is in ``detail``.

    GTID sets, beyond ``have``: ``purged`` were in logs that have been removed; ``missing`` are in the newest log and
    mysqlbinlog does not print them. ``unread``: why the end of the newest log could not be read; empty when it was.
    """

    dump: str
    truncated: bool
    detail: str
    purged: str = ""
    missing: str = ""
    unread: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class VouchRequest:
    """ "Do you still reach my mysqld?", asked of each voter by the agent of the primary, ``node``.

    ``gtid_executed``: what the primary had executed ``seconds_ago``, by which the voter tells its own lag; None: its
    agent has not seen it.
    """

    cluster: str
    node: str
    address: str
    port: int
    gtid_executed: str | None = None
    seconds_ago: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Vouch:
    """Good for 2.5 beats from the moment it was asked for."""

    voter: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpiryRequest:
    """ "Is the lease of the primary ``node`` over, as far as you know? If so, vouch for it no more until ``job`` has
    ended", asked under ``epoch``."""

    cluster: str
    node: str
    address: str
    port: int
    job: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VoterWord:
    """A voter's answer to an orchestrator. ``incarnation`` names its agent's start; a start forgets promises.

    ``against``: it cannot reach the primary, its last vouch is older than 3 beats, and it vouches no more until the job
    has ended. ``because`` says which of these is not so, or that all are.
    """

    voter: str
    incarnation: int
    against: bool
    because: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseTerms:
    """Who is primary under which epoch, and who votes on its lease (``version`` grows with every change of them).

    ``settled``: no job is open, so what a job forbade under this epoch or an older one is allowed again.
    """

    epoch: int
    primary: Node
    settled: bool
    version: int = 0
    voters: tuple[Node, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement:
    """``watcher``: the monitor that judges the node and has the report; ``watcher_url``: where to send the next."""

    watcher: str
    watcher_url: str
    terms: LeaseTerms | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MonitorStatus:
    """What a monitor watches and what that costs it. Sums are of the time since its start.

    ``lag_seconds_max``: by how much its loop was late at the worst, in this minute and the one before.
    """

    monitor: str
    nodes: int
    clusters: int
    reports: int
    refused: int
    zookeeper_reads: int
    zookeeper_writes: int
    cpu_seconds: float
    resident_bytes: int
    lag_seconds_max: float
    up_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a request was not served: one sentence."""

    sentence: str
