# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a node's agent for the tail of its binary logs."""

from __future__ import annotations

import base64
import zlib
from contextlib import suppress

from .._adapters.agent import Caller, TlsFiles, base_url
from .._core.binlog import Tail, tail
from .._core.cluster import Node
from .._core.errors import InvalidInput, Unavailable
from .._core.gtid import GtidSet
from .._core.wire import SALVAGE_PATH, SalvageAnswer, SalvageRequest
from .keeping import ask_agents, ask_ahead, asked_ahead
from .step import Scene

DUMP_BYTES_MAX = 256 * 1024 * 1024  # twice what an agent gives; a damaged answer could unpack to anything
AHEAD_SECONDS = 30.0


async def _post(caller: Caller, node: Node, question: SalvageRequest, seconds: float) -> SalvageAnswer:
    url = base_url(node.address, node.agent_port) + SALVAGE_PATH
    return await caller.post(url, question, SalvageAnswer, seconds)


def unpack(packed: str) -> bytes:
    """What an answer's ``dump`` holds; Unavailable when that is damaged."""
    unpacker = zlib.decompressobj()
    try:
        dump = unpacker.decompress(base64.b64decode(packed, validate=True), DUMP_BYTES_MAX)
    except (ValueError, zlib.error) as error:
        raise Unavailable(f"the agent's answer is damaged ({error})") from None
    if not unpacker.eof:
        raise Unavailable("the agent's answer is damaged (it is cut short, or too long)")
    return dump


def fetch(files: TlsFiles, node: Node, question: SalvageRequest, seconds: float) -> tuple[SalvageAnswer, bytes]:
    """The answer and what mysqlbinlog printed; Unavailable when the agent has none within ``seconds``."""
    answer = ask_agents(files, lambda caller: _post(caller, node, question, seconds))
    return answer, unpack(answer.dump)


def question(scene: Scene, have: GtidSet) -> SalvageRequest:
    """What the old primary's agent is asked, which answers who has the job only."""
    job = scene.job
    return SalvageRequest(
        cluster=scene.spec.cluster, node=scene.old_primary.name, job=job.id, epoch=job.epoch, have=str(have)
    )


def begin(scene: Scene, files: TlsFiles) -> None:
    """Within ``keeping_open``: fetch the tail while other steps act. The old primary's mysqld must have exited."""
    if not scene.check:
        ask_ahead(lambda have: fetch(files, scene.old_primary, question(scene, have), AHEAD_SECONDS))


def tail_of(scene: Scene, files: TlsFiles, executed: GtidSet, seconds: float) -> tuple[SalvageAnswer, Tail]:
    """What the old primary had beyond ``executed``, which the candidate has; Unavailable or InvalidInput when it cannot
    be told. What was fetched ahead is taken only if it is whole, and of nothing that the candidate lacks."""
    ahead = asked_ahead()
    if ahead is not None and ahead.have <= executed:
        with suppress(Unavailable, InvalidInput, TimeoutError):
            answer, printed = ahead.answer.result(seconds)
            if not (answer.purged or answer.missing or answer.unread):
                return answer, tail(printed)
    answer, printed = fetch(files, scene.old_primary, question(scene, executed), seconds)
    return answer, tail(printed)
