# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happened, as a notice: one function an occasion; and what of a job's record is new since the last look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .cluster import Team
from .lifecycle import JobState
from .notice import Kind, Notice, Severity
from .znodes import Job, Screening, Suspicion


def notice_of_test(*, by: str, at: float) -> Notice:
    return Notice(
        kind=Kind.TEST,
        severity=Severity.INFO,
        cluster="",
        sentence="this is a test; nothing has happened",
        at=at,
        by=by,
    )


def notice_of_suspicion(suspicion: Suspicion) -> Notice:
    return Notice(
        kind=Kind.SUSPICION,
        severity=Severity.WARNING,
        cluster=suspicion.cluster,
        node=suspicion.primary,
        epoch=suspicion.epoch,
        sentence=suspicion.because,
        at=suspicion.raised_at,
        by=suspicion.monitor,
    )


def notice_of_breach(
    *,
    cluster: str,
    node: str,
    about: str,
    sentence: str,
    at: float,
    by: str,
    critical: bool = False,
    over: bool = False,
) -> Notice:
    """``about``: the threshold's name; ``over``: the node is back within it."""
    severity = Severity.INFO if over else Severity.CRITICAL if critical else Severity.WARNING
    return Notice(
        kind=Kind.BREACH, severity=severity, cluster=cluster, node=node, sentence=sentence, about=about, at=at, by=by
    )


def notice_of_lease_off(*, cluster: str, node: str, at: float, by: str) -> Notice:
    return Notice(
        kind=Kind.UNPROTECTED,
        severity=Severity.WARNING,
        cluster=cluster,
        node=node,
        sentence="its agent is silent, so nothing guards the lease of this primary; a failover of it may have to pause",
        at=at,
        by=by,
    )


def notice_of_quarantine(*, cluster: str, sentence: str, at: float, by: str) -> Notice:
    return Notice(kind=Kind.QUARANTINE, severity=Severity.CRITICAL, cluster=cluster, sentence=sentence, at=at, by=by)


def notice_of_repair(
    *, cluster: str, node: str, epoch: int, sentence: str, repaired: bool, at: float, by: str
) -> Notice:
    """Of a replica that was pointed at the primary, or that cannot be."""
    return Notice(
        kind=Kind.REPLICA_REPAIRED if repaired else Kind.REPLICA_ASTRAY,
        severity=Severity.INFO if repaired else Severity.CRITICAL,
        cluster=cluster,
        node=node,
        epoch=epoch,
        sentence=sentence,
        at=at,
        by=by,
    )


@dataclass(frozen=True, slots=True)
class Weight:
    """How grave a conclusion is: the first row that matches."""

    severity: Severity
    because: str
    matches: Callable[[Screening], bool]


WEIGHTS: tuple[Weight, ...] = (
    Weight(Severity.INFO, "somebody reaches the primary", lambda found: found.verdict.refutes),
    Weight(Severity.WARNING, "a failover begins", lambda found: not found.blockers),
    Weight(Severity.WARNING, "nobody can tell", lambda found: not found.actionable),
    Weight(Severity.CRITICAL, "a dead primary is not replaced", lambda _found: True),
)


def notice_of_screening(found: Screening) -> Notice:
    """The verdict, and why no failover follows; that the primary lives is reason enough."""
    forbidden = found.blockers and not found.verdict.refutes
    why_not = f"; not failed over because {', '.join(found.blockers)}" if forbidden else ""
    return Notice(
        kind=Kind.CONCLUSION,
        severity=next(weight.severity for weight in WEIGHTS if weight.matches(found)),
        cluster=found.cluster,
        node=found.primary,
        epoch=found.epoch,
        sentence=f"{found.verdict.value}: {found.because}{why_not}",
        at=found.screened_at,
        by=found.screened_by,
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """One way in which a job's record gives news. ``sentence`` of the job as it is now. ``teams``: theirs, too."""

    kind: Kind
    severity: Severity
    sentence: Callable[[Job], str]
    happened: Callable[[Job | None, Job], bool]
    teams: bool = False


def _teams(job: Job) -> str:
    return f"teams {', '.join(team.name for team in job.teams)}" if job.teams else "all clients"


def _promoted(job: Job) -> str:
    if job.candidate is None:
        return "nothing was promoted"
    done = "promote" in job.steps_done
    return f"{job.candidate} was promoted" if done else f"the promotion of {job.candidate} is not done"


def _answers(job: Job) -> str:
    return f"still silent: {', '.join(job.silent_teams)}" if job.silent_teams else "no team is left to answer"


def _another(before: Job | None, now: Job) -> bool:
    return before is None or before.id != now.id


def _became(before: Job | None, now: Job, state: JobState) -> bool:
    return now.state is state and (before is None or _another(before, now) or before.state is not state)


def _names_losses(job: Job) -> bool:
    """Whether the step ``account`` has found any, or could not tell."""
    evidence = next((step.evidence for step in job.steps if step.step == "account"), {})
    return bool(evidence.get("transactions") or evidence.get("unknown"))


TURNS: tuple[Turn, ...] = (
    Turn(
        Kind.JOB_OPENED,
        Severity.WARNING,
        lambda job: (
            f"{job.owner} replaces {job.old_primary}: {job.because if not job.state.ended else 'job ' + job.id}"
        ),
        happened=lambda before, now: before is None or _another(before, now),
    ),
    Turn(
        Kind.JOB_OPENED,
        Severity.WARNING,
        lambda job: f"{job.owner} goes on with replacing {job.old_primary}: {job.because}",
        happened=lambda before, now: (
            before is not None and before.id == now.id and now.epoch != before.epoch and not now.state.ended
        ),
    ),
    Turn(
        Kind.JOB_TROUBLE,
        Severity.CRITICAL,
        lambda job: job.trouble,
        happened=lambda before, now: (
            now.state is JobState.RUNNING
            and bool(now.trouble)
            and (before is None or _another(before, now) or now.trouble != before.trouble)
        ),
    ),
    Turn(
        Kind.JOB_PAUSED,
        Severity.CRITICAL,
        lambda job: (
            f"stop writing to {job.cluster}, {_teams(job)}; {_promoted(job)}, a person's word is needed: {job.because}"
        ),
        happened=lambda before, now: _became(before, now, JobState.PAUSED),
        teams=True,
    ),
    Turn(
        Kind.JOB_ACKNOWLEDGED,
        Severity.INFO,
        lambda job: f"{', '.join(job.acknowledged)} stopped writing; {_answers(job)}",
        happened=lambda before, now: (
            now.state is JobState.PAUSED
            and before is not None
            and before.id == now.id
            and not set(now.acknowledged) <= set(before.acknowledged)
        ),
    ),
    Turn(
        Kind.JOB_DONE,
        Severity.INFO,
        lambda job: job.because + (f"; {_teams(job)}: restart what keeps the old address" if job.teams else ""),
        happened=lambda before, now: _became(before, now, JobState.DONE),
        teams=True,
    ),
    Turn(
        Kind.LOSSES,
        Severity.CRITICAL,
        lambda job: next((step.sentence for step in job.steps if step.step == "account"), ""),
        happened=lambda before, now: _became(before, now, JobState.DONE) and _names_losses(now),
    ),
    Turn(
        Kind.JOB_ABORTED,
        Severity.WARNING,
        lambda job: job.because,
        happened=lambda before, now: _became(before, now, JobState.ABORTED),
        teams=True,
    ),
)


def _targets(teams: Iterable[Team]) -> tuple[str, ...]:
    return tuple(sorted({team.target for team in teams if team.target is not None}))


def _of_job(
    kind: Kind, severity: Severity, job: Job, sentence: str, *, at: float, by: str, teams: Iterable[Team] = ()
) -> Notice:
    return Notice(
        kind=kind,
        severity=severity,
        cluster=job.cluster,
        node=job.old_primary,
        job=job.id,
        epoch=job.epoch,
        sentence=sentence,
        at=at,
        by=by,
        to=_targets(teams),
    )


def news_of_job(before: Job | None, now: Job, *, at: float, by: str) -> tuple[Notice, ...]:
    """What is new in a job's record. ``before``: the record as last seen; None: there was none."""
    return tuple(
        _of_job(turn.kind, turn.severity, now, turn.sentence(now), at=at, by=by, teams=now.teams if turn.teams else ())
        for turn in TURNS
        if turn.happened(before, now)
    )


def notice_of_escalation(job: Job, number: int, *, at: float, by: str) -> Notice:
    """A paused job has waited too long: its ``number``-th reminder, different each time so that it is told anew."""
    minutes = (at - (job.paused_at or at)) / 60
    sentence = (
        f"reminder {number}: paused for {minutes:.0f} min, {_promoted(job)}, {_answers(job)};"
        f" stop writing to {job.cluster}, and resume, force or abort the job: {job.because}"
    )
    silent = [team for team in job.teams if team.name in job.silent_teams]
    return _of_job(Kind.JOB_ESCALATED, Severity.CRITICAL, job, sentence, at=at, by=by, teams=silent)


def notice_of_failed_run(job: Job, code: int, *, at: float, by: str) -> Notice:
    """Of a run that ended without a word on record."""
    sentence = f"a run of the playbook ended with {code} and left no reason on record; its log has it"
    return _of_job(Kind.JOB_TROUBLE, Severity.CRITICAL, job, sentence, at=at, by=by)
