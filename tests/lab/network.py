"""Network namespaces: a router namespace with one veth to each host, and silent drops between any two of them.

Nothing here ever has an address in the machine's own namespace.
"""

import ctypes
import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.addresses import GATEWAY, HOSTS, blackholes
from tests.lab.errors import LabError

_CLONE_NEWNET = 0x40000000
_FOLDER = Path("/run/netns")
_libc = ctypes.CDLL(None, use_errno=True)


def ip(*arguments: str, lines: Iterable[str] | None = None, check: bool = True) -> str:
    """Run iproute2's `ip`; with `lines`, as one batch.

    Returns its standard output; raises LabError with its complaint.
    """
    command = ["ip", *arguments, *(["-batch", "-"] if lines is not None else [])]
    text = None if lines is None else "\n".join(lines) + "\n"
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=20)
    except FileNotFoundError as error:
        raise LabError("The lab needs the program `ip`; install the package iproute2.") from error
    if check and done.returncode:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip()}; is this run as root?")
    return done.stdout


def existing(prefix: str) -> list[str]:
    """Network namespaces on this machine whose names start with `prefix`."""
    return sorted(entry.name for entry in _FOLDER.glob(f"{prefix}*")) if _FOLDER.is_dir() else []


def processes(namespace: str) -> list[int]:
    """Pids (of the machine's own PID namespace) of the processes that are in a network namespace."""
    return [int(pid) for pid in ip("netns", "pids", namespace, check=False).split()]


def remove(namespaces: Iterable[str]) -> None:
    """Delete network namespaces; their veths go with them."""
    lines = [f"netns del {namespace}" for namespace in namespaces]
    if lines:
        ip("-force", lines=lines)


def add_router(router: str) -> None:
    """Create the namespace that forwards between hosts; it has no way out of the machine."""
    ip("netns", "add", router)
    ip("-n", router, "link", "set", "lo", "up")
    with inside(router):
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def add_host(router: str, namespace: str, host: str) -> None:
    """Create a host's namespace, its veth to the router and its routes."""
    address, port = HOSTS[host], f"v-{host}"
    ip("netns", "add", namespace)
    ip(
        "-n",
        router,
        lines=[
            f"link add {port} type veth peer name eth0 netns {namespace}",
            f"address add {GATEWAY}/32 dev {port}",
            f"link set {port} up",
            f"route add {address}/32 dev {port}",
        ],
    )
    ip(
        "-n",
        namespace,
        lines=[
            "link set lo up",
            f"address add {address}/32 dev eth0",
            "link set eth0 up",
            f"route add {GATEWAY}/32 dev eth0 scope link src {address}",
            f"route add default via {GATEWAY} dev eth0 src {address}",
        ],
    )


def unplug(router: str, namespace: str, host: str) -> None:
    """Take a host's veth away, and its namespace with it, when every process in it is dead."""
    ip("-n", router, "link", "del", f"v-{host}", check=False)
    remove([namespace])


def forget_connections(namespace: str) -> None:
    """Before a host's processes are killed: connections they leave behind are soon given up.

    The kernel would go on sending their last packet for minutes, and keep the whole namespace for that.
    """
    with inside(namespace):
        Path("/proc/sys/net/ipv4/tcp_orphan_retries").write_text("1")


def drop(router: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Drop packets of directed pairs without an answer, those of established connections too."""
    _rules(router, "add", pairs)


def undrop(router: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Let packets of directed pairs through again."""
    _rules(router, "del", pairs)


def _rules(router: str, verb: str, pairs: Iterable[tuple[str, str]]) -> None:
    lines = [f"rule {verb} {' '.join(blackholes(*pair))}" for pair in sorted(pairs)]
    if lines:
        ip("-n", router, lines=lines)


def power(router: str, host: str, *, on: bool) -> None:
    """Drop, or let through again, everything from and to a host that lost its power."""
    verb = "del" if on else "add"
    lines = [f"rule {verb} {word} {HOSTS[host]} pref 10 blackhole" for word in ("from", "to")]
    ip("-n", router, lines=lines)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Put the calling thread into a network namespace; sockets made there stay there, the thread comes back.

    Raises LabError when the namespace does not exist.
    """
    try:
        there = os.open(_FOLDER / namespace, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise LabError(f"There is no network namespace {namespace}; start the lab with `up`.") from error
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(there)
        try:
            yield
        finally:
            _enter(here)
    finally:
        os.close(there)
        os.close(here)


def _enter(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise LabError(f"Cannot enter a network namespace ({os.strerror(number)}); run the lab as root.")
