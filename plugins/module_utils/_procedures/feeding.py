# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Letting the chosen one catch up from another replica before it is promoted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .._adapters.mysql import Login, MysqlError, Server, connect
from .._adapters.mysql_facts import facts_of
from .._core.candidate import Facts, Feeding, left_to_apply
from .._core.cluster import ClusterSpec
from .._core.errors import PostconditionFailed
from .._core.gtid import GtidSet

FaultOf = Callable[[Facts], str]
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Fed:
    """``executed``: what the chosen one has in the end. ``faults``: name → why, of donors that did not give all."""

    executed: GtidSet
    faults: dict[str, str]


def _await(server: Server, gtids: GtidSet, deadline: float, answer_seconds: float, fault_of: FaultOf) -> str:
    """Until all is applied; then empty, else why it does not come. What has stopped is not waited for."""
    while not server.wait_applied(str(gtids), min(LOOK_SECONDS, answer_seconds / 2)):
        fault = fault_of(facts_of(server))
        if not fault and time.monotonic() > deadline:
            fault = next((each.error for each in server.state().channels if each.error), "it takes too long")
        if fault:
            return fault
    return ""


def _cease(server: Server, deadline: float, answer_seconds: float) -> None:
    """Receive nothing more and apply all: a change of the source throws away what is not applied."""
    server.stop_receivers()
    left = left_to_apply(server.state())
    fault = _await(server, left, deadline, answer_seconds, lambda facts: facts.applier_error)
    if fault:
        raise PostconditionFailed(f"it has received {len(left)} transactions that it does not apply: {fault}")


def feed(spec: ClusterSpec, login: Login, chosen: str, feedings: tuple[Feeding, ...]) -> Fed:
    """Follow one donor after the other until it has given all it has; one that cannot is passed over.

    Afterwards the chosen one receives nothing and has applied all it received. Raises PostconditionFailed where it has
    not, so that the next run chooses anew.
    """
    node, patience, answer = spec.node(chosen), spec.policy.catch_up_seconds_max, login.read_timeout
    faults: dict[str, str] = {}
    try:
        with connect(node.address, node.port, login) as server:
            _cease(server, time.monotonic() + patience, answer)
            for each in feedings:
                donor, deadline = spec.node(each.donor), time.monotonic() + patience
                server.follow(server.state().channels[0].name, donor.address, donor.port)
                fault = _await(
                    server, each.gtids, deadline, answer, lambda facts: facts.applier_error or facts.receiver_error
                )
                _cease(server, deadline + patience, answer)
                if fault:
                    faults[each.donor] = fault
            return Fed(GtidSet.parse(server.state().gtid_executed), faults)
    except (MysqlError, PostconditionFailed) as error:
        raise PostconditionFailed(f"{chosen} could not catch up from another replica: {error}") from None
