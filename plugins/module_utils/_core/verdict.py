# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a snapshot to a verdict: an ordered table, the first row that matches wins, each row with its sentence.

The rule of the house: the primary is alive if the orchestrator or at least one replica can connect to it. Only when
both fail does a failover go on. What nobody could tell is UNCERTAIN, and never acted on by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .health import Health
from .observation import ProcessState, Reach
from .snapshot import Snapshot


class Verdict(StrEnum):
    FALSE_ALARM = "false_alarm"
    UNREACHABLE_PRIMARY = "unreachable_primary"
    DEAD_PRIMARY = "dead_primary"
    HUNG_PRIMARY = "hung_primary"
    LOST_PRIMARY = "lost_primary"
    RESTARTED_PRIMARY = "restarted_primary"
    FENCED_PRIMARY = "fenced_primary"
    READ_ONLY_PRIMARY = "read_only_primary"
    UNCERTAIN = "uncertain"

    @property
    def refutes(self) -> bool:
        """Somebody reached the primary: the suspicion is answered, and nothing is the matter with mysqld."""
        return self in (Verdict.FALSE_ALARM, Verdict.UNREACHABLE_PRIMARY)

    @property
    def actionable(self) -> bool:
        """A failover may go on from here; permission still has its say."""
        return not self.refutes and self is not Verdict.UNCERTAIN


class Case(StrEnum):
    """The cases that the service must tell apart; each is named by the rows that answer it."""

    HOST_DOWN = "1. The host is down"
    MYSQLD_DOWN = "2. mysqld is down, its host is up"
    REPLICAS_CUT_OFF = "3. Primary and replicas are cut off from each other, and both live"
    ORCHESTRATOR_CUT_OFF = "4. The orchestrator is cut off from the primary, the monitor is not and was told of an exit"
    MONITOR_CUT_OFF = "5. The monitor is cut off from the primary, the orchestrator is not"
    BOTH_CUT_OFF = "6. Monitor and orchestrator are both cut off from the primary"


@dataclass(frozen=True, slots=True)
class Rule:
    """``cases``: those of the known cases that this row answers."""

    verdict: Verdict
    because: str
    matches: Callable[[Snapshot], bool]
    cases: tuple[Case, ...] = ()

    @property
    def actionable(self) -> bool:
        return self.verdict.actionable


RULES: tuple[Rule, ...] = (
    Rule(
        Verdict.RESTARTED_PRIMARY,
        "its agent saw mysqld exit; one is back that does not let the orchestrator in, and it boots read-only",
        lambda seen: seen.orchestrator is Reach.DUBIOUS and seen.exit_was_reported and seen.read_only is not False,
    ),
    Rule(
        Verdict.FALSE_ALARM,
        "the primary answered the orchestrator and refused to let it in; a server that refuses is alive",
        lambda seen: seen.orchestrator is Reach.DUBIOUS,
    ),
    Rule(
        Verdict.RESTARTED_PRIMARY,
        "its agent saw mysqld exit; it is back and boots read-only, so the cluster has no writable primary",
        lambda seen: seen.orchestrator is Reach.REACHED and seen.exit_was_reported and seen.read_only is True,
    ),
    Rule(
        Verdict.FENCED_PRIMARY,
        "it has fenced itself when its lease was lost and is reachable again; the cluster has no writable primary",
        lambda seen: (
            seen.orchestrator is Reach.REACHED and seen.suspected is Health.SELF_FENCED and seen.read_only is True
        ),
    ),
    Rule(
        Verdict.READ_ONLY_PRIMARY,
        "its reports and the orchestrator's own look show it read-only, so the cluster has no writable primary;"
        " who makes it read-only on purpose announces maintenance first",
        lambda seen: (
            seen.orchestrator is Reach.REACHED and seen.suspected is Health.PRIMARY_READ_ONLY and seen.read_only is True
        ),
    ),
    Rule(
        Verdict.FALSE_ALARM,
        "the orchestrator reaches the primary",
        lambda seen: seen.orchestrator is Reach.REACHED,
        cases=(Case.REPLICAS_CUT_OFF, Case.MONITOR_CUT_OFF),
    ),
    Rule(
        Verdict.UNCERTAIN,
        "monitors and the orchestrator are cut off from the primary, but a replica still reaches it",
        lambda seen: bool(seen.replicas_reaching_primary) and seen.suspected is Health.HOST_SILENT,
        cases=(Case.BOTH_CUT_OFF,),
    ),
    Rule(
        Verdict.UNREACHABLE_PRIMARY,
        "the orchestrator cannot reach the primary, but a replica still does",
        lambda seen: bool(seen.replicas_reaching_primary),
    ),
    Rule(
        Verdict.UNCERTAIN,
        "the orchestrator's own connection attempt gave no answer to judge by",
        lambda seen: not seen.orchestrator.denies_life,
    ),
    Rule(
        Verdict.DEAD_PRIMARY,
        "its agent saw mysqld exit, and neither the orchestrator nor a replica reaches it",
        lambda seen: seen.exit_was_seen,
        cases=(Case.MYSQLD_DOWN, Case.ORCHESTRATOR_CUT_OFF),
    ),
    Rule(
        Verdict.LOST_PRIMARY,
        "its host is known to be down, and neither the orchestrator nor a replica reaches it",
        lambda seen: seen.host is False and seen.agent is ProcessState.UNKNOWN,
        cases=(Case.HOST_DOWN,),
    ),
    Rule(
        Verdict.UNCERTAIN,
        "too few of the replicas that vote on the primary's lease say that they cannot reach it",
        lambda seen: not seen.enough_deny,
    ),
    Rule(
        Verdict.HUNG_PRIMARY,
        "mysqld runs, by its agent's word, and answers nobody: not its agent, not the orchestrator, no replica",
        lambda seen: (
            seen.agent is ProcessState.RUNNING and seen.suspected is Health.MYSQLD_HUNG and seen.agent_reach.denies_life
        ),
    ),
    Rule(
        Verdict.UNCERTAIN,
        "the primary's agent still answers and says that mysqld runs; only the ways to mysqld are cut",
        lambda seen: seen.agent is ProcessState.RUNNING,
    ),
    Rule(
        Verdict.LOST_PRIMARY,
        "monitors miss its reports, and neither the orchestrator nor any replica reaches it",
        lambda seen: seen.suspected is Health.HOST_SILENT,
        cases=(Case.HOST_DOWN, Case.BOTH_CUT_OFF),
    ),
    Rule(
        Verdict.UNCERTAIN,
        "nobody reaches the primary, but its reports have not been missing for three beats and no exit was seen",
        lambda _seen: True,
    ),
)


def judge(snapshot: Snapshot) -> Rule:
    """The row that applies to ``snapshot``; the last row matches everything."""
    return next(rule for rule in RULES if rule.matches(snapshot))
