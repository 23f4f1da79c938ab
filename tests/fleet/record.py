"""ZooKeeper beside the monitor: registering the fleet, what it counts itself, and what the monitor wrote."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState
from tests.fleet.plan import Member
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

_ROOT = "/altair"
_AT_ONCE = 100
Item = TypeVar("Item")


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    return (items[begin : begin + _AT_ONCE] for begin in range(0, len(items), _AT_ONCE))


@contextmanager
def client(lab: Lab) -> Iterator[Any]:
    """The plain client, from the lab's client host."""
    with lab.inside("client"):
        session = KazooClient(f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}", timeout=60.0)
        session.start(timeout=30)
        try:
            yield session
        finally:
            session.stop()
            session.close()


def register(lab: Lab, fleet: Sequence[ClusterSpec]) -> None:
    """All clusters, a hundred in a transaction."""
    with client(lab) as session:
        session.ensure_path(f"{_ROOT}/clusters")
        for some in _chunks(fleet):
            transaction = session.transaction()
            for spec in some:
                transaction.create(f"{_ROOT}/clusters/{spec.cluster}", encode(spec))
                state = encode(ClusterState(epoch=1, primary=spec.names[0]))
                transaction.create(f"{_ROOT}/clusters/{spec.cluster}/state", state)
            faults = [result for result in transaction.commit() if isinstance(result, Exception)]
            if faults:
                raise faults[0]


def healths(lab: Lab, nodes: Sequence[Member]) -> dict[str, str]:
    """Health on record by node; a node without one is not in it."""
    found = {}
    with client(lab) as session:
        for some in _chunks(nodes):
            asked = [(node, session.get_async(f"{_ROOT}/health/{node.cluster}/{node.node}")) for node in some]
            for node, answer in asked:
                answer.wait(30)
                if answer.successful():
                    found[node.node] = str(json.loads(answer.value[0])["health"])
    return found


def suspected(lab: Lab, fleet: Sequence[ClusterSpec]) -> list[str]:
    """Clusters of which a suspicion is open."""
    found = []
    with client(lab) as session:
        for some in _chunks(fleet):
            asked = [(spec, session.exists_async(f"{_ROOT}/clusters/{spec.cluster}/suspicion")) for spec in some]
            found += [spec.cluster for spec, answer in asked if answer.get(timeout=30) is not None]
    return found


def counters(lab: Lab) -> dict[str, int]:
    """What the server itself has counted: changes (transactions that were given a number), reads, znodes, watches."""
    says = {line.split("\t")[0]: line.split("\t")[-1] for line in _ask(lab, "mntr").splitlines() if "\t" in line}
    zxid = re.search(r"^Zxid: 0x([0-9a-f]+)", _ask(lab, "srvr"), re.MULTILINE)
    return {
        "writes": int(zxid[1], 16) & 0xFFFFFFFF if zxid else 0,
        "reads": int(float(says["zk_cnt_readlatency"])),
        "znodes": int(says["zk_znode_count"]),
        "watches": int(says["zk_watch_count"]),
    }


def _ask(lab: Lab, word: str) -> str:
    said = b""
    with lab.inside("client"), socket.create_connection((HOSTS["zk1"], ZOOKEEPER_PORT), timeout=30) as connection:
        connection.sendall(word.encode())
        while chunk := connection.recv(65536):
            said += chunk
    return said.decode()
