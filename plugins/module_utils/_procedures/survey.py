# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who follows whom in a cluster, asked of all its servers at once, and what has to become of each replica."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .._adapters.mysql import Login, Probe, probe
from .._adapters.zookeeper import Store
from .._core.cluster import ClusterSpec
from .._core.errors import InvalidInput
from .._core.observation import Channel, ServerState
from .._core.topology import Decision, Replica, decide
from .._core.znodes import NodeHealth, health_path
from .parallel import for_each_node


@dataclass(frozen=True, slots=True)
class Survey:
    """``states``: of the servers that answered; ``unreached``: why the others did not. ``channels``: of each replica
    the one from a node of the cluster, and ``sources`` that node. ``decisions``: what becomes of each. ``uuids``:
    server → node.
    """

    states: Mapping[str, ServerState]
    unreached: Mapping[str, str]
    channels: Mapping[str, Channel]
    sources: Mapping[str, str]
    decisions: Mapping[str, Decision]
    uuids: Mapping[str, str]

    def source_uuid(self, name: str) -> str:
        """Of the server that the replica has to receive from while it stays where it is."""
        source = self.states.get(self.sources[name])
        return source.server_uuid if source else self.channels[name].source_uuid


def _recorded_uuid(store: Store, cluster: str, node: str) -> str | None:
    """By the agent's last word on record: for a server that does not answer any more."""
    try:
        known = store.read(health_path(cluster, node), NodeHealth)
    except InvalidInput:
        return None
    seen = known.value.observation if known else None
    return seen.server.server_uuid if seen and seen.server else None


def _uuids(store: Store, spec: ClusterSpec, states: Mapping[str, ServerState]) -> dict[str, str]:
    """server_uuid → node."""
    found = {}
    for name in spec.names:
        uuid = states[name].server_uuid if name in states else _recorded_uuid(store, spec.cluster, name)
        if uuid:
            found[uuid] = name
    return found


def source_of(channel: Channel, spec: ClusterSpec, uuids: Mapping[str, str]) -> str | None:
    """The node that ``channel`` aims at: by its address, else by the identity of the server that it last received from
    (a source may be given by a name)."""
    for node in spec.nodes:
        if (channel.source_host, channel.source_port) == (node.address, node.port):
            return node.name
    return uuids.get(channel.source_uuid)


def channel_of(
    channels: Iterable[Channel], spec: ClusterSpec, uuids: Mapping[str, str], *first: str | None
) -> tuple[Channel, str] | None:
    """Of a replica's channels the one that counts here, and the node that it aims at: one from a node of ``first``, in
    that order, else from any node of the cluster. What comes from elsewhere is not ours to touch."""
    ours = [(each, source) for each in channels if (source := source_of(each, spec, uuids)) is not None]
    ranked = sorted(ours, key=lambda pair: (first.index(pair[1]) if pair[1] in first else len(first), pair[0].name))
    return ranked[0] if ranked else None


def survey(
    store: Store, spec: ClusterSpec, login: Login, *, primary: str, gone: str | None = None, former: str | None = None
) -> Survey:
    """Ask every node but ``gone``, and decide. Costs the deadline of a connection once, if somebody is down.

    ``gone``: the primary that a job is replacing. ``former``: one that was replaced; who is connected to it is not with
    the cluster.
    """
    asked = spec.others(gone) if gone else spec.nodes
    seen: dict[str, Probe] = for_each_node(asked, lambda node: probe(node.address, node.port, login))
    states = {name: each.server for name, each in seen.items() if each.server is not None}
    uuids = _uuids(store, spec, states)
    found = {name: channel_of(state.channels, spec, uuids, primary, gone) for name, state in states.items()}
    channels = {name: pair[0] for name, pair in found.items() if pair}
    sources = {name: pair[1] for name, pair in found.items() if pair}
    replicas = [
        Replica(
            name=name,
            reachable=name in states,
            source=sources.get(name),
            connected=name in channels and channels[name].receiver_running and sources[name] != former,
        )
        for name in seen
        if name != primary
    ]
    return Survey(
        states=states,
        unreached={name: each.detail for name, each in seen.items() if each.server is None},
        channels=channels,
        sources=sources,
        decisions=decide(replicas, primary=primary, gone=gone),
        uuids=uuids,
    )
