"""docs/plan.md: what the plan of a failover is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import failover_plan as core
from tests.tools.pages import markdown as md


def told(sentence: str) -> str:
    """What is filled in, by its name."""
    return re.sub(r"\{(?:\w+\.)*(\w+)(?:\[0\])?\}", r"*\1*", sentence)


def listed(rows: Iterable[core.Hindrance]) -> str:
    return "\n".join(f"- {told(row.sentence)}" for row in rows)


def page() -> str:
    parts = [(md.code(part.name), told(part.sentence), told(part.otherwise) or "-") for part in core.GAP]
    return md.page(
        "What the plan of a failover tells",
        "plugins/module_utils/_core/failover_plan.py",
        "The playbook `plan` says what would come of it if the primary died now: with mysqld alone, and with its host."
        " Who would be promoted, and what would forbid it, is decided by the rules of the failover itself"
        " ([verdicts.md](verdicts.md)).",
        "## For how long nobody could write",
        "The sum of the parts that apply.",
        md.table(("part", "what it is", "in words, where nobody can tell the seconds"), parts),
        f"`steps` is {core.STEPS_SECONDS:g} s ([measured](failover_times.md)),"
        f" `deadlines` is {core.DEADLINES_SECONDS:g} s (reckoned from the usual deadlines).",
        "## What could be lost",
        "The first row that matches tells.",
        "\n".join(f"- {told(row.sentence)}" for row in core.LOSSES),
        "## What would be in the way",
        "Beside the [reasons that forbid a failover](verdicts.md):",
        listed(core.NOBODY_ACTS),
        "What would end the job on its way:",
        listed(core.HOLD_UPS),
        "Why the fence might find no proof, unless the primary's agent lives to tell of mysqld's end; the first that"
        " matches tells:",
        listed(core.FENCE_DOUBTS),
    )
