"""docs/rejoin.md: the tables about nodes that come back and nodes that are rebuilt."""

from __future__ import annotations

import re
from types import ModuleType

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import channel_account, clone, rebuild, rejoin
from tests.tools.pages import markdown as md


def named(text: str) -> str:
    """What is filled in when the sentence is said, by its name."""
    return re.sub(r"\{(?:one\.)?(\w+)\}", r"*\1*", text)


def sentences(module: ModuleType, name: str, texts: list[str]) -> str:
    rows = [
        (str(number), named(text), md.code(condition))
        for number, (text, condition) in enumerate(zip(texts, md.conditions(module, name), strict=True), 1)
    ]
    return md.table(("", "because", "condition"), rows)


def courses_table() -> str:
    conditions = md.conditions(rejoin, "RULES")
    rows = [
        (str(number), md.code(row.course.value), named(row.because), md.code(condition))
        for number, (row, condition) in enumerate(zip(rejoin.RULES, conditions, strict=True), 1)
    ]
    return md.table(("", "course", "because", "condition"), rows)


def endings_table() -> str:
    conditions = md.conditions(clone, "ENDINGS")
    rows = [
        (md.code(row.ending.value), row.because, md.code(condition))
        for row, condition in zip(clone.ENDINGS, conditions, strict=True)
    ]
    return md.table(("ending", "what it means", "MySQL's error number"), rows)


def modes_table() -> str:
    rows = [
        (md.code(mode), md.code(", ".join(f"{name} = {value}" for name, value in options.items())))
        for mode, options in channel_account.MODES.items()
    ]
    return md.table(("`ssl-mode`", "the channel's options"), rows)


def page() -> str:
    return md.page(
        "Nodes that come back",
        "plugins/module_utils/_core/{rejoin,rebuild,clone,channel_account}.py",
        "What becomes of a node that is to be a replica, again or for the first time. How to run it is in"
        " [operating.md](operating.md#a-node-that-comes-back).",
        "## What the module `rejoin` does with a node",
        "The node is asked first, then the primary, which goes on writing. The first row that matches wins. Only"
        " `admit` changes anything on the node; `quarantine` and `rebuild` leave it as it is.",
        courses_table(),
        "## When a node is not rebuilt",
        "The first row that matches is told, and nothing is changed.",
        sentences(rebuild, "REFUSALS", [row.because for row in rebuild.REFUSALS]),
        "## Who cannot give a copy",
        "The first row that matches is told. The primary may give one, too.",
        sentences(rebuild, "DONOR_FAULTS", [row.because for row in rebuild.DONOR_FAULTS]),
        "Of the others they are asked in this order; what is equal in all goes by name. After a copy that failed the"
        " next one is asked.",
        sentences(rebuild, "DONOR_PREFERENCES", [row.because for row in rebuild.DONOR_PREFERENCES]),
        "## How a copy ends",
        "By the error with which the statement `CLONE INSTANCE` comes back. The first row that matches.",
        endings_table(),
        "## A channel that is made anew",
        "Host and port are the primary's, position is automatic. User, password and TLS come from the replication"
        " account's option file.",
        modes_table(),
    )
