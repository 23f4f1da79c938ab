# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What permission is decided on, gathered from the record of the cluster and of the whole fleet."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TypeVar

from .._adapters.zookeeper import Store
from .._core.cluster import ClusterSpec
from .._core.errors import Conflict, InvalidInput, NotFound
from .._core.fleet_breaker import FleetBreaker, Trouble
from .._core.maintenance import MaintenancePlan
from .._core.observation import ProcessState
from .._core.permission import Situation, cool_down_seconds_left
from .._core.standing import least
from .._core.verdict import Verdict
from .._core.znodes import (
    CLUSTERS,
    TROUBLES,
    Suspicion,
    fleet_breaker_path,
    maintenance_path,
    trouble_path,
)
from .inquiry import Inquiry
from .jobs import Record

log = logging.getLogger(__name__)
Shape = TypeVar("Shape")


def _or_default(store: Store, path: str, default: Shape) -> Shape:
    """Garbage is set aside and said: it must not keep a cluster without a primary."""
    try:
        found = store.read(path, type(default))
    except InvalidInput as error:
        log.error("set aside: %s", error)
        return default
    return found.value if found else default


def breaker(store: Store) -> FleetBreaker:
    return _or_default(store, fleet_breaker_path(), FleetBreaker())


def maintenance_plan(store: Store, cluster: str) -> MaintenancePlan:
    return _or_default(store, maintenance_path(cluster), MaintenancePlan())


def nodes_in_maintenance(store: Store, spec: ClusterSpec, now_at: float) -> tuple[str, ...]:
    """The nodes that are worked on themselves; they are not promoted."""
    plan = maintenance_plan(store, spec.cluster)
    return tuple(name for name in spec.names if plan.of_node(name, now_at))


def note_trouble(store: Store, cluster: str, primary: str, *, by: str, now_at: float) -> None:
    """Let the whole fleet know, before anything is decided: who decides at the same moment counts us in."""
    trouble = Trouble(cluster=cluster, primary=primary, at=now_at, noted_by=by)
    try:
        store.create(trouble_path(cluster), trouble)
    except Conflict:
        with suppress(Conflict):  # another has noted it this moment
            store.put(trouble_path(cluster), trouble)


def end_trouble(store: Store, cluster: str) -> None:
    """The suspicion is refuted."""
    store.delete(trouble_path(cluster))


def _noted_at(store: Store, cluster: str, limits: FleetBreaker, now_at: float, *, tidy: bool) -> float | None:
    """When; None when it is too long ago to count, and then it is taken off the record, to keep that ``tidy``."""
    path = trouble_path(cluster)
    try:
        found = store.read(path, Trouble)
    except InvalidInput:
        return now_at  # somebody noted something: rather one too many than one too few
    if found is None:
        return None
    if limits.still_counts(found.value.at, now_at):
        return found.value.at
    if not tidy:
        return None
    try:
        store.delete(path, found.version)
    except (Conflict, NotFound):
        return now_at  # noted anew this moment
    return None


def troubled(store: Store, limits: FleetBreaker, now_at: float, *, tidy: bool = True) -> tuple[str, ...]:
    """The registered clusters whose primaries count now."""
    names = set(store.children(TROUBLES)).intersection(store.children(CLUSTERS))
    return tuple(name for name in sorted(names) if _noted_at(store, name, limits, now_at, tidy=tidy) is not None)


def primaries_troubled(
    store: Store, cluster: str, limits: FleetBreaker, now_at: float, *, tidy: bool = True
) -> tuple[int, int]:
    """How many primaries are in trouble, ``cluster``'s own among them, and how many may be.

    One read in the usual case: only a list that is too long is looked at name by name.
    """
    others = set(store.children(TROUBLES)) - {cluster}
    if len(others) < limits.primaries_max:
        return len(others) + 1, limits.primaries_max
    counted = set(troubled(store, limits, now_at, tidy=tidy)) | {cluster}
    return len(counted), limits.allowed(len(store.children(CLUSTERS)))


def situation_of(
    store: Store,
    record: Record,
    suspicion: Suspicion,
    inquiry: Inquiry,
    verdict: Verdict,
    *,
    now_at: float,
    forced: bool = False,
    tidy: bool = True,
) -> Situation:
    """Blocking. The facts as they are now; raises Unavailable when ZooKeeper does not answer. Who only looks is not
    ``tidy``: troubles that are over stay on record."""
    policy, state = record.spec.policy, record.state.value
    job = record.job.value if record.job else None
    plan = maintenance_plan(store, record.spec.cluster)
    live = [each for each in inquiry.standings if each.live]
    promotable = [
        each
        for each in live
        if (node := record.spec.node(each.node)).candidate
        and record.spec.promotes_into(node.zone)
        and not plan.of_node(each.node, now_at)
    ]
    troubled, troubled_max = primaries_troubled(store, record.spec.cluster, breaker(store), now_at, tidy=tidy)
    return Situation(
        verdict=verdict,
        forced=forced,
        suspicion_current=(suspicion.epoch, suspicion.primary) == (state.epoch, state.primary),
        job_open=job is not None and not job.state.ended,
        nodes_live=len(live),
        promotable=len(promotable),
        quorum_min=policy.quorum_min,
        maintenance=plan.covering(state.primary, now_at),
        cool_down_seconds_left=cool_down_seconds_left(
            job.cools_down_from if job else None, policy.cool_down_seconds, now_at
        ),
        lag_seconds=least(each.lag_seconds for each in promotable),
        lag_seconds_max=policy.lag_seconds_max,
        transactions_missing=least(each.transactions_missing for each in promotable),
        transactions_missing_max=policy.transactions_missing_max,
        salvageable=inquiry.snapshot.agent is not ProcessState.UNKNOWN,
        primaries_troubled=troubled,
        primaries_troubled_max=troubled_max,
    )
