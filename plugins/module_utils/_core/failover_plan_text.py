# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a failover as lines of text for people."""

from __future__ import annotations

from .failover_plan import MEASURED, SEMI_SYNCHRONOUS, FailoverPlan, Foretold
from .foresight import Death, Sight
from .plan import FAILOVER
from .status_text import printable, table

IF: dict[Death, str] = {
    Death.MYSQLD: "if mysqld of {primary} died now",
    Death.HOST: "if the host of {primary} died now",
}


def state_of(sight: Sight) -> str:
    """Of the primary, in a sentence."""
    who = f"{sight.spec.cluster}: {sight.primary} is primary under epoch {sight.epoch}"
    if sight.fault:
        return f"{who}, and it does not answer: {sight.fault}"
    return f"{who}, and it answers" if sight.writable else f"{who}, and it answers, but is read-only"


def headline(plan: FailoverPlan) -> str:
    """What would come of each death, in one sentence."""
    outcomes = (f"{IF[case.death].format(primary=plan.sight.primary)}, {case.sentence}" for case in plan.cases)
    return "; ".join((state_of(plan.sight), *outcomes))


def _case(case: Foretold, primary: str) -> list[str]:
    in_the_way = case.forbidden or case.held_up
    told = [
        *(("no failover by itself", each) for each in case.forbidden),
        *([("but", "altair_force would overrule that")] if case.yields else []),
        *(("held up", each) for each in case.held_up),
        *(("at risk", each) for each in case.risks),
        ("concluded", f"{case.verdict.value}: {case.because}"),
        ("no write for", f"{case.gap.sentence}{', if nothing were in the way' if in_the_way else ''}"),
        *(
            (f"  {span.part}", f"{'?' if span.seconds is None else f'{span.seconds:.1f} s'}: {span.because}")
            for span in case.gap.spans
        ),
        ("lost", case.loss.sentence),
    ]
    rows = table(("", ""), told)[1:]
    return ["", f"{IF[case.death].format(primary=primary)}:", *(f"  {row}" for row in rows)]


def plan_lines(plan: FailoverPlan) -> list[str]:
    """What a person wants to know first stands first."""
    sight = plan.sight
    who = f"candidate: {plan.choice.name}: {plan.choice.because}" if plan.choice.name else "candidate: nobody"
    lines = [
        state_of(sight),
        *([f"it is suspected right now: {sight.suspected}"] if sight.suspected else []),
        who,
        *(f"not {name}: {reason}" for name, reason in sorted(plan.passed_over.items())),
        SEMI_SYNCHRONOUS[sight.semi_synchronous],
    ]
    cases = [line for case in plan.cases for line in _case(case, sight.primary)]
    steps = table(("STEP", "WHAT IT DOES"), ((step.name, step.does) for step in FAILOVER))
    return [*map(printable, (*lines, *cases)), "", *steps, "", MEASURED.format(primary=sight.primary)]
