"""An outside judge: reads the nodes, the name server and the client's log by its own road, and says what is wrong."""

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import dns.exception
import pymysql

from tests.lab import acks, addresses, template
from tests.lab.host import Host
from tests.lab.lab import Lab

Row = tuple[int, int]


@dataclass(frozen=True)
class Node:
    """What one node said of itself; `problem` is set instead when it could not be asked.

    `writable`: read_only was off and an insert was taken (and rolled back). `source` is None on a node that replicates
    from nobody; `following`: its receiver and its applier both run.
    """

    name: str
    address: str
    server: str = ""
    writable: bool = False
    source: str | None = None
    following: bool = False
    executed: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """The judgement. `lost` holds acknowledged rows which the writable node has not, `named` those of them that a loss
    manifest names; rows are (writer, n). `gap_seconds` is as `acks.write_gap_seconds` defines it.
    """

    acked: int
    lost: list[Row]
    named: list[Row]
    writable: list[str]
    dns: list[str]
    replicas_following: list[str]
    unreachable: list[str]
    gap_seconds: float | None
    violations: list[str]
    nodes: list[Node] = field(default_factory=list)

    def json(self) -> str:
        """The report as indented JSON."""
        return json.dumps(asdict(self), indent=2)


def check(
    lab: Lab,
    log: Path,
    *,
    event: float | None = None,
    manifest: Collection[Row] = (),
    planned: Sequence[float] = (),
    down: Collection[str] = (),
) -> Report:
    """Judge a lab after the client has stopped writing.

    `log` is the client's log of acknowledgements; `event` the CLOCK_MONOTONIC second of what was done to the lab;
    `manifest` the rows a loss manifest names; `planned` see `acks.overlaps`; `down` hosts that are meant to be out of
    service, which need not follow. Nodes whose mysqld does not run or is suspended are not asked.
    """
    written = acks.read(log)
    nodes = [_ask(lab.hosts[name]) for name in addresses.databases(lab.addresses)]
    writable = [node for node in nodes if node.writable]
    lost: list[Row] = []
    if len(writable) == 1 and written:
        lost = sorted({(ack.writer, ack.n) for ack in written} - _rows(lab.hosts[writable[0].name]))
    named = [row for row in lost if row in set(manifest)]
    found = _name_server(lab)
    following = [node.name for node in nodes if writable and _follows(node, writable[0])]
    violations = [
        *_about_primary(writable, found, has_names="ns1" in lab.hosts),
        *_about_replicas(nodes, writable, following, down),
        *_about_rows(lost, named),
        *_about_overlaps(written, planned, nodes),
    ]
    return Report(
        acked=len(written),
        lost=lost,
        named=named,
        writable=[node.name for node in writable],
        dns=found,
        replicas_following=following,
        unreachable=[node.name for node in nodes if node.problem],
        gap_seconds=None if event is None else acks.write_gap_seconds(written, event),
        violations=violations,
        nodes=nodes,
    )


def _ask(host: Host) -> Node:
    if not host.running("mysqld"):
        return Node(host.name, host.address, problem="mysqld does not run")
    if host.stopped("mysqld"):
        return Node(host.name, host.address, problem="mysqld is suspended")
    try:
        with template.connect(host, "altair", timeout=3) as session, session.cursor() as cursor:
            cursor.execute("SELECT @@server_uuid AS server, @@read_only AS read_only, @@gtid_executed AS executed")
            own = cursor.fetchone() or {}
            cursor.execute("SHOW REPLICA STATUS")
            channel = cursor.fetchone() or {}
    except (pymysql.MySQLError, OSError) as error:
        return Node(host.name, host.address, problem=f"mysqld did not answer: {error}")
    running = [channel.get(f"Replica_{thread}_Running") == "Yes" for thread in ("IO", "SQL")]
    return Node(
        name=host.name,
        address=host.address,
        server=own["server"],
        writable=own["read_only"] == 0 and _takes_a_write(host),
        source=channel.get("Source_Host"),
        following=all(running),
        executed=own["executed"].replace("\n", ""),
    )


def _takes_a_write(host: Host) -> bool:
    """Whether an insert by the application's account is taken; it is rolled back, and so leaves no GTID."""
    try:
        with template.connect(host, "app", timeout=3) as session, session.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO app.writes VALUES (0, 0, @@server_uuid, NOW(6))")
            cursor.execute("ROLLBACK")
    except pymysql.MySQLError:
        return False
    return True


def _rows(host: Host) -> set[Row]:
    with template.connect(host, "app", timeout=30) as session, session.cursor() as cursor:
        cursor.execute("SELECT writer, n FROM app.writes")
        return {(row["writer"], row["n"]) for row in cursor.fetchall()}


def _name_server(lab: Lab) -> list[str]:
    try:
        return lab.name_server_says() if "ns1" in lab.hosts else []
    except (dns.exception.DNSException, OSError):
        return []


def _follows(node: Node, primary: Node) -> bool:
    return node.name != primary.name and node.following and node.source in (primary.address, primary.name)


def _about_primary(writable: list[Node], found: list[str], *, has_names: bool) -> list[str]:
    if len(writable) != 1:
        names = " and ".join(node.name for node in writable) or "no node"
        return [f"There must be one writable node, but {names} took a write."]
    if has_names and found != [writable[0].address]:
        return [f"The name must lead to {writable[0].name} at {writable[0].address}, but it leads to {found}."]
    return []


def _about_replicas(nodes: list[Node], writable: list[Node], following: list[str], down: Collection[str]) -> list[str]:
    if len(writable) != 1:
        return []
    absent = {writable[0].name, *following, *down}
    return [
        f"{node.name} does not follow {writable[0].name}: its source is {node.source}; see SHOW REPLICA STATUS."
        for node in nodes
        if node.name not in absent and not node.problem
    ]


def _about_rows(lost: list[Row], named: list[Row]) -> list[str]:
    silent = [row for row in lost if row not in set(named)]
    if not silent:
        return []
    return [f"{len(silent)} acknowledged writes vanished and no manifest names them, the first is {silent[0]}."]


def _about_overlaps(written: list[acks.Ack], planned: Sequence[float], nodes: list[Node]) -> list[str]:
    names = {node.server: node.name for node in nodes if node.server}
    return [
        f"{names.get(one, one)} and {names.get(other, other)} both took writes from {begin:.3f} to {end:.3f}."
        for one, other, begin, end in acks.overlaps(written, planned)
    ]


def main(arguments: Sequence[str]) -> int:
    """Print the report as JSON; exit status 1 when there is a violation."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab.checker", description=__doc__)
    parser.add_argument("--lab", default="default", help="which lab (default: %(default)s)")
    parser.add_argument("--log", type=Path, required=True, help="the client's log of acknowledged writes")
    parser.add_argument("--event", type=float, help="CLOCK_MONOTONIC second of what was done")
    parser.add_argument("--down", nargs="*", default=[], help="hosts that are meant to be out of service")
    options = parser.parse_args(arguments)
    report = check(Lab(options.lab), options.log, event=options.event, down=options.down)
    print(report.json())
    return 1 if report.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
