# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A screening with all that bears on it: the answers about the primary, its last report, its host, and the replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from .._adapters.agent import base_url
from .._adapters.zookeeper import Store, Versioned
from .._core.cluster import ClusterSpec, Node, Policy
from .._core.errors import AltairError, InvalidInput, Unavailable
from .._core.observation import Observation, ProcessState, Reach
from .._core.snapshot import Snapshot
from .._core.standing import Standing, standing_of
from .._core.wire import OBSERVATION_PATH
from .._core.znodes import NodeHealth, Suspicion, Voters, health_path, voters_path
from .screening import PROVEN_GRACE_SECONDS, Means, screen

HOST_STATES: dict[int | None, bool | None] = {0: True, 1: False}  # exit codes of the command that knows about hosts


@dataclass(frozen=True, slots=True)
class Inquiry:
    snapshot: Snapshot
    standings: tuple[Standing, ...]


async def _observation(node: Node, means: Means) -> Observation | None:
    url = base_url(node.address, node.agent_port) + OBSERVATION_PATH
    try:
        return await means.caller.get(url, Observation, means.seconds)
    except Unavailable:
        return None


async def host_state(command: Sequence[str], node: Node, seconds: float) -> bool | None:
    """Up, down, or None where the command does not say so in time; it is given the node's name and address."""
    if not command:
        return None
    null = asyncio.subprocess.DEVNULL
    try:
        asked = await asyncio.create_subprocess_exec(
            *command, node.name, node.address, stdin=null, stdout=null, stderr=null
        )
    except OSError:
        return None
    try:
        return HOST_STATES.get(await asyncio.wait_for(asked.wait(), seconds))
    except TimeoutError:
        return None
    finally:
        if asked.returncode is None:
            with suppress(ProcessLookupError):
                asked.kill()
            await asked.wait()


@dataclass(frozen=True, slots=True)
class _Recorded:
    """``last``: what the monitor had when it raised the suspicion; None where its word on record is another one.
    ``voters``: see ``voters_of``."""

    last: Observation | None
    voters: tuple[str, ...] | None


def _recorded(store: Store, cluster: str, suspicion: Suspicion) -> _Recorded:
    """Blocking. A health that cannot be read counts as none."""
    health, voters = store.read_many(
        [(health_path(cluster, suspicion.primary), NodeHealth), (voters_path(cluster), Voters)]
    )
    if isinstance(voters, InvalidInput):
        raise voters
    word = health.value if isinstance(health, Versioned) else None
    return _Recorded(
        last=word.observation if word is not None and word.health is suspicion.health else None,
        voters=_names_of(voters, suspicion.primary),
    )


def _patience(policy: Policy, means: Means) -> float:
    """How long to wait for the replicas once the primary is seen; a policy that hangs on them needs every answer."""
    exacting = policy.quorum_min > 1 or policy.lag_seconds_max is not None
    return means.seconds if exacting or policy.transactions_missing_max is not None else PROVEN_GRACE_SECONDS


async def _gather(words: dict[str, asyncio.Task[Observation | None]], seconds: float) -> dict[str, Observation | None]:
    """What came within ``seconds``; where that is no live replica, the first that comes within its own deadline."""
    pending = set(words.values())
    if pending:
        _done, pending = await asyncio.wait(pending, timeout=seconds)
    while pending and not any(word.done() and _lives(word.result()) for word in words.values()):
        _done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    return {name: word.result() if word.done() else None for name, word in words.items()}


def _lives(seen: Observation | None) -> bool:
    return seen is not None and seen.reach is Reach.REACHED


def _standing(node: str, seen: Observation | None, primary_executed: str | None) -> Standing:
    try:
        return standing_of(node, seen, primary_executed)
    except AltairError:  # a GTID set that cannot be read
        return Standing(node=node, live=seen is not None)


def voters_of(store: Store, cluster: str, primary: str) -> tuple[str, ...] | None:
    """Who votes on ``primary``'s lease, by the record; None when there is none."""
    return _names_of(store.read(voters_path(cluster), Voters), primary)


def _names_of(found: Versioned[Voters] | None, primary: str) -> tuple[str, ...] | None:
    return found.value.names if found is not None and found.value.primary == primary else None


async def inquire(
    store: Store, spec: ClusterSpec, suspicion: Suspicion, means: Means, host_command: Sequence[str] = ()
) -> Inquiry:
    """Everything at once, each with its deadline. ``host_command`` is waited for only where nothing there answers."""
    primary = spec.node(suspicion.primary)
    host = asyncio.create_task(host_state(host_command, primary, means.seconds))
    words = {node.name: asyncio.create_task(_observation(node, means)) for node in spec.others(primary.name)}
    try:
        snapshot = await screen(spec, primary.name, suspicion.health, means)
        heard = await _gather(words, _patience(spec.policy, means))
        if snapshot.host is None:
            snapshot = replace(snapshot, host=await host)
    finally:
        for task in (host, *words.values()):
            task.cancel()
        await asyncio.gather(host, *words.values(), return_exceptions=True)
    recorded = await asyncio.to_thread(_recorded, store, spec.cluster, suspicion)
    last = recorded.last
    executed = last.server.gtid_executed if last and last.server else None
    return Inquiry(
        replace(snapshot, reported=last.process if last else ProcessState.UNKNOWN, voters=recorded.voters),
        tuple(_standing(name, seen, executed) for name, seen in heard.items()),
    )
