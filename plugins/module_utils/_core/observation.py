# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node says of itself (observation) and what another saw of it (sighting)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class ProcessState(StrEnum):
    """The mysqld process, by the word of the agent that runs beside it."""

    RUNNING = "running"
    EXITED = "exited"  # the agent saw the exit, or finds no such process: proof, not opinion
    UNKNOWN = "unknown"


class Reach(StrEnum):
    """The answer to "can you connect to it?"."""

    REACHED = "reached"
    DUBIOUS = "dubious"  # it answered and would not let us in: too many connections, login, TLS
    REFUSED = "refused"  # nothing listens there
    TIMED_OUT = "timed_out"
    UNKNOWN = "unknown"  # not asked, or the one asked did not answer

    @property
    def shows_life(self) -> bool:
        """A server that says no is a server that lives."""
        return self in (Reach.REACHED, Reach.DUBIOUS)

    @property
    def denies_life(self) -> bool:
        """The observer tried and failed. UNKNOWN denies nothing."""
        return self in (Reach.REFUSED, Reach.TIMED_OUT)


class LeaseState(StrEnum):
    """A primary's permission to write, by the word of its agent; see lease.py."""

    NONE = "none"  # not a writable primary, or it does not know yet: nothing is guarded
    HELD = "held"
    USURPED = "usurped"  # mysqld took writes while another was primary, and the agent has fenced it
    FENCED = "fenced"  # it was lost, and the agent has made mysqld read-only, or killed it
    OFF = "off"  # the agent of a primary is silent: nobody guards it


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One replication channel of a replica. ``lag_seconds`` is None when the server cannot tell."""

    name: str
    source_host: str
    source_port: int
    source_uuid: str
    receiver_running: bool
    applier_running: bool
    gtid_retrieved: str
    lag_seconds: float | None = None
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerState:
    """What one connection to a mysqld tells. GTID sets are in MySQL's text form.

    ``binlog_index``: path of the file that lists the binary logs; empty when the server writes none.
    """

    server_uuid: str
    version: str
    read_only: bool
    super_read_only: bool
    gtid_executed: str
    binlog_index: str = ""
    channels: tuple[Channel, ...] = ()

    @property
    def writable(self) -> bool:
        return not self.read_only


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """What an agent finds around its mysqld; None where it cannot tell, for example because the disk hangs.

    Of the file system that holds the data folder. ``total`` is what others than root may fill, so used of total is what
    df shows. ``disk_writable``: by its flags and by writing a small file; ``disk_detail`` says what was in the way.
    ``agent_cpu_share``: of one core, since the report before.
    """

    disk_bytes_used: int | None = None
    disk_bytes_total: int | None = None
    inodes_used: int | None = None
    inodes_total: int | None = None
    disk_writable: bool | None = None
    disk_detail: str = ""
    agent_cpu_share: float | None = None
    agent_memory_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    """How many seconds of the work of ``primary`` a replica had not applied, by its agent's clock alone; see lag.py.

    ``sure``: else it is at least that, because the agent has not seen the replica level with the primary since either
    of them started, or has heard nothing of the primary for ten beats.
    """

    primary: str
    lag_seconds: float
    sure: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One agent's report on its own node.

    ``incarnation`` names the agent's start, ``sequence`` counts its reports since then. ``server`` is the last state
    that could be read; ``reach`` says whether that was just now (REACHED) or why not. Of a primary: the version of the
    voters its lease goes by (0: it knows none), and those whose vouch is good now. ``heartbeat``: of a replica, once
    its agent has heard of the primary. ``unanswered_seconds``: since mysqld last answered its agent, or was found; 0
    while it answers, None where it was not asked. ``working``: whether its process uses the CPU; see work.py.
    """

    cluster: str
    node: str
    incarnation: int
    sequence: int
    process: ProcessState
    reach: Reach
    detail: str = ""
    server: ServerState | None = None
    lease: LeaseState = LeaseState.NONE
    voters_version: int = 0
    vouching: tuple[str, ...] = ()
    vitals: Vitals = field(default_factory=Vitals)
    heartbeat: Heartbeat | None = None
    unanswered_seconds: float | None = None
    working: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """What ``observer`` saw when it tried to connect to ``target``'s mysqld."""

    observer: str
    target: str
    reach: Reach
    detail: str = ""
