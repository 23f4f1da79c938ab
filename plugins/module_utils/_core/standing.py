# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a replica stands when its primary is suspected: does it live, how far behind is it, and what does it lack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from .gtid import GtidSet
from .observation import Observation, ProcessState, Reach, ServerState

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One replica; None where nobody can tell.

    ``live``: its agent answered, and mysqld answers its agent. ``lag_seconds``: how many seconds of the primary's work,
    up to the last that was heard of it, it has not applied; where its agent is not sure, the larger one of that and of
    how far it is behind in applying what it has received. ``transactions_missing``: those that the primary was last
    known to have and that it has neither applied nor received.
    """

    node: str
    live: bool
    lag_seconds: float | None = None
    transactions_missing: int | None = None


def _received(server: ServerState) -> GtidSet:
    received = GtidSet()
    for channel in server.channels:
        received = received | GtidSet.parse(channel.gtid_retrieved)
    return received


def _lag_seconds(seen: Observation, server: ServerState, executed: GtidSet) -> float | None:
    """The heartbeat's is by one clock alone and knows of what was never received; the server's is what is left."""
    if seen.heartbeat is None:
        return _told(server, executed)
    if seen.heartbeat.sure:
        return seen.heartbeat.lag_seconds
    told = _told(server, executed)
    return None if told is None else max(told, seen.heartbeat.lag_seconds)


def _told(server: ServerState, executed: GtidSet) -> float | None:
    """With a dead primary the server tells no lag once all is applied; then there is none to tell."""
    if _received(server) <= executed:
        return 0.0
    lags = [channel.lag_seconds for channel in server.channels]
    known = [lag for lag in lags if lag is not None]
    return max(known) if known and len(known) == len(lags) else None


def standing_of(node: str, seen: Observation | None, primary_executed: str | None) -> Standing:
    """From what the replica's agent says of it now (None: no answer) and the primary's last known GTID set.

    Raises InvalidInput when a GTID set cannot be read.
    """
    if seen is None or seen.server is None or (seen.process, seen.reach) != (ProcessState.RUNNING, Reach.REACHED):
        return Standing(node=node, live=False)
    executed, received = GtidSet.parse(seen.server.gtid_executed), _received(seen.server)
    lacking = None if primary_executed is None else GtidSet.parse(primary_executed) - (executed | received)
    return Standing(
        node=node,
        live=True,
        lag_seconds=_lag_seconds(seen, seen.server, executed),
        transactions_missing=None if lacking is None else len(lacking),
    )


def least(values: Iterable[Number | None]) -> Number | None:
    """The smallest that is known; None when none is."""
    return min((value for value in values if value is not None), default=None)
