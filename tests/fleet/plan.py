"""A fleet of a given size: its clusters and what their agents report. Touches nothing."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    LeaseState,
    Observation,
    ProcessState,
    Reach,
    ServerState,
)

NODES_OF_A_CLUSTER = 3
_SEQUENCE, _TRANSACTIONS, _VERSION = 987_654_321, 876_543_219, 765_432_198
_OLD_UUID = "3e11fa47-71ca-11ee-9e33-c80aa9429562"


@dataclass(frozen=True, slots=True)
class Member:
    """One node. The first of a cluster is its primary."""

    cluster: str
    node: str
    primary: bool


def clusters(nodes: int) -> tuple[ClusterSpec, ...]:
    """Of three nodes each; the last has four or five, so that the sum is right."""
    count = max(nodes // NODES_OF_A_CLUSTER, 1)
    sizes = [NODES_OF_A_CLUSTER] * (count - 1) + [nodes - NODES_OF_A_CLUSTER * (count - 1)]
    return tuple(_cluster(number, size) for number, size in enumerate(sizes, 1))


def _cluster(number: int, size: int) -> ClusterSpec:
    name = f"shard-{number:05d}"
    nodes = tuple(
        Node(name=f"db{each}-{number:05d}", address=f"10.{100 + each}.{number >> 8}.{number & 255}")
        for each in range(1, size + 1)
    )
    dns = Dns(name=f"{name}-primary.example.com", zone="example.com", servers=("10.77.0.22",))
    return ClusterSpec(cluster=name, nodes=nodes, dns=dns)


def members(fleet: tuple[ClusterSpec, ...]) -> tuple[Member, ...]:
    """Every node of the fleet, cluster by cluster."""
    return tuple(Member(spec.cluster, name, name == spec.names[0]) for spec in fleet for name in spec.names)


@dataclass(frozen=True, slots=True)
class Words:
    """An agent's report as text with holes, made once by the daemons' own codec."""

    well: str
    unwell: str

    def body(self, sequence: int, version: int, *, well: bool) -> str:
        return (self.well if well else self.unwell) % {"sequence": sequence, "version": version}


def words(spec: ClusterSpec, member: Member, incarnation: int) -> Words:
    return Words(*(_with_holes(encode(_observation(spec, member, incarnation, reach))) for reach in _REACHES))


_REACHES = (Reach.REACHED, Reach.DUBIOUS)


def _with_holes(raw: bytes) -> str:
    text = raw.decode().replace("%", "%%")
    # As many transactions as reports: the GTID sets grow as those of a server do.
    for number, name in ((_SEQUENCE, "sequence"), (_TRANSACTIONS, "sequence"), (_VERSION, "version")):
        text = text.replace(str(number), f"%({name})d")
    return text


def _observation(spec: ClusterSpec, member: Member, incarnation: int, reach: Reach) -> Observation:
    primary = spec.nodes[0]
    uuid = f"{zlib.crc32(spec.cluster.encode()):08x}-9c1f-11ef-8a35-0242ac120002"
    executed = f"{_OLD_UUID}:1-482113:482115-990001,\n{uuid}:1-{_TRANSACTIONS}"
    channel = Channel(
        name="",
        source_host=primary.address,
        source_port=primary.port,
        source_uuid=uuid,
        receiver_running=True,
        applier_running=True,
        gtid_retrieved=f"{uuid}:482116-{_TRANSACTIONS}",
        lag_seconds=0.0,
    )
    server = ServerState(
        server_uuid=uuid if member.primary else _OLD_UUID,
        version="9.7.4",
        read_only=not member.primary,
        super_read_only=not member.primary,
        gtid_executed=executed,
        binlog_index="/var/lib/mysql/binlog.index",
        channels=() if member.primary else (channel,),
    )
    return Observation(
        cluster=member.cluster,
        node=member.node,
        incarnation=incarnation,
        sequence=_SEQUENCE,
        process=ProcessState.RUNNING,
        reach=reach,
        detail="" if reach is Reach.REACHED else "Too many connections",
        server=server,
        lease=LeaseState.HELD if member.primary else LeaseState.NONE,
        voters_version=_VERSION if member.primary else 0,
        vouching=spec.names[1:] if member.primary else (),
    )
