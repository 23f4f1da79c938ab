# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Register a cluster, change its description while all goes on, and take it off the record; each one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .._adapters.zookeeper import Change, Check, Create, Delete, Replace, Store
from .._core.amendment import Amendment, against
from .._core.cluster import ClusterSpec
from .._core.errors import Conflict, InvalidInput, NotFound, Refused
from .._core.znodes import (
    CLUSTERS,
    ClusterState,
    Job,
    LockHolder,
    cluster_path,
    health_path,
    job_path,
    lock_path,
    state_path,
    trouble_path,
)

Result = TypeVar("Result")

TRIES = 6  # a job changes its record with each step, and monitors write of their own
PAUSE_SECONDS = 0.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Registration:
    """What came of it, or in check mode would. ``before``: None where the cluster was not registered."""

    changed: bool
    sentence: str
    primary: str
    before: ClusterSpec | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """``znodes``: what was taken away, or in check mode would be; relative to the root."""

    sentence: str
    znodes: tuple[str, ...] = ()


def _again(act: Callable[[], Result]) -> Result:
    """Once more where another was first: what it changed may not matter to us."""
    for _try in range(TRIES - 1):
        try:
            return act()
        except (Conflict, NotFound):
            time.sleep(PAUSE_SECONDS)
    return act()


def register(store: Store, wanted: ClusterSpec, primary: str | None, *, check: bool = False) -> Registration:
    """``primary``: looked at in the first registration only. Refused names what must not be changed now."""
    return _again(lambda: _register(store, wanted, primary, check))


def _register(store: Store, wanted: ClusterSpec, primary: str | None, check: bool) -> Registration:
    name = wanted.cluster
    found = store.read_many(
        [(cluster_path(name), ClusterSpec), (state_path(name), ClusterState), (job_path(name), Job)]
    )
    for each in found:
        if isinstance(each, InvalidInput):
            raise each
    spec, state, job = found
    if spec is None:
        return _first(store, wanted, primary, check)
    if state is None:
        raise InvalidInput(f"{store.place} has no {state_path(name)}; deregister cluster {name}, and register it anew")
    known = Registration(changed=False, sentence="", primary=state.value.primary, before=spec.value)
    if spec.value == wanted:
        return _said(known, False, f"cluster {name} is registered like this already")
    running = job.value if job and not job.value.state.ended else None
    refusal = against(Amendment(before=spec.value, after=wanted, primary=state.value.primary, job=running))
    if refusal is not None:
        raise Refused(refusal)
    if not check:
        # Another job would have raised the epoch; the one that is open may have chosen a candidate meanwhile.
        unchanged: list[Change] = [Check(state_path(name), state.version)]
        unchanged += [Check(job_path(name), job.version)] if running else []
        store.commit([Replace(cluster_path(name), wanted, spec.version), *unchanged])
    return _said(known, True, f"the description of cluster {name} is changed")


def _said(known: Registration, changed: bool, sentence: str) -> Registration:
    return Registration(changed=changed, sentence=sentence, primary=known.primary, before=known.before)


def _first(store: Store, wanted: ClusterSpec, primary: str | None, check: bool) -> Registration:
    name = wanted.cluster
    if not primary:
        raise InvalidInput(f"cluster {name} is not registered yet; say with 'primary' which node it is")
    if primary not in wanted.names:
        raise InvalidInput(f"cluster {name} has no node '{primary}'; its nodes are {', '.join(wanted.names)}")
    if not check:
        store.ensure(CLUSTERS)
        store.commit(
            [Create(cluster_path(name), wanted), Create(state_path(name), ClusterState(epoch=1, primary=primary))]
        )
    sentence = f"cluster {name} is registered, {primary} is its primary"
    return Registration(changed=True, sentence=sentence, primary=primary, before=None)


def deregister(store: Store, cluster: str, *, check: bool = False) -> Removal:
    """All that is on record of it, at one moment: nobody ever sees a part of a cluster. Refused while a job is open."""
    return _again(lambda: _deregister(store, cluster, check))


def _tree(store: Store, path: str) -> list[str]:
    """What must be deleted first stands first; nothing where there is no such znode."""
    if store.version(path) is None:
        return []
    below = [each for child in store.children(path) for each in _tree(store, f"{path}/{child}")]
    return [*below, path]


def _deregister(store: Store, cluster: str, check: bool) -> Removal:
    if store.version(cluster_path(cluster)) is None:
        return Removal(sentence=f"cluster {cluster} is not registered")
    state = store.version(state_path(cluster))
    found, lock = store.read_many([(job_path(cluster), Job), (lock_path(cluster), LockHolder)])
    if isinstance(found, InvalidInput):
        raise found
    if found is not None and not found.value.state.ended:
        raise Refused(f"cluster {cluster} stays registered: its job {found.value.id} has not ended")
    if lock is not None and not isinstance(lock, InvalidInput):
        raise Conflict(
            f"orchestrator {lock.value.owner} is at work on cluster {cluster}; wait for it, or stop it first"
        )
    health = health_path(cluster, "any").rpartition("/")[0]
    paths = [each for top in (cluster_path(cluster), health, trouble_path(cluster)) for each in _tree(store, top)]
    # To open a job is to change the state: with this version of it nobody has opened one since.
    versions = {state_path(cluster): state} if state is not None else {}
    if not check:
        store.commit([Delete(path, versions.get(path, -1)) for path in paths])
    return Removal(sentence=f"cluster {cluster} is no longer registered", znodes=tuple(paths))
