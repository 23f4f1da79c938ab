"""docs/verdicts.md: the tables by which it is decided whether a primary is dead and what may be done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Protocol

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import (
    candidate,
    deadman,
    fencing,
    health,
    mid_promotion,
    permission,
    thresholds,
    verdict,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState, Reach, Sighting
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.snapshot import Snapshot
from tests.tools.pages import markdown as md

# What a column or row of the grids stands for: several answers that no rule tells apart.
ALIVE_OR_UNKNOWN = (ProcessState.RUNNING, ProcessState.UNKNOWN)
SUSPICIONS: dict[str, tuple[tuple[Health, ...], tuple[ProcessState, ...]]] = {
    "`mysqld_exited`: the agent reported the exit": ((Health.MYSQLD_EXITED,), tuple(ProcessState)),
    "`mysqld_hung`: the agent reported that its mysqld does not answer": ((Health.MYSQLD_HUNG,), ALIVE_OR_UNKNOWN),
    "`host_silent`: three reports are missing": ((Health.HOST_SILENT,), ALIVE_OR_UNKNOWN),
    "`host_silent`, and the last report told of the exit": ((Health.HOST_SILENT,), (ProcessState.EXITED,)),
    "`primary_read_only`: three reports in a row show it read-only": ((Health.PRIMARY_READ_ONLY,), ALIVE_OR_UNKNOWN),
    "anything else, when an operator asks": (
        (Health.HEALTHY, Health.MYSQLD_OVERLOADED, Health.MYSQLD_DUBIOUS, Health.UNKNOWN),
        ALIVE_OR_UNKNOWN,
    ),
}
OWN_CONNECT: dict[str, tuple[tuple[Reach, bool | None], ...]] = {
    "turned away": ((Reach.DUBIOUS, None), (Reach.DUBIOUS, True)),
    "turned away, writable by its agent's look": ((Reach.DUBIOUS, False),),
    "reached, writable": ((Reach.REACHED, False),),
    "reached, read-only": ((Reach.REACHED, True),),
    "refused or timed out": ((Reach.REFUSED, None), (Reach.TIMED_OUT, None)),
    "unknown": ((Reach.UNKNOWN, None),),
}
DENIES, LIVES = (Reach.REFUSED, Reach.TIMED_OUT), (Reach.REACHED, Reach.DUBIOUS, Reach.UNKNOWN)
HOSTS = (True, False, None)
AGENT: dict[str, tuple[tuple[ProcessState, Reach, bool | None], ...]] = {
    "exited": tuple((ProcessState.EXITED, Reach.REFUSED, host) for host in HOSTS),
    "running, and does not answer it": tuple(product((ProcessState.RUNNING,), DENIES, HOSTS)),
    "running": tuple(product((ProcessState.RUNNING,), LIVES, HOSTS)),
    "no answer": ((ProcessState.UNKNOWN, Reach.UNKNOWN, True), (ProcessState.UNKNOWN, Reach.UNKNOWN, None)),
    "no answer, its host is down": ((ProcessState.UNKNOWN, Reach.UNKNOWN, False),),
}
REPLICAS: dict[str, tuple[tuple[Reach, ...], ...]] = {
    "one reaches it": ((Reach.REACHED, Reach.REFUSED), (Reach.DUBIOUS, Reach.UNKNOWN), (Reach.REACHED, Reach.UNKNOWN)),
    "all fail": ((Reach.REFUSED, Reach.TIMED_OUT), (Reach.TIMED_OUT,), (Reach.REFUSED,)),
    "one silent, the others fail": ((Reach.UNKNOWN, Reach.TIMED_OUT), (Reach.UNKNOWN, Reach.REFUSED)),
    "all silent, or none": ((Reach.UNKNOWN,), (Reach.UNKNOWN, Reach.UNKNOWN), ()),
}


class Reason(Protocol):
    @property
    def because(self) -> str: ...


def snapshots(suspected: str, own: str, agent: str, replicas: str) -> Iterable[Snapshot]:
    """Every snapshot that a cell of a grid stands for."""
    healths, reports = SUSPICIONS[suspected]
    for (health_seen, reported), (reach, read_only), (word, look, host), answers in product(
        product(healths, reports), OWN_CONNECT[own], AGENT[agent], REPLICAS[replicas]
    ):
        yield Snapshot(
            cluster="orders",
            primary="db1",
            suspected=health_seen,
            reported=reported,
            agent=word,
            host=host,
            orchestrator=reach,
            read_only=read_only,
            replicas=tuple(
                Sighting(observer=f"db{number}", target="db1", reach=answer) for number, answer in enumerate(answers, 2)
            ),
            agent_reach=look,
        )


def cell(suspected: str, own: str, agent: str, replicas: str) -> str:
    """The verdict of a cell and the number of its rule; LookupError when the cell would need more than one."""
    rules = {verdict.RULES.index(verdict.judge(seen)) for seen in snapshots(suspected, own, agent, replicas)}
    if len(rules) != 1:
        raise LookupError(f"{suspected}, {own}, {agent}, {replicas}: rules {sorted(rules)} all apply; split the cell")
    (number,) = rules
    rule = verdict.RULES[number]
    name = f"**{rule.verdict.value}**" if rule.actionable else rule.verdict.value
    return f"{name} ({number + 1})"


def grid(suspected: str) -> str:
    """One table; what the agent says is named only where it matters."""
    rows = []
    for own in OWN_CONNECT:
        cells = {agent: tuple(cell(suspected, own, agent, each) for each in REPLICAS) for agent in AGENT}
        for verdicts in dict.fromkeys(cells.values()):
            agents = [agent for agent in AGENT if cells[agent] == verdicts]
            rows.append((own, "anything" if len(agents) == len(AGENT) else " or ".join(agents), *verdicts))
    heads = ("orchestrator's connect", "its agent says", *(f"replicas: {each}" for each in REPLICAS))
    return f"### Suspected: {suspected}\n\n" + md.table(heads, rows)


def exclusions_table() -> str:
    numbered = enumerate(zip(candidate.EXCLUSIONS, md.conditions(candidate, "EXCLUSIONS"), strict=True), 1)
    rows = [
        (str(number), row.because, "yes" if row.yields else "no", md.code(when)) for number, (row, when) in numbered
    ]
    return md.table(("", "why", "yields if nobody else is left?", "condition"), rows)


def reasons(name: str, rows: Sequence[Reason]) -> str:
    numbered = zip(rows, md.conditions(candidate, name), strict=True)
    return md.table(("", "why"), [(str(n), row.because) for n, (row, _when) in enumerate(numbered, 1)])


def rules_table() -> str:
    numbered = enumerate(zip(verdict.RULES, md.conditions(verdict, "RULES"), strict=True), 1)
    rows = [
        (str(number), md.code(rule.verdict.value), "yes" if rule.actionable else "no", rule.because, md.code(when))
        for number, (rule, when) in numbered
    ]
    return md.table(("", "verdict", "failover?", "because", "condition"), rows)


def cases_table() -> str:
    rows = [
        (case.value, ", ".join(dict.fromkeys(md.code(rule.verdict.value) for _n, rule in named)), numbers)
        for case in verdict.Case
        if (named := [(n, rule) for n, rule in enumerate(verdict.RULES, 1) if case in rule.cases])
        and (numbers := ", ".join(str(n) for n, _rule in named))
    ]
    return md.table(("case", "verdict", "row"), rows)


def blockers_table() -> str:
    numbered = enumerate(zip(permission.BLOCKERS, md.conditions(permission, "BLOCKERS"), strict=True), 1)
    rows = [
        (str(number), row.because, "yes" if row.yields else "no", md.code(when)) for number, (row, when) in numbered
    ]
    return md.table(("", "why", "does a person's word overrule it?", "condition"), rows)


def candidate_table() -> str:
    numbered = enumerate(zip(mid_promotion.ROWS, md.conditions(mid_promotion, "ROWS"), strict=True), 1)
    rows = [(str(number), md.code(row.turn.value), row.because, md.code(when)) for number, (row, when) in numbered]
    return md.table(("", "what is done", "because", "condition"), rows)


def health_table() -> str:
    numbered = enumerate(zip(health.HEALTH_RULES, md.conditions(health, "HEALTH_RULES"), strict=True), 1)
    rows = [
        (str(number), md.code(rule.health.value), "yes" if rule.suspicious else "no", rule.because, md.code(when))
        for number, (rule, when) in numbered
    ]
    return md.table(("", "health", "suspicion?", "because", "condition"), rows)


def thresholds_table() -> str:
    lambdas = md.conditions(thresholds, "THRESHOLDS")
    rows = [
        (md.code(row.breach.value), row.because, "`looks` reports" if row.patient else "at once", *map(md.code, pair))
        for row, pair in zip(thresholds.THRESHOLDS, zip(lambdas[::2], lambdas[1::2], strict=True), strict=True)
    ]
    return md.table(("breach", "what people are told", "raised", "value", "limit"), rows)


def page() -> str:
    numbered = enumerate(deadman.DEADMAN_RULES, 1)
    deadman_rows = [(str(number), md.code(rule.act.value), rule.because) for number, rule in numbered]
    proofs = [(md.code(rung.value), text) for rung, text in fencing.PROOF_SENTENCES.items()]
    return md.page(
        "Verdicts",
        "plugins/module_utils/_core/{health,verdict,permission,fencing,candidate,thresholds,mid_promotion,deadman}.py",
        "These tables decide. In the first two and the last two the first row that matches wins; in the others"
        " every row that matches counts. Nothing else in the system concludes that a primary is dead.",
        "## 1. A monitor judges a node",
        "A suspicion is raised only of the node that is primary. A beat is 10 s in the profile `altair`, 2 s in"
        " `steady` and 1 s in `fast`.",
        health_table(),
        "## 2. An orchestrator judges a suspected primary",
        "It asks the primary, the primary's agent and every replica's agent at once, and judges the answers together."
        " `UNKNOWN` stands for an answer that did not come in time.",
        rules_table(),
        "### The six cases",
        "What the service must tell apart, and the rows that answer it. A failover begins with the fence"
        " in every case, and pauses where nothing proves that it holds. In case 6 a replica that still reaches the"
        " primary makes it uncertain.",
        cases_table(),
        "## 3. Every combination",
        "The number in brackets is the row above that wins. Bold: a failover may go on. Between the answers that share"
        " a cell no row tells any difference.",
        *(grid(suspected) for suspected in SUSPICIONS),
        "## 4. What forbids a failover all the same",
        "A person's word is `altair_force`. An uncertain verdict yields to it too; a primary that answers is never"
        " failed over.",
        blockers_table(),
        "## 5. What proves that the old primary can take no write",
        "Without one of these the job pauses, unless the cluster's policy `unproven_fence` is `promote`.",
        md.table(("way", "what is proven"), proofs),
        "## 6. Which replica cannot be promoted",
        "The first row that matches is told. A transaction that a replica wrote itself, and that the old primary never"
        " had, is errant and counts for nobody.",
        exclusions_table(),
        "Of the others the first by these is taken; what is equal in all goes by name.",
        reasons("PREFERENCES", candidate.PREFERENCES),
        "What it lacks it fetches before it is promoted from a replica that has it, whether that one may be promoted or"
        " not, unless of that one:",
        reasons("FEEDING_FAULTS", candidate.FEEDING_FAULTS),
        "## 7. What people are told of a node",
        "A breach is logged, put on record and told, and nothing else comes of it: nobody is suspected or promoted for"
        " it (those of the disk count in the choice of a candidate). It is raised when the value"
        " reaches the limit, and over when the value is below the limit by"
        " `margin_share`; where nobody can tell, all stays as it was. The limits are the cluster's policy"
        " `thresholds`.",
        thresholds_table(),
        "## 8. What is done about a candidate when its job is run again",
        "The first row that matches wins. Where its promotion has begun, its agent is asked, and ordered to kill mysqld"
        " if that has not exited. A person's word is `altair_operator_vouches_candidate`.",
        candidate_table(),
        "## 9. What a dead-man does",
        "The first row that matches. `hold`: it asks the voters to vouch; `fence`: it kills mysqld.",
        md.table(("", "does", "when"), deadman_rows),
    )
