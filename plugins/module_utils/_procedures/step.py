# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every step does around its act: check the epoch and the steps before it, act, prove, put it on record."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from .._adapters.agent import TlsFiles
from .._adapters.mysql import Login
from .._adapters.zookeeper import Change, Store
from .._core.cluster import ClusterSpec, Node
from .._core.errors import AltairError, Paused, Refused, StaleEpoch
from .._core.plan import steps_missing_before
from .._core.znodes import Evidence, Job, StepRecord
from .candidates import known_of, pick
from .jobs import Record, append_step, current_job, note_trouble, read_record, rehearsed_job
from .keeping import Keeper, keep_record, now, record_of, store_at

REHEARSAL = 0  # the epoch that open_job returns in check mode: there is no job, and no step may change anything


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """How a step reaches the servers, the agents and the name servers; None where it was given no way."""

    login: Login
    agents: TlsFiles | None = None
    tsig_key_file: str | None = None
    answer_seconds: float = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """What a step acts on. ``check``: say what would be done, and change nothing. ``record``: where it was found."""

    store: Store
    spec: ClusterSpec
    job: Job
    neighbours: Neighbours
    check: bool
    record: Record | None = None

    @property
    def old_primary(self) -> Node:
        return self.spec.node(self.job.old_primary)

    @property
    def replicas(self) -> tuple[Node, ...]:
        return self.spec.others(self.job.old_primary)

    @property
    def candidate(self) -> Node:
        if self.job.candidate is None:
            raise Refused(f"job {self.job.id} has no candidate yet; run choose_candidate first")
        return self.spec.node(self.job.candidate)

    def evidence_of(self, step: str) -> Evidence:
        return next((record.evidence for record in self.job.steps if record.step == step), {})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a step did, in one sentence, with its evidence, and what of the record changes by it. ``also``: of other
    znodes, in the same transaction."""

    changed: bool
    sentence: str
    evidence: Evidence = field(default_factory=dict)
    candidate: str | None = None
    new_primary: str | None = None
    also: tuple[Change, ...] = ()


Act = Callable[[Scene], Outcome]


def still_ours(scene: Scene) -> Callable[[], object]:
    """What raises where another has taken over."""
    return lambda: current_job(read_record(scene.store, scene.spec.cluster), scene.job.epoch)


def run_step(
    name: str, act: Act, *, cluster: str, epoch: int, keeper: Keeper, neighbours: Neighbours, check: bool
) -> StepRecord:
    """Carry out one step of the running job of ``epoch`` and put it on record; an error leaves no record of it."""
    started = time.monotonic()
    with store_at(keeper) as store:
        record = record_of(store, cluster)
        job = rehearsed_job(record) if check and epoch == REHEARSAL else current_job(record, epoch)
        missing = steps_missing_before(name, job.steps_done, job.kind)
        if missing and not check:
            raise Refused(f"step {name} of job {job.id} comes after {', '.join(missing)}; run that first")
        if check and job.candidate is None and "choose_candidate" in missing:
            known = known_of(store, record.spec, record.spec.names, time.time(), heritage=job.heritage)
            chosen = pick(record.spec, job.old_primary, neighbours.login, known)
            job = replace(job, candidate=chosen.name)
        scene = Scene(store=store, spec=record.spec, job=job, neighbours=neighbours, check=check, record=record)
        try:
            outcome = act(scene)
        except AltairError as error:
            if not check and not isinstance(error, (StaleEpoch, Paused)):
                _note(store, cluster, epoch, f"{name}: {error}")
            raise
        done = StepRecord(
            step=name,
            epoch=epoch,
            changed=outcome.changed,
            sentence=outcome.sentence,
            evidence=outcome.evidence,
            finished_at=time.time(),
            seconds=round(time.monotonic() - started, 4),
        )
        if not check:
            asked = now()
            after = append_step(
                store, record, done, candidate=outcome.candidate, new_primary=outcome.new_primary, also=outcome.also
            )
            keep_record(after, asked)
    return done


def _note(store: Store, cluster: str, epoch: int, sentence: str) -> None:
    with suppress(AltairError):  # the step's own error is what must be heard
        note_trouble(store, cluster, epoch, sentence)
