"""What a lab remembers between commands: one JSON file, changed under a lock and replaced atomically."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.lab.parts import only_one


@dataclass
class Running:
    """A process, known by its pid on the machine and the start time that tells it from a later owner of the pid.

    `inner` is its pid inside the host; `start` is in clock ticks since boot.
    """

    pid: int
    start: int
    inner: int = 1


@dataclass
class Process:
    """What `host.start` was asked to run, and what came of it."""

    argv: list[str]
    env: dict[str, str]
    running: Running | None = None


@dataclass
class HostState:
    """A host: its init while it has power, and its processes by name in the order of their first start."""

    init: Running | None = None
    wrapper: Running | None = None
    killed: bool = False
    processes: dict[str, Process] = field(default_factory=dict)


@dataclass
class LabState:
    """A lab: its hosts by name and the directed pairs between which packets are dropped."""

    hosts: dict[str, HostState] = field(default_factory=dict)
    partitions: set[tuple[str, str]] = field(default_factory=set)


class StateFile:
    """The state file of one lab; an absent file is an empty lab."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> LabState:
        """The state as it was last written."""
        try:
            return _parse(json.loads(self.path.read_text()))
        except FileNotFoundError:
            return LabState()

    @contextmanager
    def change(self) -> Iterator[LabState]:
        """Read, let the caller change, and write back what came of it; others wait meanwhile."""
        with only_one(self.path.with_suffix(".lock")):
            state = self.read()
            yield state
            text = json.dumps(asdict(state) | {"partitions": sorted(state.partitions)}, indent=1)
            fresh = self.path.with_suffix(".new")
            fresh.write_text(text + "\n")
            fresh.replace(self.path)


def started(pid: int) -> int | None:
    """The start time of a live process in clock ticks since boot; None when it is gone or a zombie."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in "ZX" else int(fields[19])


def suspended(pid: int) -> bool:
    """Whether a process is stopped by SIGSTOP."""
    fields = _stat(pid)
    return fields is not None and fields[0] == "T"


def alive(running: Running | None) -> bool:
    """Whether that very process still runs."""
    return running is not None and started(running.pid) == running.start


def inner_pids(init: Running) -> dict[int, int]:
    """Pids inside a host to pids on the machine, of all the host's processes."""
    space = os.readlink(f"/proc/{init.pid}/ns/pid")
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "ns/pid") == space:
                    line = next(row for row in (entry / "status").read_text().splitlines() if row.startswith("NSpid:"))
                    found[int(line.split()[-1])] = int(entry.name)
            except (OSError, StopIteration):
                continue
    return found


def _stat(pid: int) -> list[str] | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _parse(raw: dict[str, object]) -> LabState:
    def running(value: dict[str, int] | None) -> Running | None:
        return Running(**value) if value else None

    def host(value: dict[str, object]) -> HostState:
        processes = {
            name: Process(item["argv"], item["env"], running(item["running"]))
            for name, item in value["processes"].items()  # type: ignore[attr-defined]
        }
        init, wrapper = running(value["init"]), running(value["wrapper"])  # type: ignore[arg-type]
        return HostState(init, wrapper, bool(value["killed"]), processes)

    hosts: dict[str, dict[str, object]] = raw["hosts"]  # type: ignore[assignment]
    pairs: list[list[str]] = raw["partitions"]  # type: ignore[assignment]
    return LabState({name: host(value) for name, value in hosts.items()}, {(pair[0], pair[1]) for pair in pairs})
