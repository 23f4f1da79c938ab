# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of a cluster, and of all, as lines of text for people. ``when`` writes a moment down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .health import Health
from .observation import LeaseState
from .overview import NodeRow, Overview, PastJob, Role, step_rows
from .znodes import Job

When = Callable[[float], str]


def printable(text: str) -> str:
    """On one line and without what a terminal would obey: part of it was written by others."""
    return "".join(each if each.isprintable() else " " for each in text)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Aligned columns; one without any content is left out, and an empty cell is a dash."""
    lines = [[printable(cell) for cell in row] for row in rows]
    kept = [number for number in range(len(head)) if any(line[number] for line in lines)]
    cells = [[head[number] for number in kept], *([line[number] or "-" for number in kept] for line in lines)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(kept))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in cells)
    return ["  ".join(line).rstrip() for line in padded] if lines else []


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """All that the status of one cluster tells. ``history``: newest first; ``history_total``: how many jobs there are.
    ``dns``: what is wrong with its name; None where nobody looked. ``losses``: of its last job, in a sentence."""

    overview: Overview
    nodes: tuple[NodeRow, ...]
    history: tuple[PastJob, ...] = ()
    history_total: int = 0
    screening: str = ""
    losses: str = ""
    dns: tuple[str, ...] | None = None


def _lag(row: NodeRow) -> str:
    if row.role is Role.PRIMARY:
        return ""
    if row.lag_seconds is None:
        return "?"
    return f"{'' if row.lag_sure else '>= '}{row.lag_seconds:.0f} s"


def _topology(status: Status, when: When) -> list[str]:
    head = ("NODE", "ROLE", "ADDRESS", "ZONE", "HEALTH", "LAG", "LEASE", "MAINTENANCE", "RETURN", "WHAT IS WRONG")
    return table(
        head,
        (
            (
                row.node,
                row.role.value,
                f"{row.address}:{row.port}",
                row.zone or "",
                row.health.value,
                _lag(row),
                "" if row.lease is LeaseState.NONE else row.lease.value,
                f"until {when(row.maintenance.until_at)}" if row.maintenance else "",
                row.returned.value if row.returned else "",
                "; ".join(row.errors),
            )
            for row in status.nodes
        ),
    )


def _maintenance(overview: Overview, now_at: float, when: When) -> list[str]:
    return [
        f"maintenance of {each.what} {'until' if each.active(now_at) else 'has ended, at'} {when(each.until_at)},"
        f" by {each.by}: {each.reason}"
        for each in overview.maintenance.entries
    ]


def _suspicion(overview: Overview, when: When) -> list[str]:
    found = overview.suspicion
    if found is None:
        return []
    return [f"{found.primary} is suspected since {when(found.raised_at)} by {found.monitor}: {found.because}"]


def _teams(job: Job, when: When) -> list[str]:
    given = job.acknowledged
    return [
        f"team {team.name} has stopped writing, said {given[team.name].by} at {when(given[team.name].at)}"
        if team.name in given
        else f"team {team.name} has not answered"
        for team in job.teams
    ]


def _job(overview: Overview, when: When) -> list[str]:
    """The one that is open, step by step; what has ended is in the history."""
    job = overview.open_job
    if job is None:
        return []
    since = when(job.opened_at if job.paused_at is None else job.paused_at)
    steps = table(
        ("STEP", "STATE", "TOOK", "RESULT"),
        (
            (each.step, each.progress.value, "" if each.seconds is None else f"{each.seconds:.1f} s", each.sentence)
            for each in step_rows(job)
        ),
    )
    return [
        "",
        f"job {job.id} ({job.kind.value}, epoch {job.epoch}, {job.owner or 'any orchestrator'}) is {job.state.value}"
        f" since {since}: {job.because}",
        *([f"it does not get on: {job.trouble}"] if job.trouble else []),
        *(_teams(job, when) if overview.paused else []),
        "",
        *steps,
    ]


def _history(status: Status, when: When) -> list[str]:
    if not status.history:
        return ["", "no job has ended yet"]
    rows = (
        (
            "" if each.ended_at is None else when(each.ended_at),
            each.job,
            each.kind.value,
            each.state.value,
            each.old_primary,
            each.new_primary or "",
            "" if each.seconds is None else f"{each.seconds:.1f} s",
            each.lost,
            each.because,
        )
        for each in status.history
    )
    shown = len(status.history)
    left = [f"earlier jobs that are not shown: {status.history_total - shown}"] if status.history_total > shown else []
    return ["", *table(("ENDED", "JOB", "KIND", "STATE", "FROM", "TO", "TOOK", "LOST", "BECAUSE"), rows), *left]


def status_lines(status: Status, *, now_at: float, when: When) -> list[str]:
    """What a person wants to know first stands first."""
    seen, spec = status.overview, status.overview.spec
    lines = [
        f"{spec.cluster}: {seen.state.primary} is primary under epoch {seen.state.epoch}, the name is {spec.dns.name}",
        *(f"set aside: {each}" for each in seen.faults),
        *(f"wrong with the name: {each}" for each in status.dns or ()),
        *_maintenance(seen, now_at, when),
        *_suspicion(seen, when),
        *([f"{seen.owner} is at work on it"] if seen.owner else []),
        "",
        *_topology(status, when),
        *_job(seen, when),
        *_history(status, when),
        *([f"losses: {status.losses}"] if status.losses else []),
        *([f"last screening: {status.screening}"] if status.screening else []),
    ]
    return [printable(line) for line in lines]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterRow:
    """One cluster among all. ``healthy`` of its ``nodes``; ``wrong``: a sentence each."""

    cluster: str
    primary: str
    epoch: int
    nodes: int
    healthy: int
    lease: LeaseState
    job: str
    maintenance_until_at: float | None
    wrong: tuple[str, ...]


def cluster_row(overview: Overview, now_at: float) -> ClusterRow:
    spec, state, job = overview.spec, overview.state, overview.open_job
    known = [overview.health[name] for name in spec.names if name in overview.health]
    sick = [f"{each.node}: {each.because}" for each in known if each.health is not Health.HEALTHY]
    breaches = [f"{each.node}: {breach.because}" for each in known for breach in each.breaches]
    back = [f"{name}: {each.sentence}" for name, each in overview.returned.items()]
    primary = overview.health.get(state.primary)
    entries = [each for each in overview.maintenance.entries if each.active(now_at)]
    return ClusterRow(
        cluster=spec.cluster,
        primary=state.primary,
        epoch=state.epoch,
        nodes=len(spec.nodes),
        healthy=sum(each.health is Health.HEALTHY for each in known),
        lease=primary.lease if primary else LeaseState.NONE,
        job=f"{job.id} {job.state.value}" if job else "",
        maintenance_until_at=max((each.until_at for each in entries), default=None),
        wrong=(*overview.faults, *sick, *breaches, *back),
    )


def fleet_lines(rows: Sequence[ClusterRow], set_aside: Mapping[str, str], when: When) -> list[str]:
    """A line for each cluster; those that cannot be read stand below, each with the reason."""
    head = ("CLUSTER", "PRIMARY", "EPOCH", "HEALTHY", "LEASE", "JOB", "MAINTENANCE", "WHAT IS WRONG")
    cells = (
        (
            row.cluster,
            row.primary,
            str(row.epoch),
            f"{row.healthy}/{row.nodes}",
            row.lease.value,
            row.job,
            "" if row.maintenance_until_at is None else f"until {when(row.maintenance_until_at)}",
            "; ".join(row.wrong),
        )
        for row in rows
    )
    lines = table(head, cells) or ([] if set_aside else ["no cluster is registered"])
    return [*lines, *(printable(f"set aside: {name}: {reason}") for name, reason in sorted(set_aside.items()))]
