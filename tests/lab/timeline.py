"""What the control plane puts on record while a job runs, as it happens: read from ZooKeeper, on the client host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import step_named
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    Job,
    Suspicion,
    job_path,
    suspicion_path,
)
from tests.lab.daemons import CLUSTER, zookeeper_hosts
from tests.lab.errors import LabError
from tests.lab.lab import Lab


@dataclass(frozen=True)
class Event:
    """One thing that happened; `at` is Unix time, as the one who did it wrote it down."""

    stage: str
    at: float
    sentence: str


@dataclass
class Timeline:
    """Events by stage, each told once to `tell`, in the order in which they became known."""

    tell: Callable[[Event], None]
    events: dict[str, Event] = field(default_factory=dict)
    job: Job | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def _add(self, stage: str, at: float, sentence: str) -> None:
        if stage not in self.events:
            self.events[stage] = Event(stage, at, sentence)
            self.tell(self.events[stage])

    def learn_suspicion(self, suspicion: Suspicion) -> None:
        with self._lock:
            self._add("suspected", suspicion.raised_at, f"{suspicion.monitor}: {suspicion.because}")

    def learn_job(self, job: Job) -> None:
        with self._lock:
            self.job = job
            if job.suspicion is not None:
                self._add("suspected", job.suspicion.raised_at, f"{job.suspicion.monitor}: {job.suspicion.because}")
            self._add("confirmed", job.opened_at, f"{job.owner}, job {job.id}: {job.because}")
            for record in job.steps:
                self._add(step_named(record.step).stage, record.finished_at, record.sentence)
            if job.ended_at is not None:
                self._add(job.state.value, job.ended_at, job.because)

    def wait_until_ended(self, seconds: float) -> Job:
        """The job once it ended or paused; raises LabError when that does not happen in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self._lock:
                if self.job is not None and self.job.state.value != "running":
                    return self.job
            time.sleep(0.02)
        raise LabError(
            f"No job of cluster {CLUSTER} ended within {seconds:.0f} s; look at `logs orc1` and `logs orc2`."
        )


@contextmanager
def watching(lab: Lab, tell: Callable[[Event], None], after_seconds: float = 0.0) -> Iterator[Timeline]:
    """Follow the cluster's record for the block's length. The job of an earlier failover is not told again.

    ``after_seconds``: not before, so that looking takes no time from what is looked at; the record has all of it then.
    """
    timeline = Timeline(tell)
    with lab.inside("client"), open_store(zookeeper_hosts(), "/altair") as store:
        earlier = store.read(job_path(CLUSTER), Job)
        skip = earlier.value.id if earlier else None

        def follow() -> None:
            store.watch(suspicion_path(CLUSTER), lambda: _suspicion(store, timeline))
            store.watch(job_path(CLUSTER), lambda: _job(store, timeline, skip))

        later = threading.Timer(after_seconds, follow)
        if after_seconds > 0:
            later.start()
        else:
            follow()
        try:
            yield timeline
        finally:
            later.cancel()


def _suspicion(store: Store, timeline: Timeline) -> None:
    found = store.read(suspicion_path(CLUSTER), Suspicion)
    if found is not None:
        timeline.learn_suspicion(found.value)


def _job(store: Store, timeline: Timeline, skip: str | None) -> None:
    found = store.read(job_path(CLUSTER), Job)
    if found is not None and found.value.id != skip:
        timeline.learn_job(found.value)
