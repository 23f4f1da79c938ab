# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking everybody who could know whether a primary lives, all at once, each with a deadline."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass

from .._adapters.agent import Caller, base_url
from .._adapters.mysql import Login, Probe, probe
from .._core.cluster import ClusterSpec, Node
from .._core.errors import Unavailable
from .._core.health import Health
from .._core.observation import Observation, ProcessState, Reach, Sighting
from .._core.snapshot import Snapshot
from .._core.wire import OBSERVATION_PATH, SIGHTING_PATH, SightingRequest

PROVEN_GRACE_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Means:
    """How to ask. ``seconds``: the deadline of each answer. ``threads``: where blocking connects run."""

    caller: Caller
    login: Login
    seconds: float
    threads: Executor | None = None


async def _own_connect(node: Node, means: Means) -> Probe:
    loop = asyncio.get_running_loop()
    work = loop.run_in_executor(means.threads, probe, node.address, node.port, means.login)
    try:
        return await asyncio.wait_for(work, means.seconds)
    except TimeoutError:
        return Probe(Reach.TIMED_OUT, f"no answer within {means.seconds:g} s")


async def _agents_word(node: Node, means: Means) -> Observation | None:
    url = base_url(node.address, node.agent_port) + OBSERVATION_PATH
    try:
        return await means.caller.get(url, Observation, means.seconds)
    except Unavailable:
        return None


async def _replicas_word(replica: Node, primary: Node, means: Means) -> Sighting:
    url = base_url(replica.address, replica.agent_port) + SIGHTING_PATH
    question = SightingRequest(target=primary.name, address=primary.address, port=primary.port)
    try:
        seen = await means.caller.post(url, question, Sighting, means.seconds)
    except Unavailable as error:
        return Sighting(observer=replica.name, target=primary.name, reach=Reach.UNKNOWN, detail=str(error))
    return Sighting(observer=replica.name, target=primary.name, reach=seen.reach, detail=seen.detail)


async def _hear(questions: dict[str, asyncio.Task[Sighting]], primary: str, seconds: float | None) -> list[Sighting]:
    """The replicas' answers; who has not answered after ``seconds`` (None: each question's own deadline) is UNKNOWN."""
    if questions:
        await asyncio.wait(questions.values(), timeout=seconds)
    heard = []
    for name, question in questions.items():
        if question.done():
            heard.append(question.result())
        else:
            question.cancel()
            heard.append(Sighting(observer=name, target=primary, reach=Reach.UNKNOWN, detail="not waited for"))
    return heard


def _read_only(own: Probe, word: Observation | None) -> bool | None:
    """Read-only without ``super`` counts: no client of the applications can write. What an agent last read counts only
    if it read it just now."""
    if own.server is not None:
        return not own.server.writable
    if word is not None and word.server is not None and word.reach is Reach.REACHED:
        return not word.server.writable
    return None


async def screen(spec: ClusterSpec, primary_name: str, suspected: Health, means: Means) -> Snapshot:
    """Every answer that came within the deadline, frozen; what did not come is UNKNOWN or None.

    The replicas are asked at the same moment as everybody else. Where the primary's own agent says now that mysqld has
    exited, and nothing answers us there, that is proof: the replicas are then heard, but not waited for.
    """
    primary = spec.node(primary_name)
    questions = {
        replica.name: asyncio.create_task(_replicas_word(replica, primary, means))
        for replica in spec.others(primary_name)
    }
    own, word = await asyncio.gather(_own_connect(primary, means), _agents_word(primary, means))
    proven = own.reach.denies_life and word is not None and word.process is ProcessState.EXITED
    sightings = await _hear(questions, primary_name, PROVEN_GRACE_SECONDS if proven else None)
    answered = word is not None or own.reach not in (Reach.TIMED_OUT, Reach.UNKNOWN)
    return Snapshot(
        cluster=spec.cluster,
        primary=primary_name,
        suspected=suspected,
        reported=ProcessState.UNKNOWN,
        agent=word.process if word is not None else ProcessState.UNKNOWN,
        host=True if answered else None,
        orchestrator=own.reach,
        read_only=_read_only(own, word),
        replicas=tuple(sightings),
        agent_reach=word.reach if word is not None else Reach.UNKNOWN,
    )
