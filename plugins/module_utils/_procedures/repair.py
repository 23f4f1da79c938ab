# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicas that no longer lead to the primary are pointed at it, when no job does so: after a failover that could not
reach them, or when a replica that others follow has died."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .._adapters.mysql import Login
from .._adapters.zookeeper import Store
from .._core.cluster import Node
from .._core.errors import Conflict, Refused, StaleEpoch, Unavailable
from .._core.topology import Move
from .follow import Errand, Followed, follow_primary, follows
from .jobs import Record, read_record
from .parallel import for_each_node
from .permit import maintenance_plan
from .survey import Survey, survey


@dataclass(frozen=True, kw_only=True, slots=True)
class Repaired:
    """``replicas``: of each what came of it. ``epoch``: the one under which all of it was done."""

    primary: str
    epoch: int
    replicas: Mapping[str, Followed] = field(default_factory=dict)

    @property
    def repaired(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, one in self.replicas.items() if one.following and one.changed))

    @property
    def left_behind(self) -> tuple[str, ...]:
        return tuple(sorted(name for name, one in self.replicas.items() if not one.following))

    @property
    def to_try_again(self) -> tuple[str, ...]:
        return tuple(name for name in self.left_behind if self.replicas[name].again)

    @property
    def sentence(self) -> str:
        return "; ".join(one.sentence for one in self.replicas.values())


def _refuse(record: Record, store: Store, now_at: float) -> None:
    cluster, job = record.spec.cluster, record.job.value if record.job else None
    if job is not None and not job.state.ended:
        raise Refused(f"job {job.id} has not ended; it repoints the replicas itself, so see it through first")
    entry = maintenance_plan(store, cluster).of(None)
    if entry is not None and entry.active(now_at):
        raise Refused(f"cluster {cluster} is in maintenance ({entry.reason}); end that first")


def check_ours(store: Store, before: Record, what: str = "repair") -> None:
    """Right before a server is changed, and after: that nobody has begun a failover meanwhile."""
    now, was = read_record(store, before.spec.cluster), before.state.value
    if (now.state.value.epoch, now.state.value.primary) != (was.epoch, was.primary):
        raise StaleEpoch(
            f"epoch {was.epoch} of cluster {before.spec.cluster} is over, it is {now.state.value.epoch} now;"
            f" another job has taken over and this {what} changes nothing more"
        )
    if now.job is not None and not now.job.value.state.ended:
        raise Conflict(f"job {now.job.value.id} was opened meanwhile; this {what} changes nothing more")


def _left_as_it_is(name: str, why: str, *, again: bool = False) -> Followed:
    return Followed(following=False, changed=False, sentence=f"{name} is left as it is: {why}", again=again)


def _stays(found: Survey, name: str, because: str) -> Followed:
    """A receiver or applier that somebody has stopped is theirs to start; here it is only said."""
    state, channel = found.states[name], found.channels[name]
    if follows(state, channel.name, channel.source_uuid):
        return Followed(following=True, changed=False, sentence=f"{name} replicates, {because}")
    why = channel.error or "its receiver or its applier is stopped"
    return _left_as_it_is(name, f"{because}, and it does not replicate: {why}")


def repair(store: Store, cluster: str, login: Login, *, seconds: float, now_at: float, check: bool = False) -> Repaired:
    """Blocking. Look at all replicas, decide, and let those follow the primary that have to; all at once.

    ``seconds``: how long one may take to drain, and again to connect. ``check``: only say what would be done.
    """
    record = read_record(store, cluster)
    _refuse(record, store, now_at)
    spec, state = record.spec, record.state.value
    primary = spec.node(state.primary)
    former = record.job.value.old_primary if record.job else None
    found = survey(store, spec, login, primary=primary.name, former=former)
    if primary.name not in found.states:
        raise Unavailable(f"the primary {primary.name} does not answer: {found.unreached[primary.name]}")
    if not found.states[primary.name].writable:
        raise Refused(f"{primary.name} is primary by the record and read-only; nobody is pointed at it")
    plan = maintenance_plan(store, cluster)

    def work(node: Node) -> Followed:
        decision = found.decisions[node.name]
        if decision.move is Move.STAY:
            return _stays(found, node.name, decision.because)
        if decision.move is Move.LEFT_BEHIND:
            detail = found.unreached.get(node.name, "")
            why = f"{decision.because}: {detail}" if detail else decision.because
            return _left_as_it_is(node.name, why, again=bool(detail))
        if plan.of_node(node.name, now_at) or plan.of_node(found.sources[node.name], now_at):
            why = f"{decision.because}, but one of the two is in maintenance"
            return _left_as_it_is(node.name, why, again=True)
        if check:
            return Followed(
                following=True, changed=True, sentence=f"{node.name} would follow {primary.name}: {decision.because}"
            )
        return follow_primary(
            Errand(
                node=node,
                channel=found.channels[node.name].name,
                primary=primary,
                source_uuid=found.states[primary.name].server_uuid,
                cluster_uuids=found.uuids,
                login=login,
                seconds=seconds,
                still_ours=lambda: check_ours(store, record),
            )
        )

    done = for_each_node(spec.others(primary.name), work)
    if any(each.changed for each in done.values()) and not check:
        check_ours(store, record)
    return Repaired(primary=primary.name, epoch=state.epoch, replicas=done)
