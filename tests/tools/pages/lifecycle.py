"""docs/lifecycle.md: the states of a job, the steps of a failover and of a switchover, and what forbids one."""

from __future__ import annotations

import re

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import quiescence, switchover
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import TRANSITIONS, JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER, SWITCHOVER, Step
from tests.tools.pages import markdown as md


def diagram() -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {JobState.RUNNING.value}: opened, with its plan and a new epoch"]
    lines += [f"    {each.source.value} --> {each.target.value}: {each.because}" for each in TRANSITIONS]
    leads_on = {each.source for each in TRANSITIONS}
    lines += [f"    {state.value} --> [*]" for state in JobState if state not in leads_on]
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def steps_of(plan: tuple[Step, ...]) -> str:
    steps = [
        (str(number), md.code(step.name), md.code(step.stage), md.sentence(step.does))
        for number, step in enumerate(plan, 1)
    ]
    return md.table(("", "step", "called when done", "what it does"), steps)


def told(sentence: str) -> str:
    """What is filled in, by its name."""
    return re.sub(r"\{(?:now|one)\.([a-z_]+)(?::[^}]*)?\}", r"*\1*", sentence)


def about_switchovers() -> tuple[str, ...]:
    refused = zip(switchover.REFUSALS, md.conditions(switchover, "REFUSALS"), strict=True)
    faults = zip(switchover.FAULTS, md.conditions(switchover, "FAULTS"), strict=True)
    rules = zip(quiescence.RULES, md.conditions(quiescence, "RULES"), strict=True)
    return (
        "## Steps of a switchover",
        "Up to `promote` it can be given up, and then the old primary is writable again. Whoever goes on with it begins"
        " at the first step that is not on record.",
        steps_of(SWITCHOVER),
        "## What forbids a switchover",
        "The first row that matches, before anything is changed.",
        md.table(
            ("it is refused because", "condition"), [(told(row.sentence), md.code(when)) for row, when in refused]
        ),
        "What speaks against one replica:",
        md.table(("why not", "condition"), [(told(row.sentence), md.code(when)) for row, when in faults]),
        "## Transactions that are open at a switchover",
        "The first row that matches; looked at again and again, while everybody writes.",
        md.table(
            ("turn", "because", "condition"),
            [(md.code(row.turn.value), row.because, md.code(when)) for row, when in rules],
        ),
    )


def page() -> str:
    ways = [
        (md.code(each.source.value), md.code(each.target.value), each.because, md.code(each.by)) for each in TRANSITIONS
    ]
    ended = ", ".join(md.code(state.value) for state in JobState if state.ended)
    return md.page(
        "The life of a job",
        "plugins/module_utils/_core/lifecycle.py, plan.py, switchover.py and quiescence.py",
        "A job is one failover or switchover of one cluster. Its record is in ZooKeeper and is written before anything"
        " is done.",
        "## States",
        diagram(),
        md.table(("from", "to", "when", "module"), ways),
        "An orchestrator takes jobs over without the module."
        f" A job has ended when it is {ended}. No other way from one state to another exists.",
        "## Steps of a failover",
        "Each step is a module of the collection and bears its name. A step refuses to act before all steps above it"
        " are on record, and under any epoch but the cluster's own.",
        steps_of(FAILOVER),
        *about_switchovers(),
    )
