# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking a node's agent for the tail of its binary logs."""

from __future__ import annotations

import base64
import zlib

from .._adapters.agent import Caller, TlsFiles, base_url
from .._adapters.agent import run as ask
from .._core.cluster import Node
from .._core.errors import Unavailable
from .._core.wire import SALVAGE_PATH, SalvageAnswer, SalvageRequest

DUMP_BYTES_MAX = 256 * 1024 * 1024  # twice what an agent gives; a damaged answer could unpack to anything


async def _post(files: TlsFiles, node: Node, question: SalvageRequest, seconds: float) -> SalvageAnswer:
    async with Caller(files) as caller:
        return await caller.post(
            base_url(node.address, node.agent_port) + SALVAGE_PATH, question, SalvageAnswer, seconds
        )


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
    answer = ask(_post(files, node, question, seconds))
    return answer, unpack(answer.dump)
