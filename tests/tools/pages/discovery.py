"""docs/discovery.md: the tables about a cluster's name and about who sits on an old primary."""

from __future__ import annotations

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import dns_audit, dns_switch, sessions
from tests.tools.pages import markdown as md


def switch_table() -> str:
    conditions = md.conditions(dns_switch, "RULES")
    rows = [
        (md.code(row.turn.value), row.because, md.code(condition))
        for row, condition in zip(dns_switch.RULES, conditions, strict=True)
    ]
    return md.table(("what is done", "because", "condition"), rows)


def audit_table() -> str:
    conditions = md.conditions(dns_audit, "RULES")
    rows = [
        (md.code(row.fault), row.sentence, md.code(condition))
        for row, condition in zip(dns_audit.RULES, conditions, strict=True)
    ]
    return md.table(("fault", "what people are told", "condition"), rows)


def spared_table() -> str:
    conditions = md.conditions(sessions, "SPARED")
    rows = [(row.because, md.code(condition)) for row, condition in zip(sessions.SPARED, conditions, strict=True)]
    return md.table(("spared, because", "condition"), rows)


def page() -> str:
    attempts = ", ".join(f"{seconds:g}" for seconds in dns_switch.PAUSES_SECONDS)
    return md.page(
        "Service discovery",
        "plugins/module_utils/_core/{dns_switch,dns_audit,sessions}.py",
        "How the name that leads applications to the primary is moved and watched. What an operator does about it is in"
        " [operating.md](operating.md#the-clusters-name).",
        "## Moving the name",
        "The step `switch_dns` reads what the first authoritative server holds and goes by the first row that matches."
        " An update is one signed message that is carried out only if the record still holds what was read.",
        switch_table(),
        f"A server that does not answer, or fails, is tried again after {attempts} s and so on, until `settle_seconds`"
        " are over. Each attempt begins with a look, so an update whose answer was lost is recognised. A refused key, a"
        " clock that is off and a conflict are not tried again within the step.",
        "## What is wrong with a name",
        "Of each authoritative server every row that holds counts; besides, servers that answer differently disagree."
        " The playbook `status` shows the sentences, a registration warns of them, and nothing else comes of it.",
        audit_table(),
        "## Who is not disconnected",
        "The step `disconnect_clients` ends every session on the old primary but these. It looks again as long as"
        f" clients may keep the name, {sessions.SECONDS_MAX:g} s at the most, and ends before that when"
        f" {sessions.QUIET_LOOKS} looks in a row find nobody.",
        spared_table(),
    )
