# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A monitor's judgement of one node: what its last report and its silence mean, and whether to raise a suspicion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .observation import LeaseState, Observation, ProcessState, Reach

MISSED_BEATS_MAX = 3.0  # three reports in a row missing: 30 s of silence at a beat of 10 s
READ_ONLY_BEATS_MAX = 1.5  # between the first and the last of the reports that show a read-only primary: three of them


class Health(StrEnum):
    HEALTHY = "healthy"
    MYSQLD_EXITED = "mysqld_exited"
    MYSQLD_OVERLOADED = "mysqld_overloaded"
    MYSQLD_HUNG = "mysqld_hung"
    MYSQLD_DUBIOUS = "mysqld_dubious"
    SELF_FENCED = "self_fenced"
    PRIMARY_READ_ONLY = "primary_read_only"
    HOST_SILENT = "host_silent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeRecord:
    """What a monitor knows of a node it watches. ``silence_beats``: time since the last report, in beats.

    ``primary``: it is primary on record. ``read_only_beats``: for how long its reports have shown it read-only, counted
    from the first such report that came when it was primary under this epoch already; None where the last one does not.
    ``overload_seconds_max``: for how long a mysqld that works need not answer, by the cluster's policy.
    """

    last: Observation | None
    silence_beats: float
    primary: bool = False
    read_only_beats: float | None = None
    overload_seconds_max: float = 0.0

    @property
    def overloaded(self) -> bool:
        """Slow rather than hung. One that its agent has fenced takes no writes: nothing is gained by waiting for it."""
        last = self.last
        if last is None or last.reach is not Reach.TIMED_OUT or last.lease is LeaseState.FENCED or not last.working:
            return False
        return last.unanswered_seconds is not None and last.unanswered_seconds < self.overload_seconds_max

    @property
    def primary_read_only(self) -> bool:
        return self.primary and self.read_only_beats is not None and self.read_only_beats >= READ_ONLY_BEATS_MAX

    @property
    def process(self) -> ProcessState:
        return self.last.process if self.last else ProcessState.UNKNOWN

    @property
    def lease(self) -> LeaseState:
        return self.last.lease if self.last else LeaseState.NONE

    @property
    def reach(self) -> Reach:
        return self.last.reach if self.last else Reach.UNKNOWN


@dataclass(frozen=True, slots=True)
class HealthRule:
    """One row: the first that matches names the node's health. ``suspicious``: worth an orchestrator's screening."""

    health: Health
    because: str
    suspicious: bool
    matches: Callable[[NodeRecord], bool]


HEALTH_RULES: tuple[HealthRule, ...] = (
    HealthRule(
        Health.HOST_SILENT,
        "three reports in a row are missing",
        suspicious=True,
        matches=lambda node: node.silence_beats >= MISSED_BEATS_MAX,
    ),
    HealthRule(
        Health.UNKNOWN,
        "no report has come yet",
        suspicious=False,
        matches=lambda node: node.last is None,
    ),
    HealthRule(
        Health.MYSQLD_EXITED,
        "its agent saw mysqld exit",
        suspicious=True,
        matches=lambda node: node.process is ProcessState.EXITED,
    ),
    HealthRule(
        Health.MYSQLD_OVERLOADED,
        "mysqld does not answer its own agent, but its process works; it is given the policy's overload_seconds_max",
        suspicious=False,
        matches=lambda node: node.overloaded,
    ),
    HealthRule(
        Health.MYSQLD_HUNG,
        "mysqld does not answer its own agent, which saw no exit",
        suspicious=True,
        matches=lambda node: node.reach.denies_life,
    ),
    HealthRule(
        Health.SELF_FENCED,
        "its lease was lost, and its agent has made it read-only",
        suspicious=True,
        matches=lambda node: node.lease is LeaseState.FENCED,
    ),
    HealthRule(
        Health.MYSQLD_DUBIOUS,
        "mysqld answers its agent and does not let it in",
        suspicious=False,
        matches=lambda node: node.reach is Reach.DUBIOUS,
    ),
    HealthRule(
        Health.PRIMARY_READ_ONLY,
        "it is primary on record, and three reports in a row show it read-only",
        suspicious=True,
        matches=lambda node: node.reach is Reach.REACHED and node.primary_read_only,
    ),
    HealthRule(
        Health.HEALTHY,
        "mysqld runs and answers",
        suspicious=False,
        matches=lambda node: node.reach is Reach.REACHED,
    ),
    HealthRule(
        Health.UNKNOWN,
        "its agent has not probed mysqld yet",
        suspicious=False,
        matches=lambda _node: True,
    ),
)


def judge_node(node: NodeRecord) -> HealthRule:
    """The row that applies; the last row matches everything."""
    return next(rule for rule in HEALTH_RULES if rule.matches(node))
