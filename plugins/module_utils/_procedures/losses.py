# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the account of what a job lost: by the old primary's agent if it answers, else by what is on record."""

from __future__ import annotations

from collections.abc import Mapping

from .._adapters.agent import TlsFiles
from .._adapters.mysql import MysqlError, connect
from .._adapters.zookeeper import Store
from .._core.binlog import tail
from .._core.binlog_rows import decoded
from .._core.cluster import ClusterSpec, Node
from .._core.errors import InvalidInput, NotFound, Unavailable
from .._core.gtid import GtidSet
from .._core.losses import Findings, manifest_of
from .._core.manifest import LossManifest, LostTransaction
from .._core.observation import Observation, ServerState
from .._core.wire import SalvageRequest
from .._core.znodes import ClusterState, Evidence, Job, NodeHealth, health_path
from .step import Neighbours
from .tail import fetch

ROWS_MAX = 200_000
ROWS_BYTES_MAX = 64 * 1024 * 1024


def _set(text: str) -> GtidSet:
    """Of what is on record or came from an agent; what cannot be read says nothing."""
    try:
        return GtidSet.parse(text)
    except InvalidInput:
        return GtidSet()


def _received(server: ServerState) -> GtidSet:
    got = _set(server.gtid_executed)
    for channel in server.channels:
        got = got | _set(channel.gtid_retrieved)
    return got


def reported(seen: Mapping[str, Observation | None], old_primary: str) -> GtidSet:
    """What the old primary had executed, and what replicas had got, by the last reports on record.

    Of a replica only what has the old primary's own UUID counts: else its own errant transactions would be taken for
    losses.
    """
    own = seen.get(old_primary)
    if own is None or own.server is None:
        return GtidSet()
    had = _set(own.server.gtid_executed)
    uuid = own.server.server_uuid.lower()
    for name, observation in seen.items():
        if name != old_primary and observation is not None and observation.server is not None:
            got = _received(observation.server)
            had = had | GtidSet(tuple(each for each in got.sources if each[0].partition(":")[0] == uuid))
    return had


def reports(store: Store, spec: ClusterSpec) -> dict[str, Observation | None]:
    found: dict[str, Observation | None] = {}
    for name in spec.names:
        try:
            health = store.read(health_path(spec.cluster, name), NodeHealth)
        except InvalidInput:  # a record that cannot be read is set aside by the monitor
            health = None
        found[name] = health.value.observation if health else None
    return found


def salvaged(evidence: Evidence) -> GtidSet | None:
    """What the step ``salvage`` found, applied or not: the candidate it was applied to need not be the one that was
    promoted. None when it did not see the logs to their end."""
    if evidence.get("known") is not True:
        return None
    return _set(str(evidence.get("found") or ""))


def evidence_of(job: Job, step: str) -> Evidence:
    return next((record.evidence for record in job.steps if record.step == step), {})


def executed_by(node: Node, neighbours: Neighbours, job: Job) -> GtidSet:
    """Now, or when the job promoted it: that it has died since must not keep the job from its end, because the next one
    could not begin."""
    try:
        with connect(node.address, node.port, neighbours.login) as server:
            return GtidSet.parse(server.state().gtid_executed)
    except MysqlError:
        had = evidence_of(job, "promote").get("gtid_executed_before") if node.name == job.candidate else None
        if not isinstance(had, str):
            raise
        return GtidSet.parse(had)


def logs_of(
    files: TlsFiles | None, node: Node, question: SalvageRequest, seconds: float
) -> tuple[GtidSet | None, str, tuple[LostTransaction, ...]]:
    """What the node's logs hold beyond what is had, why that is not all, and the rows of it."""
    if files is None:
        return None, f"the agent of {node.name} was not asked", ()
    try:
        answer, dump = fetch(files, node, question, seconds)
        found = tail(dump).found | GtidSet.parse(answer.purged) | GtidSet.parse(answer.missing)
    except (Unavailable, InvalidInput) as error:
        return None, str(error), ()
    rows = tuple(decoded(dump, rows_max=ROWS_MAX, bytes_max=ROWS_BYTES_MAX))
    return found, answer.unread, rows


def take_account(
    store: Store,
    spec: ClusterSpec,
    job: Job,
    neighbours: Neighbours,
    *,
    state: ClusterState,
    seconds: float,
    now_at: float,
) -> LossManifest:
    """What the job's old primary had and the cluster's primary has not.

    ``state``: as it is now. A later job may have replaced the new primary, too; Unavailable when the primary of then
    does not answer.
    """
    if job.candidate is None or "promote" not in job.steps_done:
        raise NotFound(f"job {job.id} promoted nobody, so it lost nothing")
    old, new = spec.node(job.old_primary), spec.node(state.primary)
    told = reported(reports(store, spec), old.name)
    have = executed_by(new, neighbours, job)
    question = SalvageRequest(
        cluster=spec.cluster, node=old.name, job=job.id, epoch=state.epoch, have=str(have), rows=True
    )
    logs, unread, rows = logs_of(neighbours.agents, old, question, seconds)
    seen = Findings(
        has=executed_by(
            new, neighbours, job
        ),  # last: an old primary that replicates by now has what was written meanwhile
        logs=logs,
        unread=unread,
        salvaged=salvaged(evidence_of(job, "salvage")),
        reported=told,
    )
    return manifest_of(
        seen,
        rows,
        cluster=spec.cluster,
        job=job.id,
        old_primary=old.name,
        new_primary=new.name,
        since_at=job.opened_at,
        counted_at=now_at,
    )
