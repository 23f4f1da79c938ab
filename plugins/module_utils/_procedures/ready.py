# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process that will carry out a job can do before the job is there: read the record, connect to the replicas."""

from __future__ import annotations

from contextlib import suppress

from .._adapters.mysql import Login, connect
from .._core.cluster import Node
from .._core.errors import AltairError
from .jobs import read_record
from .keeping import Keeper, store_at
from .parallel import for_each_node


def get_ready(keeper: Keeper, cluster: str, login: Login) -> None:
    """Within ``keeping_open``. What fails here fails again, and is said, in the step that needs it."""

    def greet(node: Node) -> None:
        with suppress(AltairError), connect(node.address, node.port, login):
            pass

    with suppress(AltairError), store_at(keeper) as store:
        record = read_record(store, cluster)
        for_each_node(record.spec.others(record.state.value.primary), greet)
