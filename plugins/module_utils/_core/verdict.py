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
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Rule:
    """``actionable``: a failover may go on from here (permission still has its say)."""

    verdict: Verdict
    because: str
    actionable: bool
    matches: Callable[[Snapshot], bool]


RULES: tuple[Rule, ...] = (
    Rule(
        Verdict.FALSE_ALARM,
        "the primary answered the orchestrator and refused to let it in; a server that refuses is alive",
        actionable=False,
        matches=lambda seen: seen.orchestrator is Reach.DUBIOUS,
    ),
    Rule(
        Verdict.RESTARTED_PRIMARY,
        "its agent saw mysqld exit; it is back and boots read-only, so the cluster has no writable primary",
        actionable=True,
        matches=lambda seen: seen.orchestrator is Reach.REACHED and seen.exit_was_suspected and seen.read_only is True,
    ),
    Rule(
        Verdict.FENCED_PRIMARY,
        "it has fenced itself when its lease was lost and is reachable again; the cluster has no writable primary",
        actionable=True,
        matches=lambda seen: (
            seen.orchestrator is Reach.REACHED and seen.suspected is Health.SELF_FENCED and seen.read_only is True
        ),
    ),
    Rule(
        Verdict.FALSE_ALARM,
        "the orchestrator reaches the primary",
        actionable=False,
        matches=lambda seen: seen.orchestrator is Reach.REACHED,
    ),
    Rule(
        Verdict.UNCERTAIN,
        "monitors and the orchestrator are cut off from the primary, but a replica still reaches it",
        actionable=False,
        matches=lambda seen: bool(seen.replicas_reaching_primary) and seen.suspected is Health.HOST_SILENT,
    ),
    Rule(
        Verdict.UNREACHABLE_PRIMARY,
        "the orchestrator cannot reach the primary, but a replica still does",
        actionable=False,
        matches=lambda seen: bool(seen.replicas_reaching_primary),
    ),
    Rule(
        Verdict.DEAD_PRIMARY,
        "its agent saw mysqld exit, and neither the orchestrator nor a replica reaches it",
        actionable=True,
        matches=lambda seen: seen.exit_was_seen and seen.orchestrator.denies_life,
    ),
    Rule(
        Verdict.UNCERTAIN,
        "the orchestrator's own connection attempt gave no answer to judge by",
        actionable=False,
        matches=lambda seen: not seen.orchestrator.denies_life,
    ),
    Rule(
        Verdict.UNCERTAIN,
        "too few of the replicas that vote on the primary's lease say that they cannot reach it",
        actionable=False,
        matches=lambda seen: not seen.enough_deny,
    ),
    Rule(
        Verdict.HUNG_PRIMARY,
        "mysqld runs, by its agent's word, and answers nobody: not its agent, not the orchestrator, no replica",
        actionable=True,
        matches=lambda seen: seen.agent is ProcessState.RUNNING and seen.suspected is Health.MYSQLD_HUNG,
    ),
    Rule(
        Verdict.UNCERTAIN,
        "the primary's agent still answers and says that mysqld runs; only the ways to mysqld are cut",
        actionable=False,
        matches=lambda seen: seen.agent is ProcessState.RUNNING,
    ),
    Rule(
        Verdict.LOST_PRIMARY,
        "monitors miss its reports, and neither the orchestrator nor any replica reaches it",
        actionable=True,
        matches=lambda seen: seen.suspected is Health.HOST_SILENT,
    ),
    Rule(
        Verdict.UNCERTAIN,
        "nobody reaches the primary, but its reports have not been missing for three beats and no exit was seen",
        actionable=False,
        matches=lambda _seen: True,
    ),
)


def judge(snapshot: Snapshot) -> Rule:
    """The row that applies to ``snapshot``; the last row matches everything."""
    return next(rule for rule in RULES if rule.matches(snapshot))
