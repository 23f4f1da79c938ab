# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster is, as its operators registered it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import StrEnum

from .errors import InvalidInput, NotFound

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def checked_name(value: str, what: str) -> str:
    """A name that may stand in a znode's path and in a host name; raise InvalidInput otherwise."""
    if not _NAME.fullmatch(value):
        raise InvalidInput(f"{what} '{value}' is not usable: take lower-case letters, digits and inner hyphens")
    return value


def _is_address(value: str) -> bool:
    """No name: to look one up may hang, and who asks whether a primary lives has no time for that."""
    try:
        return bool(ipaddress.ip_address(value)) and "%" not in value
    except ValueError:
        return False


def _check(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(sentence)


class UnprovenFence(StrEnum):
    """What to do when nothing proves that the old primary can take no write."""

    PAUSE = "pause"
    PROMOTE = "promote"


class LongTransactions(StrEnum):
    """What a switchover does about transactions that do not end in a moment: wait for them and then give up, give up
    then and there, or wait for them and then kill their sessions."""

    WAIT = "wait"
    ABORT = "abort"
    KILL = "kill"


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One MySQL server and its agent. ``address`` is an IP address; ``zone`` is whatever its owners call the place."""

    name: str
    address: str
    port: int = 3306
    agent_port: int = 8430
    candidate: bool = True
    zone: str | None = None

    def __post_init__(self) -> None:
        _check(bool(_NAME.fullmatch(self.name)), f"node name '{self.name}' is not usable")
        _check(_is_address(self.address), f"address '{self.address}' of node {self.name} is no IP address")
        for port in (self.port, self.agent_port):
            _check(0 < port < 65536, f"port {port} of node {self.name} is not a TCP port")
        _check(self.zone != "", f"zone of node {self.name} is empty; leave it out where there is none")


@dataclass(frozen=True, kw_only=True, slots=True)
class Dns:
    """Where applications find the primary. The first of ``servers`` takes the update, all of them are checked."""

    name: str
    zone: str
    servers: tuple[str, ...]
    port: int = 53
    ttl_seconds: int = 5

    def __post_init__(self) -> None:
        _check(self.name.endswith("." + self.zone), f"DNS name '{self.name}' does not lie in zone '{self.zone}'")
        _check(bool(self.servers), f"DNS name '{self.name}' has no authoritative server to write to")
        _check(0 <= self.ttl_seconds <= 3600, f"ttl_seconds {self.ttl_seconds} of '{self.name}' is not in 0-3600")


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """From where on a value is a breach (None: never); see thresholds.py. Shares are of 1, times in seconds.

    ``looks``: so many reports in a row must show a lag, or replication that stands, before it is one. ``margin_share``:
    by that share of its limit a value must have come down before its breach is over.
    """

    disk_share_max: float | None = 0.9
    inodes_share_max: float | None = 0.9
    lag_seconds_max: float | None = 60.0
    looks: int = 3
    margin_share: float = 0.05

    def __post_init__(self) -> None:
        for name in ("disk_share_max", "inodes_share_max"):
            share = getattr(self, name)
            _check(share is None or 0 < share <= 1, f"{name} must be above 0 and not above 1")
        _check(self.lag_seconds_max is None or self.lag_seconds_max > 0, "thresholds: lag_seconds_max must be above 0")
        _check(self.looks >= 1, "looks must be 1 or more")
        _check(0 <= self.margin_share < 1, "margin_share must be 0 or more and below 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """Whose applications write to the cluster. ``target``: of the orchestrators' notifications the one that leads to
    them; without it they are named in what the others are told."""

    name: str
    target: str | None = None

    def __post_init__(self) -> None:
        _check(bool(_NAME.fullmatch(self.name)), f"team name '{self.name}' is not usable")
        _check(self.target is None or bool(self.target), f"team {self.name} has a target without a name; leave it out")


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The choices a cluster's owners make beforehand. Times are in seconds.

    ``quorum_min``: how many replicas must live for a promotion. ``lag_seconds_max`` and ``transactions_missing_max``:
    when no replica is known to be within them nobody is promoted without a person's word. None: no limit on lag; and of
    transactions that are known to be missing everywhere, as many as were on their way (see permission.py).
    ``overload_seconds_max``: for how long a mysqld that works need not answer its agent before it counts as hung.
    ``acknowledge_seconds_max``: how long the teams have to answer a paused job before people are told, and then again
    every ``escalate_every_seconds``, who has not.
    ``long_transactions``: of a switchover, which waits ``long_transaction_seconds_max`` for them, and as long as
    ``switchover_lag_seconds_max`` for its target; one that lags more is refused.
    ``zones``: a promotion is only into these (none given: anywhere).
    ``thresholds``: where people are told of a node; nobody is failed over for it.
    """

    unproven_fence: UnprovenFence = UnprovenFence.PAUSE
    catch_up_seconds_max: float = 600.0
    cool_down_seconds: float = 600.0
    quorum_min: int = 1
    lag_seconds_max: float | None = None
    transactions_missing_max: int | None = None
    overload_seconds_max: float = 30.0
    acknowledge_seconds_max: float = 900.0
    escalate_every_seconds: float = 300.0
    long_transactions: LongTransactions = LongTransactions.WAIT
    long_transaction_seconds_max: float = 10.0
    switchover_lag_seconds_max: float = 10.0
    zones: tuple[str, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)

    def __post_init__(self) -> None:
        _check(self.catch_up_seconds_max > 0, "catch_up_seconds_max must be above 0")
        _check(self.cool_down_seconds >= 0, "cool_down_seconds must not be below 0")
        _check(self.quorum_min >= 1, "quorum_min must be 1 or more: somebody has to be promoted")
        _check((self.lag_seconds_max or 0) >= 0, "lag_seconds_max must not be below 0")
        _check((self.transactions_missing_max or 0) >= 0, "transactions_missing_max must not be below 0")
        _check(self.overload_seconds_max >= 0, "overload_seconds_max must not be below 0")
        _check(self.acknowledge_seconds_max >= 0, "acknowledge_seconds_max must not be below 0")
        _check(self.long_transaction_seconds_max >= 0, "long_transaction_seconds_max must not be below 0")
        _check(self.switchover_lag_seconds_max > 0, "switchover_lag_seconds_max must be above 0")
        _check(self.escalate_every_seconds >= 1, "escalate_every_seconds must be 1 or more: people have to read it")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterSpec:
    """The registered description of one cluster. Who is primary *now* is not here but in ClusterState."""

    cluster: str
    nodes: tuple[Node, ...]
    dns: Dns
    policy: Policy = field(default_factory=Policy)
    teams: tuple[Team, ...] = ()

    def __post_init__(self) -> None:
        _check(bool(_NAME.fullmatch(self.cluster)), f"cluster name '{self.cluster}' is not usable")
        names = [node.name for node in self.nodes]
        _check(len(names) > 1, f"cluster {self.cluster} needs a primary and at least one replica")
        _check(len(set(names)) == len(names), f"cluster {self.cluster} names a node twice")
        teams = {team.name for team in self.teams}
        _check(len(teams) == len(self.teams), f"cluster {self.cluster} names a team twice")
        _check(
            self.policy.quorum_min < len(names),
            f"quorum_min {self.policy.quorum_min} of cluster {self.cluster} is more than the replicas it has",
        )
        for zone in self.policy.zones:
            _check(
                any(node.zone == zone for node in self.nodes),
                f"zone '{zone}' in the policy of cluster {self.cluster} is that of no node",
            )

    def node(self, name: str) -> Node:
        for node in self.nodes:
            if node.name == name:
                return node
        raise NotFound(f"cluster {self.cluster} has no node '{name}'; its nodes are {', '.join(self.names)}")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes)

    def promotes_into(self, zone: str | None) -> bool:
        return not self.policy.zones or zone in self.policy.zones

    def others(self, *names: str) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.name not in names)
