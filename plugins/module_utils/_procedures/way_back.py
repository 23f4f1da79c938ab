# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A switchover of which a step has failed: the old primary is writable again, or the job ends with its new primary."""

from __future__ import annotations

import time

from .._adapters.mysql import Login, MysqlError, connect
from .._adapters.zookeeper import Store
from .._core.cluster import Node
from .._core.errors import AltairError, Paused, Refused, StaleEpoch
from .._core.lifecycle import JobState
from .._core.mid_promotion import Turn
from .._core.observation import Reach
from .._core.plan import JobKind
from .._core.znodes import Job, promotion_path
from .agent_fence import pause_job
from .dead_candidate import examine
from .jobs import Record, current_job, end_job, read_record
from .keeping import Keeper, store_at
from .step import Neighbours, Scene

SECONDS_MAX = 10.0  # to reach the old primary; one that does not answer by then is left to the monitors
GONE_SECONDS = 1.0  # ... and one whose host says that nobody listens there, so that a failover need not wait
AGAIN_SECONDS = 0.2


def leads_back(store: Store, job: Job) -> bool:
    """Whether a switchover that nobody is at work on any more is given up; else it goes on to its end."""
    if job.kind is not JobKind.SWITCHOVER or "promote" in job.steps_done:
        return False
    return store.version(promotion_path(job.cluster)) is None


def _reopen(node: Node, login: Login) -> None:
    with connect(node.address, node.port, login) as server:
        server.set_super_read_only(False)
        if not server.state().writable:
            raise Refused(f"{node.name} was told to become writable and is not")


def _restore(store: Store, job: Job, node: Node, login: Login) -> str:
    """The old primary as it was; its event scheduler goes on by itself. Says what came of it."""
    began = time.monotonic()
    while True:
        current_job(read_record(store, job.cluster), job.epoch)  # whoever has taken over restores it, or replaces it
        try:
            _reopen(node, login)
            return f"{node.name} takes writes again"
        except (MysqlError, Refused) as error:
            gone = isinstance(error, MysqlError) and error.reach is Reach.REFUSED
            if time.monotonic() - began > (GONE_SECONDS if gone else SECONDS_MAX):
                return f"{node.name} could not be made writable again ({error}); the monitors judge it now"
        time.sleep(AGAIN_SECONDS)


def _restart(node: Node, login: Login) -> str:
    """What catch_up_target has stopped at the target."""
    try:
        with connect(node.address, node.port, login) as server:
            for channel in server.state().channels:
                if not channel.receiver_running:
                    server.start(channel.name)
    except MysqlError as error:
        return f"; {node.name} may have to be told START REPLICA ({error})"
    return ""


def go_back(store: Store, cluster: str, epoch: int, login: Login, because: str) -> str:
    """Give the running switchover of ``epoch`` up; Refused once its promotion has begun. Says what came of it.

    First the server, then the record: who is killed in between is succeeded by somebody who finds the job open and does
    the same. Nobody else promotes meanwhile: a promotion begins under the job's epoch only, which is ours.
    """
    record = read_record(store, cluster)
    job = current_job(record, epoch)
    if not leads_back(store, job):
        raise Refused(f"the promotion of job {job.id} has begun or is done; it has to go to its end")
    sentence = _restore(store, job, record.spec.node(job.old_primary), login)
    if "quiesce" in job.steps_done and job.candidate is not None:
        sentence += _restart(record.spec.node(job.candidate), login)
    record = read_record(store, cluster)
    current_job(record, epoch)
    end_job(store, record, JobState.ABORTED, f"{because}; {sentence}", time.time())
    return sentence


def _without_its_primary(store: Store, record: Record, epoch: int, neighbours: Neighbours, seconds: float) -> str:
    """Of a job that has promoted somebody: why it has ended here, or paused, because that one has died; empty where it
    goes on. ``seconds``: how long that one may take to answer again; 0: only what is proven to have died counts."""
    job = current_job(record, epoch)
    if "promote" not in job.steps_done:
        return ""
    scene = Scene(store=store, spec=record.spec, job=job, neighbours=neighbours, check=False)
    found = examine(scene, "", seconds)
    if found.turn is Turn.END_JOB:
        record = read_record(store, record.spec.cluster)
        current_job(record, epoch)
        end_job(store, record, JobState.ABORTED, found.sentence, time.time())
        return f"the job ends here: {found.sentence}"
    if found.turn is Turn.PAUSE and seconds > 0:
        pause_job(scene, found.sentence)
        return f"job {job.id} is paused: {found.sentence}"
    return ""


def gone_back(
    place: Keeper, cluster: str, epoch: int, neighbours: Neighbours, error: AltairError, *, seconds: float
) -> AltairError:
    """After a step has failed with ``error``: what is to be said, once all is as it was or the job goes on.
    ``seconds``: how long a new primary that does not answer may take to be back."""
    if isinstance(error, (StaleEpoch, Paused)):
        return error
    try:
        with store_at(place) as store:
            record = read_record(store, cluster)
            job = current_job(record, epoch)
            if not leads_back(store, job):
                ended = _without_its_primary(store, record, epoch, neighbours, seconds)
                if ended:
                    return Refused(f"{error}; {ended}")
                return Refused(
                    f"{error}; {job.candidate} is being promoted or is the primary, so the job goes on: an orchestrator"
                    " takes it over"
                )
            return Refused(
                f"{error}; the switchover is given up: {go_back(store, cluster, epoch, neighbours.login, str(error))}"
            )
    except AltairError as later:
        return Refused(f"{error}; {later}; an orchestrator takes the job over and gives it up")
