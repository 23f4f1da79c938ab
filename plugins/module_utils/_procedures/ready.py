# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that will carry out a job can do before the job is there: read the record, connect to the replicas."""

from __future__ import annotations

from contextlib import suppress
from functools import reduce
from operator import and_

from .._adapters.agent import TlsFiles
from .._adapters.mysql import Login, connect
from .._core.candidate import received
from .._core.cluster import Node
from .._core.errors import AltairError
from .._core.gtid import GtidSet
from .agent_fence import observe
from .jobs import read_record
from .keeping import Keeper, greet_agents, keep_held, store_at
from .parallel import for_each_node

ANSWER_SECONDS = 3.0


def get_ready(keeper: Keeper, cluster: str, login: Login, agents: TlsFiles) -> None:
    """Within ``keeping_open``. What fails here fails again, and is said, in the step that needs it."""

    def held(node: Node) -> GtidSet | None:
        with suppress(AltairError), connect(node.address, node.port, login) as server:
            state = server.state()
            return received(state) | GtidSet.parse(state.gtid_executed)
        return None

    with suppress(AltairError), store_at(keeper) as store:
        record = read_record(store, cluster)
        old_primary = record.spec.node(record.state.value.primary)
        greet_agents(agents, lambda caller: observe(caller, old_primary, ANSWER_SECONDS))
        found = for_each_node(record.spec.others(record.state.value.primary), held)
        sets = [each for each in found.values() if each is not None]
        if sets and len(sets) == len(found):
            keep_held(reduce(and_, sets))
