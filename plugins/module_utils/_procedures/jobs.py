# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job record: the plan before the act, each step's outcome after it, all by compare-and-set under the epoch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from .._adapters import codec
from .._adapters.zookeeper import Change, Check, Create, Delete, Replace, Store, Versioned
from .._core.cluster import ClusterSpec, checked_name
from .._core.errors import Conflict, InvalidInput, NotFound, Refused, StaleEpoch
from .._core.lifecycle import JobState, check_transition
from .._core.observation import Observation
from .._core.plan import JobKind, names_of, steps_missing_before
from .._core.wire import StopAnswer
from .._core.znodes import (
    Answer,
    ClusterState,
    Heritage,
    Job,
    MonitoringPause,
    OperatorWord,
    Promotion,
    StepRecord,
    Suspicion,
    answer_path,
    cluster_path,
    history_path,
    job_path,
    pause_path,
    promotion_path,
    state_path,
    suspicion_path,
)

OPERATOR = "operator"  # owners of this kind are persons: no orchestrator takes their jobs over
SWITCHOVER = "switchover"  # ... and of this kind their playbooks: an orchestrator takes over when they are gone
NOBODY = ""  # owns what a person has left to the orchestrators


@dataclass(frozen=True, slots=True)
class Record:
    """A cluster as it is on record, with the versions that a change must name."""

    spec: ClusterSpec
    state: Versioned[ClusterState]
    job: Versioned[Job] | None
    suspicion: Versioned[Suspicion] | None
    answers: int | None = None  # version of the znode ``answer``


def prepare() -> None:
    """Make ready, in a process that waits, what every step reads and writes."""
    codec.prepare(ClusterSpec, ClusterState, Job, Suspicion, MonitoringPause, Observation, StopAnswer)


def read_record(store: Store, cluster: str) -> Record:
    """Raise NotFound, in an operator's words, when the cluster is not registered."""
    name = checked_name(cluster, "cluster name")
    found = store.read_many(
        [
            (cluster_path(name), ClusterSpec),
            (state_path(name), ClusterState),
            (job_path(name), Job),
            (answer_path(name), None),  # before the suspicion: a newer one than this tells must not pass
            (suspicion_path(name), Suspicion),
        ]
    )
    for each in found:
        if isinstance(each, InvalidInput):
            raise each
    spec, state, job, answers, suspicion = found
    if spec is None:
        raise NotFound(f"cluster {name} is not registered at {store.place}")
    if state is None:
        raise NotFound(f"{store.place} has no {state_path(name)}")
    return Record(spec.value, state, job, suspicion, answers.version if answers else None)


def _answer(record: Record, because: str, by: str) -> list[Change]:
    """End the suspicion that ``record`` shows and no later one."""
    if record.suspicion is None:
        return []
    cluster, raised = record.spec.cluster, record.suspicion
    answer = Answer(because=because, by=by, raised_at=raised.value.raised_at)
    return [Delete(suspicion_path(cluster), raised.version), _count(cluster, answer, record.answers)]


def _count(cluster: str, answer: Answer, answers: int | None) -> Change:
    return Create(answer_path(cluster), answer) if answers is None else Replace(answer_path(cluster), answer, answers)


def answer_suspicion(store: Store, record: Record, *, because: str, by: str) -> None:
    """Nothing happens where it has ended already; Conflict when the one that is open is not the one in ``record``."""
    changes = _answer(record, because, by)
    if changes:
        with suppress(NotFound):
            store.commit(changes)


def set_suspicion_aside(store: Store, cluster: str, *, because: str, by: str) -> None:
    """End one that cannot be read."""
    answers, version = store.version(answer_path(cluster)), store.version(suspicion_path(cluster))
    if version is not None:
        answer = _count(cluster, Answer(because=because, by=by, raised_at=0.0), answers)
        store.commit([Delete(suspicion_path(cluster), version), answer])


def open_job(
    store: Store, record: Record, *, owner: str, because: str, now_at: float, target: str | None = None
) -> Job:
    """Epoch + 1, plan written, the suspicion answered, in one transaction; Conflict when another was first, or when the
    suspicion that is open now is not the one in ``record``. ``target``: of a switchover."""
    state = record.state.value
    cluster = record.spec.cluster
    if record.job is not None and not record.job.value.state.ended:
        raise Refused(f"job {record.job.value.id} of cluster {cluster} has not ended; resume or abort it first")
    job = _planned(record, owner, because, now_at, target)
    changes: list[Change] = [Replace(state_path(cluster), replace(state, epoch=job.epoch), record.state.version)]
    if record.job is None:
        changes.append(Create(job_path(cluster), job))
    else:
        changes.append(Replace(job_path(cluster), job, record.job.version))
    changes.extend(_answer(record, f"job {job.id} was opened", owner))
    store.commit(changes)
    return job


def _planned(record: Record, owner: str, because: str, now_at: float, target: str | None = None) -> Job:
    state, cluster = record.state.value, record.spec.cluster
    kind = JobKind.FAILOVER if target is None else JobKind.SWITCHOVER
    return Job(
        id=f"{cluster}-{state.epoch + 1}",
        cluster=cluster,
        epoch=state.epoch + 1,
        owner=owner,
        state=JobState.RUNNING,
        because=because,
        old_primary=state.primary,
        plan=names_of(kind),
        opened_at=now_at,
        candidate=target,
        suspicion=record.suspicion.value if record.suspicion else None,
        kind=kind,
        heritage=_heritage(record),
    )


def _heritage(record: Record) -> Heritage | None:
    job = record.job.value if record.job is not None else None
    if job is None or job.candidate != record.state.value.primary:
        return None
    evidence = {each.step: each.evidence for each in job.steps}
    promoted, repointed, demoted = (evidence.get(step) for step in ("promote", "repoint", "demote"))
    all_moved = not (repointed or {}).get("left_behind") and (demoted or {}).get("following", True)
    if promoted is None or (job.state is JobState.DONE and all_moved):
        return None
    return Heritage(former=job.old_primary, gtid_executed=str(promoted.get("gtid_executed_before", "")))


def rehearsed_job(record: Record) -> Job:
    """For check mode, where no job is opened or taken over: the one under way, or else the one that would be opened."""
    if record.job is not None and not record.job.value.state.ended:
        return record.job.value
    return _planned(record, OPERATOR, "check mode", 0.0)


def taken_over(record: Record, owner: str, because: str, word: OperatorWord | None = None) -> Job:
    """The job as it is once ``owner`` has it, with what a person vouched for before."""
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to take over")
    job = record.job.value
    check_transition(job.state, JobState.RUNNING)
    return replace(
        job,
        epoch=record.state.value.epoch + 1,
        owner=owner,
        state=JobState.RUNNING,
        because=because,
        ended_at=None,
        paused_at=None,
        operator_word=word or job.operator_word,
    )


def take_over(store: Store, record: Record, *, owner: str, because: str, word: OperatorWord | None = None) -> Job:
    """Go on with a job whose owner is gone, under a new epoch: the old owner's steps are refused from here on."""
    taken = taken_over(record, owner, because, word)
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to take over")
    state, cluster = record.state.value, record.spec.cluster
    store.commit(
        [
            Replace(state_path(cluster), replace(state, epoch=taken.epoch), record.state.version),
            Replace(job_path(cluster), taken, record.job.version),
        ]
    )
    return taken


def current_job(record: Record, epoch: int) -> Job:
    """The running job of ``epoch``; StaleEpoch when the cluster has moved on, Refused when there is no such job."""
    cluster = record.spec.cluster
    if record.state.value.epoch != epoch:
        raise StaleEpoch(
            f"cluster {cluster} is at epoch {record.state.value.epoch}, this run has epoch {epoch};"
            " another job has taken over and this run may change nothing"
        )
    if record.job is None or record.job.value.epoch != epoch:
        raise Refused(f"cluster {cluster} has no job of epoch {epoch}; open one first")
    job = record.job.value
    if job.state is not JobState.RUNNING:
        raise Refused(f"job {job.id} is {job.state.value} ({job.because}); resume it before running its steps")
    return job


def _promotion(record: Record, epoch: int, candidate: str) -> tuple[Promotion, list[Change]]:
    """What is put on record before it begins, and what must not have changed since ``record``."""
    begun = Promotion(job=current_job(record, epoch).id, epoch=epoch, candidate=candidate)
    if record.job is None or record.job.value.candidate != candidate:
        chosen = (record.job and record.job.value.candidate) or "nobody"
        raise StaleEpoch(f"job {begun.job} has chosen {chosen}, not {candidate}; that one is not promoted by this run")
    cluster = record.spec.cluster
    return begun, [
        Check(state_path(cluster), record.state.version),
        Check(job_path(cluster), record.job.version),
    ]


def begin_promotion(store: Store, cluster: str, epoch: int, candidate: str, known: Record | None = None) -> None:
    """The last look at the epoch, and at who was chosen, before the one act that cannot be taken back. Put on record in
    the same transaction, so that nobody gives the job up, or chooses another, while the act is under way.

    ``known``: the record of a moment ago. The transaction finds out whether it is still so; if not, it is read.
    """
    path = promotion_path(cluster)
    if known is not None:
        begun, unchanged = _promotion(known, epoch, candidate)
        with suppress(Conflict):  # it has changed, or an earlier run has begun
            store.commit([*unchanged, Create(path, begun)])
            return
    begun, unchanged = _promotion(read_record(store, cluster), epoch, candidate)
    version = store.version(path)
    noted: Change = Create(path, begun) if version is None else Replace(path, begun, version)
    try:
        store.commit([*unchanged, noted])
    except Conflict:
        raise StaleEpoch(
            f"another changed the record of cluster {cluster} right before {candidate} was promoted; it was not"
        ) from None


def append_step(
    store: Store,
    record: Record,
    done: StepRecord,
    *,
    candidate: str | None = None,
    new_primary: str | None = None,
    also: Sequence[Change] = (),
) -> Record:
    """Put a step's outcome on record, if the epoch still is ours; a promotion names the new primary in the same act.

    With another candidate than before the steps after this one, which were done for that one, leave the record.
    ``also``: what else changes in the same transaction. Returns the record as it is now.
    """
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to record the step {done.step} in")
    job, cluster = record.job.value, record.spec.cluster
    kept = tuple(each for each in job.steps if each.step != done.step)
    if candidate is not None and job.candidate not in (None, candidate):
        kept = tuple(each for each in kept if each.step in steps_missing_before(done.step, (), job.kind))
    updated = replace(job, steps=(*kept, done), candidate=candidate or job.candidate, trouble="")
    known = record.state
    state: Change = Check(state_path(cluster), known.version)
    if new_primary is not None and new_primary != known.value.primary:
        changed = replace(known.value, primary=new_primary)
        state = Replace(state_path(cluster), changed, known.version)
        known = Versioned(changed, known.version + 1)
    try:
        store.commit([state, Replace(job_path(cluster), updated, record.job.version), *also])
    except Conflict:
        raise StaleEpoch(
            f"step {done.step} of job {job.id} was carried out, but another changed the cluster's record meanwhile"
        ) from None
    return replace(record, state=known, job=Versioned(updated, record.job.version + 1))


def note_trouble(store: Store, cluster: str, epoch: int, sentence: str) -> None:
    """Say in the record why the job does not get further, unless it is no longer ours; said once, written once."""
    record = read_record(store, cluster)
    if record.job is None or record.job.value.epoch != epoch or record.job.value.trouble == sentence:
        return
    store.replace(job_path(cluster), replace(record.job.value, trouble=sentence), record.job.version)


def ended_job(record: Record, target: JobState, because: str, now_at: float) -> Job:
    """The job as it is once it has come to ``target``. One that is given up leaves its epoch to nobody."""
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to end")
    job = record.job.value
    check_transition(job.state, target)
    paused = target is JobState.PAUSED
    return replace(
        job,
        epoch=record.state.value.epoch + 1 if target is JobState.ABORTED else job.epoch,
        state=target,
        because=because,
        ended_at=now_at if target.ended else None,
        paused_at=now_at if paused else None,
        teams=record.spec.teams if paused else job.teams,
    )


def end_job(
    store: Store, record: Record, target: JobState, because: str, now_at: float, *, also: Sequence[Change] = ()
) -> Job:
    """Bring the job to ``target``; what has ended goes to the history and its monitoring pause with it. ``also``: what
    else changes in the same transaction."""
    ended = ended_job(record, target, because, now_at)
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to end")
    cluster, state = record.spec.cluster, record.state
    changes: list[Change] = [
        Check(state_path(cluster), state.version),
        Replace(job_path(cluster), ended, record.job.version),
        *also,
    ]
    if target is JobState.ABORTED:  # whatever the old run still does is refused by its epoch
        changes[0] = Replace(state_path(cluster), replace(state.value, epoch=ended.epoch), state.version)
    if target.ended:
        changes.extend(_put_away(store, ended))
    store.commit(changes)
    return ended


def _put_away(store: Store, ended: Job) -> list[Change]:
    cluster, path = ended.cluster, history_path(ended.cluster, ended.id)
    store.ensure(path.rpartition("/")[0])
    if store.read(path, Job) is not None:
        store.delete(path)
    changes: list[Change] = [Create(path, ended)]
    pause = store.read(pause_path(cluster), MonitoringPause)
    if pause is not None:
        changes.append(Delete(pause_path(cluster), pause.version))
    begun = store.version(promotion_path(cluster))
    if ended.state is JobState.ABORTED and "promote" not in ended.steps_done:
        changes.extend(no_promotion(ended, None))
    elif begun is not None:
        changes.extend(no_promotion(ended, begun))
    return changes


def no_promotion(job: Job, version: int | None) -> list[Change]:
    """Forget the promotion that was seen in that version. None: all of it fails where one has begun, be it at this very
    moment."""
    path = promotion_path(job.cluster)
    if version is not None:
        return [Delete(path, version)]
    return [Create(path, Promotion(job=job.id, epoch=job.epoch, candidate="")), Delete(path)]
