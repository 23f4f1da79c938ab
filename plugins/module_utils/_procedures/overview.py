# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read what is on record of clusters, many at once, for who only looks: the status, the inventory, the lookup.

What cannot be read is set aside with its sentence: garbage in one place hides nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Union

from .._adapters.agent import Caller, TlsFiles, base_url
from .._adapters.zookeeper import Store
from .._core.cluster import ClusterSpec, Node, checked_name
from .._core.errors import AltairError, InvalidInput, NotFound, Unavailable
from .._core.maintenance import MaintenancePlan
from .._core.manifest import LossAccount
from .._core.observation import Observation
from .._core.overview import Overview, PastJob, past_job
from .._core.returned import ReturnedNode
from .._core.wire import OBSERVATION_PATH
from .._core.znodes import (
    CLUSTERS,
    ClusterState,
    Job,
    LockHolder,
    NodeHealth,
    Suspicion,
    cluster_path,
    health_path,
    history_path,
    job_path,
    lock_path,
    losses_path,
    maintenance_path,
    returned_path,
    state_path,
    suspicion_path,
)

AT_ONCE = 100  # clusters that are read together
ASKED_AT_ONCE = 200  # agents

# In the form that ansible-test, which reads this as Python 3.8, takes.
Read = Union[Overview, AltairError]  # noqa: UP007
Registered = Union[tuple[ClusterSpec, ClusterState], AltairError]  # noqa: UP007

_REGISTERED: tuple[tuple[Callable[[str], str], type], ...] = ((cluster_path, ClusterSpec), (state_path, ClusterState))
_PARTS: tuple[tuple[Callable[[str], str], type], ...] = (
    *_REGISTERED,
    (job_path, Job),
    (suspicion_path, Suspicion),
    (maintenance_path, MaintenancePlan),
    (lock_path, LockHolder),
)


def _read_parts(
    store: Store, clusters: Sequence[str], parts: tuple[tuple[Callable[[str], str], type], ...]
) -> list[list[Any]]:
    found = store.read_many([(path(name), shape) for name in clusters for path, shape in parts])
    return [found[start : start + len(parts)] for start in range(0, len(found), len(parts))]


def _registered(store: Store, cluster: str, spec: Any, state: Any) -> Registered:
    for each in (spec, state):
        if isinstance(each, AltairError):
            return each
    if spec is None:
        return NotFound(f"cluster {cluster} is not registered at {store.place}")
    if state is None:
        return InvalidInput(
            f"{store.place} has no {state_path(cluster)}; deregister cluster {cluster}, and register it anew"
        )
    if spec.value.cluster != cluster:
        return InvalidInput(f"{cluster_path(cluster)} in {store.place} describes another cluster, {spec.value.cluster}")
    if state.value.primary not in spec.value.names:
        return InvalidInput(
            f"{state_path(cluster)} in {store.place} names {state.value.primary} as primary, which is no node of it"
        )
    return spec.value, state.value


def read_registered(store: Store, clusters: Sequence[str]) -> list[Registered]:
    """Description and state of each, in one round trip. NotFound stands in the place of an unknown cluster,
    InvalidInput in that of garbage."""
    names = [checked_name(cluster, "cluster name") for cluster in clusters]
    found = _read_parts(store, names, _REGISTERED)
    return [_registered(store, name, *parts) for name, parts in zip(names, found, strict=True)]


def _overview(store: Store, cluster: str, parts: Sequence[Any]) -> Read:
    registered = _registered(store, cluster, parts[0], parts[1])
    if isinstance(registered, AltairError):
        return registered
    job, suspicion, plan, lock = (None if isinstance(each, AltairError) else each for each in parts[2:])
    return Overview(
        spec=registered[0],
        state=registered[1],
        job=job and job.value,
        suspicion=suspicion and suspicion.value,
        maintenance=plan.value if plan else MaintenancePlan(),
        owner=lock.value.owner if lock else "",
        faults=tuple(str(each) for each in parts[2:] if isinstance(each, AltairError)),
    )


def _values(names: Sequence[str], found: Sequence[Any]) -> dict[str, Any]:
    named = zip(names, found, strict=True)
    return {name: each.value for name, each in named if each is not None and not isinstance(each, AltairError)}


def _with_nodes(overview: Overview, found: Sequence[Any]) -> Overview:
    """``found``: of each node, in the order of the description, its health and then its return."""
    names = overview.spec.names
    return replace(
        overview,
        health=_values(names, found[::2]),
        returned=_values(names, found[1::2]),
        faults=(*overview.faults, *(str(each) for each in found if isinstance(each, AltairError))),
    )


def _read_some(store: Store, clusters: Sequence[str]) -> dict[str, Read]:
    parts = _read_parts(store, clusters, _PARTS)
    read = {name: _overview(store, name, each) for name, each in zip(clusters, parts, strict=True)}
    known = {name: each for name, each in read.items() if isinstance(each, Overview)}
    asks: list[tuple[str, type]] = []
    for name, each in known.items():
        for node in each.spec.names:
            asks += [(health_path(name, node), NodeHealth), (returned_path(name, node), ReturnedNode)]
    found = iter(store.read_many(asks))
    for name, each in known.items():
        read[name] = _with_nodes(each, [next(found) for _ask in range(2 * len(each.spec.names))])
    return read


def read_overviews(store: Store, clusters: Sequence[str]) -> dict[str, Read]:
    """Two round trips for each hundred. NotFound stands in the place of an unknown cluster, InvalidInput in that of one
    whose description or state is garbage."""
    found: dict[str, Read] = {}
    for start in range(0, len(clusters), AT_ONCE):
        found.update(_read_some(store, clusters[start : start + AT_ONCE]))
    return found


def read_overview(store: Store, cluster: str) -> Overview:
    """Raise what stands in its place."""
    found = read_overviews(store, [checked_name(cluster, "cluster name")])[cluster]
    if isinstance(found, AltairError):
        raise found
    return found


def read_fleet(store: Store) -> dict[str, Read]:
    """All that are registered; one that is deregistered at this very moment is left out."""
    found = read_overviews(store, store.children(CLUSTERS))
    return {name: each for name, each in found.items() if not isinstance(each, NotFound)}


def _age(job: str) -> tuple[int, str]:
    """Jobs are numbered by the epoch under which they were opened."""
    number = job.rpartition("-")[2]
    return (int(number) if number.isdecimal() else -1, job)


def read_history(store: Store, cluster: str, limit: int) -> tuple[tuple[PastJob, ...], int, tuple[str, ...]]:
    """The last jobs that ended, the newest first; how many there are in all; and what could not be read."""
    names = sorted(store.children(history_path(cluster, "any").rpartition("/")[0]), key=_age, reverse=True)
    asked = names[: max(limit, 0)]
    jobs = store.read_many([(history_path(cluster, name), Job) for name in asked])
    accounts = store.read_many([(losses_path(cluster, name), LossAccount) for name in asked])
    faults = tuple(str(each) for each in (*jobs, *accounts) if isinstance(each, AltairError))
    past = [
        past_job(job.value, None if account is None or isinstance(account, AltairError) else account.value)
        for job, account in zip(jobs, accounts, strict=True)
        if job is not None and not isinstance(job, AltairError)
    ]
    return tuple(past), len(names), faults


async def ask_nodes(files: TlsFiles, nodes: Iterable[Node], seconds: float) -> list[Observation | None]:
    """What each agent finds now, in the same order; None of one that does not answer."""
    turns = asyncio.Semaphore(ASKED_AT_ONCE)

    async def one(node: Node) -> Observation | None:
        async with turns:
            try:
                return await caller.get(
                    base_url(node.address, node.agent_port) + OBSERVATION_PATH, Observation, seconds
                )
            except Unavailable:
                return None

    async with Caller(files) as caller:
        return list(await asyncio.gather(*map(one, nodes)))
