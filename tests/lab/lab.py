"""A whole lab: the hosts, the network between them, and what happens to them."""

import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from types import TracebackType

from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from tests.lab import addresses, credentials, network, parts, services, template
from tests.lab.errors import LabError
from tests.lab.host import Host, end, identify, inits
from tests.lab.state import StateFile

ROOT = addresses.TREE / "build" / "lab"
_WRITES = """CREATE TABLE app.writes (writer INT NOT NULL, n INT NOT NULL, server_uuid CHAR(36) NOT NULL,
 at TIMESTAMP(6) NOT NULL, PRIMARY KEY (writer, n))"""


class Lab:
    """A lab by its name. `hosts` holds only the hosts it was, or will be, started with (`only`; None: all)."""

    def __init__(self, name: str = "default", only: list[str] | None = None, *, root: Path = ROOT) -> None:
        self.name = name
        self.folder = root / name
        self.prefix = addresses.namespace_prefix(name)
        self.router = f"{self.prefix}net"
        self.state = StateFile(self.folder / "state.json")
        known = list(self.state.read().hosts)
        self._only = only
        self._choose(only if only is not None else known or None)

    @property
    def etc(self) -> Path:
        """What all hosts share: credentials, keys, certificates (in `tls`)."""
        return self.folder / "etc"

    def __enter__(self) -> "Lab":
        """Start everything but the daemons."""
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove everything; logs stay when there was an error."""
        self.down(keep_folder=error is not None)

    def up(self, daemons: "Callable[[Lab], None] | None" = None) -> "Lab":
        """Start from nothing: ZooKeeper, the name server, the databases with db1 as the primary, then `daemons`.

        What an earlier run of this name left behind is removed first. Raises LabError, after removing what it had
        started, when a part does not come up.
        """
        if os.geteuid():
            raise LabError("The lab makes network namespaces; run it as root.")
        self.down()
        self._choose(self._only)
        self._fetch_parts()
        try:
            self._power_up()
            self._start_services()
            if daemons is not None:
                daemons(self)
        except BaseException:
            self.down(keep_folder=True)
            raise
        return self

    def down(self, *, keep_folder: bool = False) -> None:
        """Remove every process, namespace and mount of this lab, and its folder; safe to repeat, or after a crash."""
        records = self.state.read().hosts.values()
        doomed = [record.init for record in records] + [record.wrapper for record in records]
        doomed += [running for lab, running in inits(self.folder.parent) if lab == self.name]
        left = network.existing(self.prefix)
        for namespace in left:
            network.forget_connections(namespace)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(end, doomed))
        for namespace in left:
            # Only a crash in the middle of `up` leaves processes that are not on record; they are in our namespaces.
            for pid in network.processes(namespace):
                end(identify(pid))
        network.remove(left)
        if keep_folder:
            self.state.path.unlink(missing_ok=True)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def partition(self, a: str, b: str, *, one_way: bool = False) -> None:
        """Drop packets between two hosts silently, in both directions or only those from a to b."""
        self._cut(addresses.cut_pairs(a, b, one_way=one_way))

    def isolate(self, host: str) -> None:
        """Drop packets between a host and every other."""
        self._cut(addresses.isolation_pairs(self._known(host).name, list(addresses.HOSTS)))

    def heal(self, a: str | None = None, b: str | None = None) -> None:
        """Let packets through again: between two hosts, between one and all others, or everywhere."""
        with self.state.change() as state:
            healed = {pair for pair in state.partitions if {a, b} - {None} <= set(pair)}
            network.undrop(self.router, healed)
            state.partitions -= healed

    def partitions(self) -> set[tuple[str, str]]:
        """Directed pairs of hosts between which packets are dropped now."""
        return self.state.read().partitions

    def inside(self, host: str = "client") -> AbstractContextManager[None]:
        """Put the calling thread into a host's network: sockets made there stay there."""
        return self._known(host).inside()

    def mysql(
        self, host: str, user: str = "altair", timeout: float = 1.0
    ) -> "AbstractContextManager[Connection[DictCursor]]":
        """A PyMySQL connection (rows as dicts, autocommit) to a node, which no partition touches."""
        return template.connect(self._known(host), user, timeout=timeout)

    def name_server_says(self, name: str = addresses.PRIMARY_NAME) -> list[str]:
        """The addresses that the name server itself has for a name."""
        return services.name_server_says(self._known("ns1"), name)

    def namespaces(self) -> list[str]:
        """Network namespaces of this lab that exist on the machine."""
        return network.existing(self.prefix)

    def host(self, name: str) -> Host:
        """A host of this lab by name; raises LabError when the lab was started without it."""
        return self._known(name)

    def _known(self, name: str) -> Host:
        if name not in self.hosts:
            raise LabError(f"Lab {self.name} has no host {name}; it has {', '.join(self.hosts)}.")
        return self.hosts[name]

    def _choose(self, only: list[str] | None) -> None:
        self.addresses = addresses.chosen(only)
        self.hosts = {name: Host(name, self.folder / name, self.prefix, self.state) for name in self.addresses}

    def _cut(self, pairs: set[tuple[str, str]]) -> None:
        with self.state.change() as state:
            fresh = pairs - state.partitions
            network.drop(self.router, fresh)
            state.partitions |= fresh

    def _fetch_parts(self) -> None:
        wanted: list[Callable[[], object]] = []
        if addresses.databases(self.addresses):
            wanted.append(template.folder)
        if "zk1" in self.hosts:
            wanted.append(lambda: parts.fetch(parts.ZOOKEEPER))
        if "ns1" in self.hosts:
            wanted.append(lambda: parts.fetch(parts.BIND))
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda get: get(), wanted))

    def _power_up(self) -> None:
        self.etc.mkdir(parents=True)
        (self.etc / "resolv.conf").write_text(f"nameserver {addresses.HOSTS['ns1']}\noptions timeout:1 attempts:1\n")
        names = [f"{address} {name}" for name, address in addresses.HOSTS.items()]
        (self.etc / "hosts").write_text("\n".join(["127.0.0.1 localhost", *names]) + "\n")
        credentials.write_certificates(self.etc / "tls")
        credentials.write_credentials(self.etc)
        with self.state.change() as state:
            state.hosts.clear()
        network.add_router(self.router)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda host: host.boot(), self.hosts.values()))

    def _start_services(self) -> None:
        key = credentials.write_update_keys(self.etc)
        nodes = [self.hosts[name] for name in addresses.databases(self.addresses)]
        if nodes:
            services.write_programs(self.etc / "bin")
        for node in nodes:
            services.start_mysqld(node)
        if "zk1" in self.hosts:
            services.start_zookeeper(self.hosts["zk1"])
        if "ns1" in self.hosts:
            services.start_named(self.hosts["ns1"], key)
        for node in nodes:
            services.wait_until(f"mysqld on {node.name}", partial(services.mysqld_answers, node))
        if nodes:
            self._replicate(nodes)
        if "ns1" in self.hosts:
            services.wait_until("named on ns1", lambda: services.named_answers(self.hosts["ns1"]))
        if "zk1" in self.hosts:
            services.wait_until("ZooKeeper on zk1", lambda: services.zookeeper_answers(self.hosts["zk1"]))

    def _replicate(self, nodes: list[Host]) -> None:
        """Make the first node the writable primary, with the `app` schema, and let the others replicate from it."""
        primary, *replicas = nodes
        with template.connect(primary, "altair", timeout=30) as session, session.cursor() as cursor:
            cursor.execute("SET GLOBAL super_read_only = OFF")
            cursor.execute("SET GLOBAL read_only = OFF")
        with template.connect(primary, "app", timeout=30) as session, session.cursor() as cursor:
            cursor.execute("CREATE DATABASE app")
            cursor.execute(_WRITES)
        for node in replicas:
            with template.connect(node, "altair", timeout=30) as session, session.cursor() as cursor:
                cursor.execute(
                    "CHANGE REPLICATION SOURCE TO SOURCE_HOST=%s, SOURCE_PORT=%s, SOURCE_USER='repl', "
                    "SOURCE_PASSWORD=%s, SOURCE_AUTO_POSITION=1, SOURCE_SSL=1, SOURCE_CONNECT_RETRY=1, "
                    "SOURCE_RETRY_COUNT=86400, SOURCE_HEARTBEAT_PERIOD=1",
                    (primary.address, addresses.MYSQL_PORT, credentials.PASSWORDS["repl"]),
                )
                cursor.execute("START REPLICA")
        for node in replicas:
            services.wait_until(f"the app schema on {node.name}", partial(_has_writes, node))


def all_labs(root: Path = ROOT) -> list[Lab]:
    """Every lab of this tree that has a record, a process or a namespace, however it was left."""
    tail = re.escape(addresses.namespace_prefix("x").removeprefix("altair-x"))
    found = {entry.name for entry in root.iterdir() if entry.is_dir()} if root.is_dir() else set()
    found |= {lab for lab, _running in inits(root)}
    for namespace in network.existing("altair-"):
        if match := re.match(rf"altair-([a-z0-9]+){tail}", namespace):
            found.add(match[1])
    return [Lab(name, root=root) for name in sorted(found)]


def _has_writes(node: Host) -> bool:
    with template.connect(node, "altair") as session, session.cursor() as cursor:
        return cursor.execute("SELECT 1 FROM information_schema.tables WHERE table_schema='app'") == 1
