"""docs/lifecycle.md: the states of a job and the steps of a failover."""

from __future__ import annotations

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import TRANSITIONS, JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER
from tests.tools.pages import markdown as md


def diagram() -> str:
    lines = ["stateDiagram-v2", f"    [*] --> {JobState.RUNNING.value}: opened, with its plan and a new epoch"]
    lines += [f"    {each.source.value} --> {each.target.value}: {each.because}" for each in TRANSITIONS]
    leads_on = {each.source for each in TRANSITIONS}
    lines += [f"    {state.value} --> [*]" for state in JobState if state not in leads_on]
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def page() -> str:
    ways = [
        (md.code(each.source.value), md.code(each.target.value), each.because, md.code(each.by)) for each in TRANSITIONS
    ]
    steps = [
        (str(number), md.code(step.name), md.code(step.stage), md.sentence(step.does))
        for number, step in enumerate(FAILOVER, 1)
    ]
    ended = ", ".join(md.code(state.value) for state in JobState if state.ended)
    return md.page(
        "The life of a job",
        "plugins/module_utils/_core/lifecycle.py and plan.py",
        "A job is one failover of one cluster. Its record is in ZooKeeper and is written before anything is done.",
        "## States",
        diagram(),
        md.table(("from", "to", "when", "module"), ways),
        "An orchestrator takes jobs over without the module."
        f" A job has ended when it is {ended}. No other way from one state to another exists.",
        "## Steps of a failover",
        "Each step is a module of the collection and bears its name. A step refuses to act before all steps above it"
        " are on record, and under any epoch but the cluster's own.",
        md.table(("", "step", "called when done", "what it does"), steps),
    )
