# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The job record: the plan before the act, each step's outcome after it, all by compare-and-set under the epoch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from .._adapters import codec
from .._adapters.zookeeper import Change, Check, Create, Delete, Replace, Store, Versioned
from .._core.cluster import ClusterSpec, checked_name
from .._core.errors import Conflict, NotFound, Refused, StaleEpoch
from .._core.lifecycle import JobState, check_transition
from .._core.observation import Observation
from .._core.plan import FAILOVER
from .._core.wire import StopAnswer
from .._core.znodes import (
    Answer,
    ClusterState,
    Job,
    MonitoringPause,
    StepRecord,
    Suspicion,
    answer_path,
    cluster_path,
    history_path,
    job_path,
    pause_path,
    state_path,
    suspicion_path,
)

OPERATOR = "operator"  # owners of this kind are persons: no orchestrator takes their jobs over


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
    spec = store.read(cluster_path(checked_name(cluster, "cluster name")), ClusterSpec)
    if spec is None:
        raise NotFound(f"cluster {cluster} is not registered at {store.place}")
    state, job = store.require(state_path(cluster), ClusterState), store.read(job_path(cluster), Job)
    answers = store.version(answer_path(cluster))  # before the suspicion: a newer one than this tells must not pass
    return Record(spec.value, state, job, store.read(suspicion_path(cluster), Suspicion), answers)


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


def open_job(store: Store, record: Record, *, owner: str, because: str, now_at: float) -> Job:
    """Epoch + 1, plan written, the suspicion answered, in one transaction; Conflict when another was first, or when the
    suspicion that is open now is not the one in ``record``."""
    state = record.state.value
    cluster = record.spec.cluster
    if record.job is not None and not record.job.value.state.ended:
        raise Refused(f"job {record.job.value.id} of cluster {cluster} has not ended; resume or abort it first")
    job = _planned(record, owner, because, now_at)
    changes: list[Change] = [Replace(state_path(cluster), replace(state, epoch=job.epoch), record.state.version)]
    if record.job is None:
        changes.append(Create(job_path(cluster), job))
    else:
        changes.append(Replace(job_path(cluster), job, record.job.version))
    changes.extend(_answer(record, f"job {job.id} was opened", owner))
    store.commit(changes)
    return job


def _planned(record: Record, owner: str, because: str, now_at: float) -> Job:
    state, cluster = record.state.value, record.spec.cluster
    return Job(
        id=f"{cluster}-{state.epoch + 1}",
        cluster=cluster,
        epoch=state.epoch + 1,
        owner=owner,
        state=JobState.RUNNING,
        because=because,
        old_primary=state.primary,
        plan=tuple(step.name for step in FAILOVER),
        opened_at=now_at,
        suspicion=record.suspicion.value if record.suspicion else None,
    )


def rehearsed_job(record: Record) -> Job:
    """For check mode, where no job is opened or taken over: the one under way, or else the one that would be opened."""
    if record.job is not None and not record.job.value.state.ended:
        return record.job.value
    return _planned(record, OPERATOR, "check mode", 0.0)


def take_over(store: Store, record: Record, *, owner: str, because: str) -> Job:
    """Go on with a job whose owner is gone, under a new epoch: the old owner's steps are refused from here on."""
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to take over")
    job, state, cluster = record.job.value, record.state.value, record.spec.cluster
    check_transition(job.state, JobState.RUNNING)
    taken = replace(job, epoch=state.epoch + 1, owner=owner, state=JobState.RUNNING, because=because, ended_at=None)
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


def append_step(
    store: Store, record: Record, done: StepRecord, *, candidate: str | None = None, new_primary: str | None = None
) -> Job:
    """Put a step's outcome on record, if the epoch still is ours; a promotion names the new primary in the same act."""
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to record the step {done.step} in")
    job, cluster = record.job.value, record.spec.cluster
    kept = tuple(each for each in job.steps if each.step != done.step)
    updated = replace(job, steps=(*kept, done), candidate=candidate or job.candidate, trouble="")
    state: Change = Check(state_path(cluster), record.state.version)
    if new_primary is not None and new_primary != record.state.value.primary:
        state = Replace(state_path(cluster), replace(record.state.value, primary=new_primary), record.state.version)
    try:
        store.commit([state, Replace(job_path(cluster), updated, record.job.version)])
    except Conflict:
        raise StaleEpoch(
            f"step {done.step} of job {job.id} was carried out, but another changed the cluster's record meanwhile"
        ) from None
    return updated


def note_trouble(store: Store, cluster: str, epoch: int, sentence: str) -> None:
    """Say in the record why the job does not get further, unless it is no longer ours; said once, written once."""
    record = read_record(store, cluster)
    if record.job is None or record.job.value.epoch != epoch or record.job.value.trouble == sentence:
        return
    store.replace(job_path(cluster), replace(record.job.value, trouble=sentence), record.job.version)


def end_job(store: Store, record: Record, target: JobState, because: str, now_at: float) -> Job:
    """Bring the job to ``target``; what has ended goes to the history and its monitoring pause with it."""
    if record.job is None:
        raise Refused(f"cluster {record.spec.cluster} has no job to end")
    job, cluster = record.job.value, record.spec.cluster
    check_transition(job.state, target)
    ended = replace(job, state=target, because=because, ended_at=now_at if target.ended else None)
    changes: list[Change] = [
        Check(state_path(cluster), record.state.version),
        Replace(job_path(cluster), ended, record.job.version),
    ]
    if target.ended:
        store.ensure(history_path(cluster, "x").rpartition("/")[0])
        if store.read(history_path(cluster, job.id), Job) is not None:
            store.delete(history_path(cluster, job.id))
        changes.append(Create(history_path(cluster, job.id), ended))
        pause = store.read(pause_path(cluster), MonitoringPause)
        if pause is not None:
            changes.append(Delete(pause_path(cluster), pause.version))
    store.commit(changes)
    return ended
