"""What the tests of service discovery share: a job that stands right before a step, and name servers that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from typing import Any

import dns.flags
import dns.message
import dns.rrset

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    StepRecord,
    cluster_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    append_step,
    open_job,
    read_record,
)
from tests.lab.addresses import DNS_PORT, HOSTS, PRIMARY_NAME, ZONE, ZOOKEEPER_PORT
from tests.unit.core.worlds import NOW

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
NS1, CLIENT, LOOPBACK = HOSTS["ns1"], HOSTS["client"], "127.0.0.1"
EPOCH = 2
_ports = count(5401)


def spec(servers: tuple[str, ...] = (NS1,), port: int = DNS_PORT, ttl_seconds: int = 5) -> ClusterSpec:
    """The lab's two databases; db1 is primary."""
    return ClusterSpec(
        cluster="orders",
        nodes=tuple(Node(name=name, address=HOSTS[name]) for name in ("db1", "db2")),
        dns=Dns(name=PRIMARY_NAME, zone=ZONE, servers=servers, port=port, ttl_seconds=ttl_seconds),
    )


def stand_before(store: Store, step: str, registered: ClusterSpec, new_primary_uuid: str = "") -> None:
    """A job of epoch 2 from db1 to db2, with every step before ``step`` on record."""
    store.create(cluster_path("orders"), registered)
    store.create(state_path("orders"), ClusterState(epoch=EPOCH - 1, primary="db1"))
    open_job(store, read_record(store, "orders"), owner="operator:test", because="it is dead", now_at=NOW)
    for name in (each.name for each in FAILOVER):
        if name == step:
            return
        done = StepRecord(
            step=name,
            epoch=EPOCH,
            changed=True,
            sentence="done by hand",
            evidence={"server_uuid": new_primary_uuid} if name == "promote" else {},
            finished_at=NOW,
            seconds=0.1,
        )
        chosen = "db2" if name == "choose_candidate" else None
        promoted = "db2" if name == "promote" else None
        append_step(store, read_record(store, "orders"), done, candidate=chosen, new_primary=promoted)


def free_port() -> int:
    """On which no test's server has listened yet."""
    return next(_ports)


def _serve(loop: Callable[[], None], *doors: socket.socket) -> Callable[[], None]:
    """Run a server's loop until its sockets are closed."""
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()

    def end() -> None:
        for door in doors:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            door.close()
        thread.join(5)

    return end


class Swallower:
    """In front of the real name server: questions pass, and so do updates, but some of their answers are lost."""

    def __init__(self, address: str, port: int) -> None:
        self.answers_to_lose = 0
        self.updates = 0
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._udp.bind((address, port))
        self._tcp.bind((address, port))
        self._tcp.listen()
        self._ends = [_serve(self._questions, self._udp), _serve(self._updates, self._tcp)]

    def close(self) -> None:
        for end in self._ends:
            end()

    def _questions(self) -> None:
        with suppress(OSError):
            while True:
                asked, whom = self._udp.recvfrom(4096)
                with suppress(TimeoutError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as onward:
                    onward.settimeout(5)
                    onward.sendto(asked, (NS1, DNS_PORT))
                    self._udp.sendto(onward.recv(4096), whom)

    def _updates(self) -> None:
        with suppress(OSError):
            while True:
                inward, _whom = self._tcp.accept()
                with inward, suppress(OSError):
                    self._pass_on(inward)

    def _pass_on(self, inward: socket.socket) -> None:
        inward.settimeout(5)
        with socket.create_connection((NS1, DNS_PORT), timeout=5) as onward:
            onward.sendall(_message(inward))
            answer = _message(onward)
        self.updates += 1
        if self.answers_to_lose > 0:
            self.answers_to_lose -= 1
        else:
            inward.sendall(answer)


def _message(connection: socket.socket) -> bytes:
    """One DNS message over TCP, its length before it."""
    head = _exactly(connection, 2)
    return head + _exactly(connection, int.from_bytes(head, "big"))


def _exactly(connection: socket.socket, wanted: int) -> bytes:
    found = b""
    while len(found) < wanted:
        piece = connection.recv(wanted - len(found))
        if not piece:
            raise OSError("the connection ended in the middle of a message")
        found += piece
    return found


class Stale:
    """An authoritative server that holds what a test says, whatever the others hold."""

    def __init__(self, address: str, port: int, *addresses: str) -> None:
        self.addresses = list(addresses)
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((address, port))
        self._end = _serve(self._questions, self._udp)

    def close(self) -> None:
        self._end()

    def _questions(self) -> None:
        with suppress(OSError):
            while True:
                asked, whom = self._udp.recvfrom(4096)
                question = dns.message.from_wire(asked)
                answer = dns.message.make_response(question)
                answer.flags |= dns.flags.AA
                if self.addresses:
                    name = question.question[0].name
                    answer.answer.append(dns.rrset.from_text_list(name, 5, "IN", "A", self.addresses))
                self._udp.sendto(answer.to_wire(), whom)


@contextmanager
def served(*servers: Any) -> Iterator[None]:
    """End these servers with the block."""
    with ExitStack() as stack:
        for server in servers:
            stack.callback(server.close)
        yield
