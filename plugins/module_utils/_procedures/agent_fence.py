# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's agent can prove of its mysqld, by its word or by a kill; and the pause where nothing is proven."""

from __future__ import annotations

import time

from .._adapters.agent import Caller, TlsFiles, base_url
from .._core.cluster import Node
from .._core.errors import InvalidInput, Unavailable
from .._core.fencing import Attempt, Rung
from .._core.lifecycle import JobState
from .._core.observation import Observation, ProcessState
from .._core.wire import OBSERVATION_PATH, STOP_PATH, StopAnswer, StopRequest
from .jobs import current_job, end_job, read_record
from .keeping import ask_agents
from .step import Scene


def _files(scene: Scene) -> TlsFiles:
    if scene.neighbours.agents is None:
        raise InvalidInput("no agent can be asked without agent_ca, agent_cert and agent_key")
    return scene.neighbours.agents


async def observe(caller: Caller, node: Node, seconds: float) -> Observation:
    return await caller.get(base_url(node.address, node.agent_port) + OBSERVATION_PATH, Observation, seconds)


async def _order_stop(caller: Caller, scene: Scene, node: Node) -> StopAnswer:
    order = StopRequest(cluster=scene.spec.cluster, node=node.name, job=scene.job.id, epoch=scene.job.epoch)
    url = base_url(node.address, node.agent_port) + STOP_PATH
    return await caller.post(url, order, StopAnswer, scene.neighbours.answer_seconds)


def by_agents_word(scene: Scene, node: Node) -> tuple[Attempt, Observation | None]:
    """The attempt, and the agent's word; None where there is no agent that could be given an order."""
    try:
        word = ask_agents(_files(scene), lambda caller: observe(caller, node, scene.neighbours.answer_seconds))
    except Unavailable as error:
        return Attempt(rung=Rung.AGENT_WORD, node=node.name, proven=False, detail=str(error)), None
    detail = f"its agent says mysqld is {word.process.value}"
    proven = word.process is ProcessState.EXITED
    return Attempt(rung=Rung.AGENT_WORD, node=node.name, proven=proven, detail=detail), word


def by_agent_stop(scene: Scene, node: Node) -> Attempt:
    if scene.check:
        return Attempt(rung=Rung.AGENT_STOP, node=node.name, proven=False, detail="not ordered in check mode")
    try:
        answer = ask_agents(_files(scene), lambda caller: _order_stop(caller, scene, node))
    except Unavailable as error:
        return Attempt(rung=Rung.AGENT_STOP, node=node.name, proven=False, detail=str(error))
    return Attempt(
        rung=Rung.AGENT_STOP,
        node=node.name,
        proven=answer.process is ProcessState.EXITED,
        detail=f"after the kill mysqld is {answer.process.value}, {answer.detail}",
    )


def pause_job(scene: Scene, because: str) -> None:
    record = read_record(scene.store, scene.spec.cluster)
    current_job(record, scene.job.epoch)  # what another has taken over, or given up, is not ours to pause
    end_job(scene.store, record, JobState.PAUSED, because, time.time())
