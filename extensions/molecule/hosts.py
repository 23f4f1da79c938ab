"""Makes and removes the hosts of the Molecule scenarios: systemd-nspawn over one root, in namespaces of their own.

    hosts.py create --run FOLDER --netns NAME --root FOLDER [--show SOURCE:TARGET]... --host NAME=ADDRESS...
    hosts.py destroy --run FOLDER --netns NAME

All that a run makes bears the name of its switch namespace, so two working trees can run side by side. `destroy` ends
only processes that live in these namespaces or that `create` has started, each by its id.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

NETNS = Path("/run/netns")
CGROUPS = [Path("/sys/fs/cgroup") / name for name in ("systemd", "unified", "")]
HERE = Path(__file__).resolve().parent
CONTROLLER = "10.77.0.254/24"
NAME_SERVER = "10.77.0.22"


def run(*words: str, check: bool = True) -> str:
    """Runs a program and returns what it printed; its own words are the error's text."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise SystemExit(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def make_keys(folder: Path) -> None:
    """One key to log in with and one that all hosts answer with, made anew for every run."""
    for name in ("login", "host"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "molecule", "-f", str(folder / name))


def make_switch(netns: str) -> None:
    """The namespace that holds the bridge between the hosts and that the controller's ssh enters."""
    run("ip", "netns", "add", netns)
    run("ip", "-n", netns, "link", "set", "lo", "up")
    run("ip", "-n", netns, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
    run("ip", "-n", netns, "address", "add", CONTROLLER, "dev", "bridge")
    run("ip", "-n", netns, "link", "set", "bridge", "up")


def make_port(netns: str, host: str, address: str) -> None:
    """One host's namespace, and its cable to the bridge."""
    own = f"{netns}-{host}"
    run("ip", "netns", "add", own)
    run("ip", "-n", netns, "link", "add", f"to-{host}", "type", "veth", "peer", "name", "eth0", "netns", own)
    run("ip", "-n", netns, "link", "set", f"to-{host}", "master", "bridge", "up")
    run("ip", "-n", own, "address", "add", f"{address}/24", "dev", "eth0")
    for device in ("lo", "eth0"):
        run("ip", "-n", own, "link", "set", device, "up")


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """A file of the host, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def prepare(folder: Path, keys: Path, host: str, addresses: dict[str, str]) -> None:
    """What differs between the hosts, laid over the root that they share."""
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True)
    upper = folder / "upper"
    known = "".join(f"{address} {name}\n" for name, address in addresses.items())
    write(upper / "etc/hostname", f"{host}\n")
    write(upper / "etc/hosts", f"127.0.0.1 localhost\n{known}")
    write(upper / "etc/resolv.conf", f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:2\n")
    write(upper / "etc/ssh/ssh_host_ed25519_key", (keys / "host").read_text(encoding="utf-8"), 0o600)
    write(upper / "root/.ssh/authorized_keys", (keys / "login.pub").read_text(encoding="utf-8"), 0o600)
    (upper / "root").chmod(0o700)
    (upper / "root/.ssh").chmod(0o700)


def boot(folder: Path, root: Path, netns: str, host: str, shown: list[str]) -> None:
    """Starts the host in the background and notes the process, with the time it began at."""
    words = ["unshare", "--mount", "--propagation", "private", str(HERE / "boot.sh")]
    with (folder / "console.log").open("wb") as console:
        process = subprocess.Popen(
            [*words, str(folder), str(root), f"{netns}-{host}", host, *shown],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            start_new_session=True,
        )
    (folder / "pid").write_text(f"{process.pid} {began(process.pid)}\n", encoding="utf-8")


def began(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty when there is no such process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    return ""


def create(where: Path, netns: str, root: Path, shown: list[str], addresses: dict[str, str]) -> None:
    """All hosts, booting."""
    destroy(where, netns)
    where.mkdir(parents=True, mode=0o700)
    make_keys(where)
    host_key = (where / "host.pub").read_text(encoding="utf-8")
    write(where / "known_hosts", "".join(f"{address} {host_key}" for address in addresses.values()))
    make_switch(netns)
    for host, address in addresses.items():
        make_port(netns, host, address)
        prepare(where / host, where, host, addresses)
        boot(where / host, root.resolve(), netns, host, shown)


def end(pid: int) -> None:
    """Ends one process, and returns when it is gone."""
    start = began(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while start and began(pid) == start and time.monotonic() < deadline:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        time.sleep(0.02)


def noted(where: Path) -> list[int]:
    """The processes that `create` started and that still run."""
    found = []
    for note in where.glob("*/pid"):
        pid, start = note.read_text(encoding="utf-8").split()
        if start == began(int(pid)):
            found.append(int(pid))
    return found


def namespaces(netns: str) -> list[str]:
    """The run's own network namespaces, the hosts' before the switch."""
    names = [path.name for path in NETNS.glob(f"{netns}*")] if NETNS.is_dir() else []
    return sorted((name for name in names if name == netns or name.startswith(f"{netns}-")), reverse=True)


def destroy(where: Path, netns: str) -> None:
    """Everything that a run has made; nothing when there was none."""
    for name in namespaces(netns):
        for inside in run("ip", "netns", "pids", name).split():
            end(int(inside))
    for pid in noted(where):
        end(pid)
    for name in namespaces(netns):
        run("ip", "netns", "delete", name)
    for tree in CGROUPS:
        for folder in sorted(tree.glob(f"{netns}-*/**/"), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
    if where.exists():
        shutil.rmtree(where)


def main(words: list[str]) -> None:
    """What the playbooks create.yml and destroy.yml call."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("create", "destroy"))
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--netns", required=True)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--show", action="append", default=[], metavar="SOURCE:TARGET")
    parser.add_argument("--host", action="append", default=[], metavar="NAME=ADDRESS")
    given = parser.parse_args(words)
    if given.what == "destroy":
        destroy(given.run.resolve(), given.netns)
    else:
        addresses = dict(host.split("=", 1) for host in given.host)
        create(given.run.resolve(), given.netns, given.root, given.show, addresses)


if __name__ == "__main__":
    main(sys.argv[1:])
