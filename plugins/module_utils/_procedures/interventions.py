# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person does to a job: hand it to the orchestrators, vouch for the fence, give it up, answer for a team."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._adapters.zookeeper import Change, Create, Replace, Store, Versioned
from .._core.errors import InvalidInput, Refused
from .._core.intervention import Case, Wish, against, sentence_of, what_is_left
from .._core.lifecycle import JobState
from .._core.maintenance import Maintenance, MaintenancePlan
from .._core.znodes import (
    Acknowledgement,
    Job,
    OperatorWord,
    job_path,
    maintenance_path,
    promotion_path,
)
from .jobs import NOBODY, Record, end_job, ended_job, read_record, take_over, taken_over
from .way_back import leads_back


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """``by``: who asks. ``job``: the one that is meant; empty: whichever there is. ``hold_minutes``: for how long after
    an abort nobody is promoted without a person's word."""

    cluster: str
    wish: Wish
    by: str
    job: str = ""
    team: str = ""
    reason: str = ""
    hold_minutes: float = 30.0

    def check(self) -> None:
        """Raise InvalidInput that names what is missing."""
        if self.wish in (Wish.FORCED, Wish.ABORTED) and not self.reason.strip():
            raise InvalidInput(f"say with 'reason' why the job is to be {self.wish.value}; it goes on record")
        if self.wish is Wish.ACKNOWLEDGED and not self.team:
            raise InvalidInput("say with 'team' who has stopped writing")
        if not 0 <= self.hold_minutes <= 10080:
            raise InvalidInput(f"hold_minutes {self.hold_minutes:g} is not in 0-10080, which is a week")

    @property
    def why(self) -> str:
        return f": {self.reason}" if self.reason else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Intervention:
    """What came of it, or in check mode would: the same job twice where nothing changes."""

    before: Job
    after: Job
    sentence: str

    @property
    def changed(self) -> bool:
        return self.after != self.before


def intervene(store: Store, request: Request, *, now_at: float, check: bool = False) -> Intervention:
    """Grant the wish by compare-and-set; Refused says in one sentence why not, and then nothing has changed."""
    request.check()
    record = read_record(store, request.cluster)
    if record.job is None:
        raise Refused(f"cluster {request.cluster} has no job; there is nothing that could be {request.wish.value}")
    case = Case(
        wish=request.wish,
        job=record.job.value,
        expected=request.job,
        team=request.team,
        promotion_begun=store.version(promotion_path(request.cluster)) is not None,
    )
    row = against(case)
    if row is not None and not row.holds:
        raise Refused(sentence_of(row, case))
    if row is not None:
        return Intervention(before=case.job, after=case.job, sentence=sentence_of(row, case))
    after, sentence = _GRANT[request.wish](store, record, request, now_at, check)
    return Intervention(before=case.job, after=after, sentence=sentence)


def _resume(store: Store, record: Record, request: Request, now_at: float, check: bool) -> tuple[Job, str]:
    forced = request.wish is Wish.FORCED
    word = OperatorWord(by=request.by, reason=request.reason, at=now_at) if forced else None
    because = f"{request.by} {'forced' if forced else 'resumed'} it{request.why}"
    if check:
        job = taken_over(record, NOBODY, because, word)
    else:
        job = take_over(store, record, owner=NOBODY, because=because, word=word)
    if forced:
        sentence = f"job {job.id} is forced on the word of {request.by} that {job.old_primary} can take no write"
    else:
        sentence = f"job {job.id} is resumed; it pauses again if nothing proves that {job.old_primary} is fenced"
    return job, f"{sentence}; an orchestrator goes on with it"


def _acknowledge(store: Store, record: Record, request: Request, now_at: float, check: bool) -> tuple[Job, str]:
    if record.job is None:
        raise Refused(f"cluster {request.cluster} has no job")
    given = Acknowledgement(team=request.team, by=request.by, at=now_at)
    job = replace(record.job.value, acknowledgements=(*record.job.value.acknowledgements, given))
    if not check:
        store.replace(job_path(request.cluster), job, record.job.version)
    left = f"still silent: {', '.join(job.silent_teams)}" if job.silent_teams else "every team has"
    return job, f"team {request.team} has stopped writing, says {request.by}; {left}"


def _abort(store: Store, record: Record, request: Request, now_at: float, check: bool) -> tuple[Job, str]:
    because = f"{request.by} gave it up{request.why}"
    if record.job is not None and leads_back(store, record.job.value):
        return _hand_back(store, record, because, check)
    hold, held = _hold(store, record, request, now_at)
    if check:
        job = ended_job(record, JobState.ABORTED, because, now_at)
    else:
        job = end_job(store, record, JobState.ABORTED, because, now_at, also=hold)
    return job, f"job {job.id} is given up: {what_is_left(job)}; {held}"


def _hand_back(store: Store, record: Record, because: str, check: bool) -> tuple[Job, str]:
    """A switchover has made the old primary read-only, or is about to: an orchestrator makes it writable again."""
    job = taken_over(record, NOBODY, because) if check else take_over(store, record, owner=NOBODY, because=because)
    return job, f"job {job.id} is given up; an orchestrator sees to it that {job.old_primary} takes writes"


def _hold(store: Store, record: Record, request: Request, now_at: float) -> tuple[list[Change], str]:
    """What keeps the monitors' next suspicion from opening the same job anew: a maintenance, never a shorter one than
    is announced already. After a promotion the next job would be another one, of the new primary."""
    cluster = request.cluster
    if record.job is not None and "promote" in record.job.value.steps_done:
        return [], "replace it by a failover; inside the cool-down that takes altair_force"
    found = store.read(maintenance_path(cluster), MaintenancePlan)
    plan = found.value if found else MaintenancePlan()
    known, until_at = plan.of(None), now_at + request.hold_minutes * 60
    if known is not None and known.active(now_at) and known.until_at >= until_at:
        return [], "the cluster's maintenance, which was announced already, keeps another job from being opened"
    if not request.hold_minutes:
        return [], "another job may be opened at once"
    entry = Maintenance(
        node=None,
        until_at=until_at,
        reason=f"job {record.job.value.id if record.job else ''} was given up: {request.reason}",
        by=request.by,
        begun_at=now_at,
    )
    sentence = f"the cluster is in maintenance for {request.hold_minutes:g} minutes, so that no other job is opened"
    return [_put(cluster, found, plan.with_entry(entry, now_at))], sentence


def _put(cluster: str, found: Versioned[MaintenancePlan] | None, plan: MaintenancePlan) -> Change:
    path = maintenance_path(cluster)
    return Create(path, plan) if found is None else Replace(path, plan, found.version)


_GRANT = {
    Wish.RESUMED: _resume,
    Wish.FORCED: _resume,
    Wish.ABORTED: _abort,
    Wish.ACKNOWLEDGED: _acknowledge,
}
