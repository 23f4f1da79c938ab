"""The known cases and the table of verdicts: what each is answered with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState, Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.snapshot import Snapshot
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import RULES, Case, Rule, Verdict, judge
from tests.unit.core.test_verdict import (
    LIFE,
    SILENCE_OR_REFUSAL,
    all_fail,
    exit_reported,
    nobody_gets_in,
    reaches,
    voters_deny,
)
from tests.unit.core.worlds import snapshot, snapshots

# The service's known cases, by what has to be so; whatever the other answers are, a row that names the case wins.
KNOWN: dict[Case, Callable[[Snapshot], bool]] = {
    Case.HOST_DOWN: lambda seen: (
        seen.host is False
        and seen.agent is ProcessState.UNKNOWN
        and seen.suspected is Health.HOST_SILENT
        and not exit_reported(seen)
        and all_fail(seen)
    ),
    Case.MYSQLD_DOWN: lambda seen: seen.agent is ProcessState.EXITED and nobody_gets_in(seen),
    Case.REPLICAS_CUT_OFF: lambda seen: (
        seen.orchestrator is Reach.REACHED and seen.read_only is False and reaches(seen) <= SILENCE_OR_REFUSAL
    ),
    Case.ORCHESTRATOR_CUT_OFF: lambda seen: (
        seen.orchestrator is Reach.TIMED_OUT
        and seen.agent is ProcessState.UNKNOWN
        and seen.suspected is Health.MYSQLD_EXITED
        and nobody_gets_in(seen)
    ),
    Case.MONITOR_CUT_OFF: lambda seen: (
        seen.suspected is Health.HOST_SILENT and seen.orchestrator is Reach.REACHED and seen.read_only is False
    ),
    Case.BOTH_CUT_OFF: lambda seen: (
        seen.suspected is Health.HOST_SILENT
        and seen.host is None
        and seen.orchestrator is Reach.TIMED_OUT
        and seen.agent is ProcessState.UNKNOWN
        and not exit_reported(seen)
        and (bool(reaches(seen) & LIFE) or voters_deny(seen))
    ),
}


@pytest.mark.parametrize("case", Case)
def test_each_known_case_is_answered_by_the_rows_that_name_it(case: Case) -> None:
    answers = {RULES.index(judge(seen)) for seen in snapshots() if KNOWN[case](seen)}
    assert answers
    assert answers <= {number for number, rule in enumerate(RULES) if case in rule.cases}


def test_every_row_that_names_a_case_answers_it_somewhere() -> None:
    for case in Case:
        named = {number for number, rule in enumerate(RULES) if case in rule.cases}
        assert named == {RULES.index(judge(seen)) for seen in snapshots() if KNOWN[case](seen)} | (
            {RULES.index(judge(snapshot(Health.HOST_SILENT)))} if case is Case.HOST_DOWN else set()
        )


CASES: tuple[tuple[str, Snapshot, Verdict, bool], ...] = (
    ("the host is down", snapshot(Health.HOST_SILENT, host=False), Verdict.LOST_PRIMARY, True),
    (
        "mysqld is down and the host is up",
        snapshot(Health.MYSQLD_EXITED, ProcessState.EXITED, True, Reach.REFUSED, None, (Reach.REFUSED, Reach.REFUSED)),
        Verdict.DEAD_PRIMARY,
        True,
    ),
    (
        "primary and replicas are cut off from each other and both live",
        snapshot(Health.HEALTHY, ProcessState.RUNNING, True, Reach.REACHED, False),
        Verdict.FALSE_ALARM,
        False,
    ),
    (
        "the orchestrator is cut off and the monitor's reports say that mysqld died",
        snapshot(Health.MYSQLD_EXITED, ProcessState.UNKNOWN, None, Reach.TIMED_OUT),
        Verdict.DEAD_PRIMARY,
        True,
    ),
    (
        "the orchestrator is cut off and the monitor's reports say that mysqld lives",
        snapshot(Health.HEALTHY, ProcessState.UNKNOWN, None, Reach.TIMED_OUT),
        Verdict.UNCERTAIN,
        False,
    ),
    (
        "the monitor is cut off and the orchestrator is not",
        snapshot(Health.HOST_SILENT, ProcessState.RUNNING, True, Reach.REACHED, False),
        Verdict.FALSE_ALARM,
        False,
    ),
    ("monitor and orchestrator are both cut off", snapshot(Health.HOST_SILENT), Verdict.LOST_PRIMARY, True),
    (
        "both are cut off and a replica still reaches it",
        snapshot(Health.HOST_SILENT, replicas=(Reach.TIMED_OUT, Reach.REACHED)),
        Verdict.UNCERTAIN,
        False,
    ),
    (
        "it has too many connections",
        snapshot(Health.MYSQLD_HUNG, ProcessState.RUNNING, True, Reach.DUBIOUS),
        Verdict.FALSE_ALARM,
        False,
    ),
    (
        "a replica is turned away by it",
        snapshot(Health.MYSQLD_HUNG, ProcessState.RUNNING, True, replicas=(Reach.DUBIOUS, Reach.TIMED_OUT)),
        Verdict.UNREACHABLE_PRIMARY,
        False,
    ),
    (
        "mysqld hangs",
        snapshot(Health.MYSQLD_HUNG, ProcessState.RUNNING, True, agent_reach=Reach.TIMED_OUT),
        Verdict.HUNG_PRIMARY,
        True,
    ),
    (
        "mysqld hung, and answers its agent again",
        snapshot(Health.MYSQLD_HUNG, ProcessState.RUNNING, True, agent_reach=Reach.REACHED),
        Verdict.UNCERTAIN,
        False,
    ),
    (
        "its host booted so quickly that nobody missed it, and mysqld came back read-only",
        snapshot(Health.PRIMARY_READ_ONLY, ProcessState.RUNNING, True, Reach.REACHED, True),
        Verdict.READ_ONLY_PRIMARY,
        True,
    ),
    (
        "somebody made it writable again meanwhile",
        snapshot(Health.PRIMARY_READ_ONLY, ProcessState.RUNNING, True, Reach.REACHED, False),
        Verdict.FALSE_ALARM,
        False,
    ),
    (
        "mysqld exited, and the one that is back has too many connections",
        snapshot(Health.MYSQLD_EXITED, ProcessState.RUNNING, True, Reach.DUBIOUS),
        Verdict.RESTARTED_PRIMARY,
        True,
    ),
    (
        "a dead replica left the voters, and then the primary's host is lost",
        snapshot(Health.HOST_SILENT, replicas=(Reach.UNKNOWN, Reach.TIMED_OUT), voters=("db3",)),
        Verdict.LOST_PRIMARY,
        True,
    ),
    (
        "a replica died a moment ago and votes still",
        snapshot(Health.HOST_SILENT, replicas=(Reach.UNKNOWN, Reach.TIMED_OUT), voters=("db2", "db3")),
        Verdict.UNCERTAIN,
        False,
    ),
    (
        "mysqld exited and was restarted before anybody looked",
        snapshot(Health.MYSQLD_EXITED, ProcessState.RUNNING, True, Reach.REACHED, True),
        Verdict.RESTARTED_PRIMARY,
        True,
    ),
)


@pytest.mark.parametrize(
    ("seen", "verdict", "actionable"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_known_cases_are_judged_as_the_service_it_is_modelled_on_does(
    seen: Snapshot, verdict: Verdict, actionable: bool
) -> None:
    rule: Rule = judge(seen)
    assert (rule.verdict, rule.actionable) == (verdict, actionable)
