# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of a node: each breach a row. A breach fails nothing over and suspects nobody.

A value raises its breach when it reaches its limit and ends it only when it is below the limit by a margin; in between,
and where nobody can tell, all stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from .cluster import Thresholds
from .health import Health
from .observation import LeaseState, Observation, Reach, ServerState, Vitals


class Breach(StrEnum):
    SILENCE = "silence"
    PROCESS = "process"
    DISK = "disk"
    INODES = "inodes"
    READ_ONLY_DISK = "read_only_disk"
    REPLICATION = "replication"
    LAG = "lag"
    WRITABLE = "writable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a monitor knows of a node at one moment. ``primary``: by the record, so that it has no source of its own.

    ``report``: the last one; None where there is none, or where it is so old that it tells nothing any more.
    ``new``: it had not come yet at the look before.
    """

    health: Health
    primary: bool
    report: Observation | None
    new: bool

    @property
    def silent(self) -> bool | None:
        """Only a report ends a silence; a monitor that counts anew has heard nothing."""
        if self.health is Health.HOST_SILENT:
            return True
        return False if self.new else None

    @property
    def mysqld_down(self) -> bool | None:
        if self.health in (Health.UNKNOWN, Health.HOST_SILENT):
            return None
        return self.health in (Health.MYSQLD_EXITED, Health.MYSQLD_OVERLOADED, Health.MYSQLD_HUNG)

    @property
    def vitals(self) -> Vitals:
        return self.report.vitals if self.report else Vitals()

    @property
    def server(self) -> ServerState | None:
        """Of a mysqld that has just answered."""
        return self.report.server if self.report and self.report.reach is Reach.REACHED else None

    @property
    def disk_share(self) -> float | None:
        return _share(self.vitals.disk_bytes_used, self.vitals.disk_bytes_total)

    @property
    def inodes_share(self) -> float | None:
        return _share(self.vitals.inodes_used, self.vitals.inodes_total)

    @property
    def disk_read_only(self) -> bool | None:
        return None if self.vitals.disk_writable is None else not self.vitals.disk_writable

    @property
    def replication_stands(self) -> bool | None:
        """Some channel of a replica has no receiver or applier at work, or there is no channel."""
        if self.primary:
            return False
        if self.server is None:
            return None
        channels = self.server.channels
        return not channels or not all(each.receiver_running and each.applier_running for each in channels)

    @property
    def usurped(self) -> bool | None:
        """By its agent's word, which it keeps until mysqld is started anew."""
        return self.report.lease is LeaseState.USURPED if self.report else None

    @property
    def lag_seconds(self) -> float | None:
        """The heartbeat's where it is sure, else the larger one of what is known."""
        if self.primary:
            return 0.0
        if self.server is None or self.report is None:
            return None
        heartbeat = self.report.heartbeat
        if heartbeat is not None and heartbeat.sure:
            return heartbeat.lag_seconds
        told = [each.lag_seconds for each in self.server.channels if each.lag_seconds is not None]
        return max(told + ([heartbeat.lag_seconds] if heartbeat else []), default=None)


def _share(used: int | None, total: int | None) -> float | None:
    return None if used is None or not total else used / total


@dataclass(frozen=True, slots=True)
class Threshold:
    """One row. ``measure``: the value (of a yes, 1), None where nobody can tell; ``limit``: None where there is none.

    ``because``: for people, with ``value``, ``limit`` and ``look``. ``patient``: one look is not enough to raise it.
    """

    breach: Breach
    because: str
    patient: bool
    measure: Callable[[Look], float | None]
    limit: Callable[[Thresholds], float | None]


THRESHOLDS: tuple[Threshold, ...] = (
    Threshold(
        Breach.SILENCE,
        "three reports in a row are missing",
        patient=False,
        measure=lambda look: look.silent,
        limit=lambda _: 1,
    ),
    Threshold(
        Breach.PROCESS,
        "mysqld is not there or does not answer its agent ({look.health.value})",
        patient=False,
        measure=lambda look: look.mysqld_down,
        limit=lambda _: 1,
    ),
    Threshold(
        Breach.DISK,
        "the data folder's file system is {value:.1%} full, the limit is {limit:.1%}",
        patient=False,
        measure=lambda look: look.disk_share,
        limit=lambda policy: policy.disk_share_max,
    ),
    Threshold(
        Breach.INODES,
        "the data folder's file system has used {value:.1%} of its inodes, the limit is {limit:.1%}",
        patient=False,
        measure=lambda look: look.inodes_share,
        limit=lambda policy: policy.inodes_share_max,
    ),
    Threshold(
        Breach.READ_ONLY_DISK,
        "the data folder's file system takes no writes: {look.vitals.disk_detail}",
        patient=False,
        measure=lambda look: look.disk_read_only,
        limit=lambda _: 1,
    ),
    Threshold(
        Breach.REPLICATION,
        "it does not replicate: a receiver or an applier has stopped, or it has no channel",
        patient=True,
        measure=lambda look: look.replication_stands,
        limit=lambda _: 1,
    ),
    Threshold(
        Breach.LAG,
        "it is {value:.0f} s behind the primary, the limit is {limit:g} s",
        patient=True,
        measure=lambda look: look.lag_seconds,
        limit=lambda policy: policy.lag_seconds_max,
    ),
    Threshold(
        Breach.WRITABLE,
        "it took writes while another node was primary, and its agent has fenced it; no other node has what it took",
        patient=False,
        measure=lambda look: look.usurped,
        limit=lambda _: 1,
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """A breach on record, with the sentence of the moment in which it was raised."""

    breach: Breach
    because: str
    raised_at: float


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one node from look to look. ``over``: how many looks in a row were over a limit."""

    raised: tuple[Raised, ...] = ()
    over: dict[Breach, int] = field(default_factory=dict)

    def has(self, breach: Breach) -> Raised | None:
        return next((each for each in self.raised if each.breach is breach), None)


def watch(before: Watch, look: Look, policy: Thresholds, *, now_at: float) -> Watch:
    """The next watch. A look at the same report as before is not one more in a row."""
    raised, over = [], {}
    for row in THRESHOLDS:
        known = before.has(row.breach)
        value, limit = row.measure(look), row.limit(policy)
        many = before.over.get(row.breach, 0)
        if limit is None:
            continue
        if value is not None:
            many = many + int(look.new) if value >= limit else 0
        if known is not None and (value is None or value >= limit * (1 - policy.margin_share)):
            raised.append(known)
        elif value is not None and value >= limit and (many >= policy.looks or not row.patient):
            sentence = row.because.format(value=value, limit=limit, look=look)
            raised.append(Raised(breach=row.breach, because=sentence, raised_at=now_at))
        over[row.breach] = many
    return Watch(tuple(raised), over)
