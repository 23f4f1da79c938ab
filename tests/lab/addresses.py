"""The address plan: which hosts a lab has, where they are, and what each is for. Touches nothing."""

import hashlib
import re
from pathlib import Path

from tests.lab.errors import LabError

TREE = Path(__file__).resolve().parents[2]
HOSTS: dict[str, str] = {
    "db1": "10.77.0.11",
    "db2": "10.77.0.12",
    "db3": "10.77.0.13",
    "zk1": "10.77.0.21",
    "ns1": "10.77.0.22",
    "mon1": "10.77.0.31",
    "mon2": "10.77.0.32",
    "orc1": "10.77.0.41",
    "orc2": "10.77.0.42",
    "client": "10.77.0.51",
}
GATEWAY = "169.254.1.1"
ZONE = "example.com"
PRIMARY_NAME = "orders-db-primary.example.com"
MYSQL_PORT = 3306
ZOOKEEPER_PORT = 2181
DNS_PORT = 53

_ROLES = (("db", "agent"), ("mon", "monitor"), ("orc", "orchestrator"), ("client", "operator"))


def role_of(host: str) -> str | None:
    """The role in a host's certificate: agent, monitor, orchestrator, operator; None for zk1 and ns1."""
    return next((role for prefix, role in _ROLES if host.startswith(prefix)), None)


def databases(hosts: list[str] | tuple[str, ...] | dict[str, str] = tuple(HOSTS)) -> list[str]:
    """The database hosts among `hosts`, in the plan's order."""
    return [name for name in HOSTS if name in hosts and name.startswith("db")]


def chosen(only: list[str] | None) -> dict[str, str]:
    """Hosts of a lab started with `only` (None: all), name to address in the plan's order.

    Raises LabError for a name that is not in the plan.
    """
    unknown = sorted(set(only or ()) - set(HOSTS))
    if unknown:
        raise LabError(f"The lab has no host {', '.join(unknown)}; choose among {', '.join(HOSTS)}.")
    return {name: address for name, address in HOSTS.items() if only is None or name in only}


def namespace_prefix(lab: str, tree: Path = TREE) -> str:
    """The start of the names of all network namespaces of a lab.

    The tree's own four letters are in it, because two checkouts on a machine may each run a lab of the same name.
    Raises LabError for a lab name that is not 1-20 lower-case letters and digits.
    """
    if not re.fullmatch(r"[a-z0-9]{1,20}", lab):
        raise LabError(f"{lab!r} cannot name a lab; use 1 to 20 lower-case letters and digits.")
    tag = hashlib.sha256(str(tree).encode()).hexdigest()[:4]
    return f"altair-{lab}-{tag}-"


def blackholes(source: str, target: str) -> list[str]:
    """Directed pairs as the `ip rule` selector which drops packets from `source` to `target` (host names)."""
    return ["from", HOSTS[source], "to", HOSTS[target], "blackhole"]


def cut_pairs(a: str, b: str, *, one_way: bool = False) -> set[tuple[str, str]]:
    """Directed pairs of a partition between two hosts: both directions, or only a to b."""
    for name in (a, b):
        if name not in HOSTS:
            raise LabError(f"The lab has no host {name}; choose among {', '.join(HOSTS)}.")
    return {(a, b)} if one_way else {(a, b), (b, a)}


def isolation_pairs(host: str, others: list[str]) -> set[tuple[str, str]]:
    """Directed pairs that cut `host` from every other host."""
    return {pair for other in others if other != host for pair in cut_pairs(host, other)}
