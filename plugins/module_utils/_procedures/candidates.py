# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the replicas, all at once, for what decides which of them is promoted."""

from __future__ import annotations

import re
from collections.abc import Collection

from .._adapters.mysql import Login, probe
from .._core.candidate import Choice, Contender, choose
from .._core.cluster import ClusterSpec, Node
from .._core.errors import Refused
from .._core.gtid import GtidSet
from .parallel import for_each_node


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _contender(node: Node, login: Login, drained: bool) -> Contender:
    seen = probe(node.address, node.port, login)
    state = seen.server
    return Contender(
        name=node.name,
        reachable=state is not None,
        allowed=node.candidate,
        drained=drained,
        executed=GtidSet.parse(state.gtid_executed) if state else GtidSet(),
        server_version=_version(state.version) if state else (),
        detail=seen.detail,
    )


def pick(
    spec: ClusterSpec, old_primary: str, login: Login, drained: Collection[str]
) -> tuple[Choice, dict[str, Contender]]:
    """The choice among the replicas, and what was seen of each; raise Refused, with every reason, when there is none.

    ``drained``: names of those that have applied all they received.
    """
    contenders = for_each_node(
        spec.others(old_primary), lambda node: _contender(node, login, drained=node.name in drained)
    )
    choice = choose(contenders.values())
    if choice.name is None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in choice.excluded.items())
        raise Refused(f"no replica of {spec.cluster} can be promoted ({reasons})")
    return choice, contenders
