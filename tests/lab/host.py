"""One host of a lab: network, PID, mount, UTS and IPC namespaces of its own, and the processes in it."""

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from tests.lab import network
from tests.lab.addresses import HOSTS, TREE
from tests.lab.errors import LabError
from tests.lab.parts import cache_folder
from tests.lab.state import HostState, Process, Running, StateFile, alive, inner_pids, started, suspended

_INIT = Path(__file__).with_name("init.sh")
_BOOT_SECONDS = 10
_DEATH_SECONDS = 10
# `nsenter` stays behind as the parent; a program that is run, not started, must not outlive it.
_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")
# Prints the pid inside the host; the shell then leaves, and the host's init adopts the process.
_LAUNCH = 'log=$1; shift; setsid "$@" </dev/null >>"$log" 2>&1 & echo $!'


class Host:
    """A host by its name; it may be without power, and then nothing runs in it."""

    # Kept, because hosts outlive the object and the command that booted them, and subprocess would warn of that.
    _wrappers: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, name: str, folder: Path, prefix: str, state: StateFile) -> None:
        self.name, self.address = name, HOSTS[name]
        self.folder = folder
        self.namespace, self.router = f"{prefix}{name}", f"{prefix}net"
        self._state = state

    @property
    def data(self) -> Path:
        """The host's disk, in effect: what is here survives a power-off."""
        return self.folder / "data"

    @property
    def etc(self) -> Path:
        """Configuration of this host's programs."""
        return self.folder / "etc"

    @property
    def log(self) -> Path:
        """One log file for each process, appended to at each start."""
        return self.folder / "log"

    def state(self) -> HostState:
        """What is on record about this host."""
        return self._state.read().hosts.get(self.name, HostState())

    def powered(self) -> bool:
        """Whether the host is up."""
        return alive(self.state().init)

    def boot(self) -> None:
        """Give the host its namespaces and its init; no process is started yet."""
        for place in (self.data, self.etc, self.log):
            place.mkdir(parents=True, exist_ok=True)
        network.add_host(self.router, self.namespace, self.name)
        ready = self.etc / "ready"
        ready.unlink(missing_ok=True)
        shared = [self.folder.parent / "etc" / name for name in ("resolv.conf", "hosts")]
        spaces = ["--mount", "--pid", "--uts", "--ipc", "--fork", "--mount-proc"]
        enter = ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", *spaces]
        with (self.log / "init.log").open("ab") as log:
            wrapper = subprocess.Popen(
                [*enter, "/bin/sh", str(_INIT), self.name, *map(str, [*shared, ready, *_kept_visible()])],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wrappers.append(wrapper)
        deadline = time.monotonic() + _BOOT_SECONDS
        while not (ready.exists() and ready.read_text()):
            if wrapper.poll() is not None or time.monotonic() > deadline:
                raise LabError(f"Host {self.name} did not boot; read {self.log / 'init.log'}.")
            time.sleep(0.005)
        children = Path(f"/proc/{wrapper.pid}/task/{wrapper.pid}/children").read_text().split()
        with self._state.change() as lab:
            record = lab.hosts.setdefault(self.name, HostState())
            record.init, record.wrapper = identify(int(children[0])), identify(wrapper.pid)

    def power_off(self) -> None:
        """Pull the plug: the network goes silent first, then every process of the host dies at once."""
        state = self.state()
        if state.init is None or not alive(state.init):
            raise LabError(f"Host {self.name} has no power already; `start {self.name}` boots it.")
        network.power(self.router, self.name, on=False)
        network.forget_connections(self.namespace)
        _signal(state.init, signal.SIGKILL)
        network.unplug(self.router, self.namespace, self.name)
        with self._state.change() as lab:
            lab.hosts[self.name].killed, lab.hosts[self.name].init = True, None

    def power_on(self) -> None:
        """Boot the host again and start the processes it had, in their first order."""
        if self.powered():
            raise LabError(f"Host {self.name} is up already; name a process to start.")
        self.boot()
        if self.state().killed:
            network.power(self.router, self.name, on=True)
        with self._state.change() as lab:
            lab.hosts[self.name].killed = False
        for name in self.state().processes:
            self.start(name)

    def start(self, name: str, argv: Sequence[str] | None = None, env: Mapping[str, str] | None = None) -> int:
        """Start a process that outlives this command; without `argv`, the one last started under this name.

        Returns its pid on the machine. Its output goes to `<log folder>/<name>.log`. `env` is added to the environment.
        Raises LabError when it runs already or the name is unknown.
        """
        state = self.state()
        known = state.processes.get(name)
        if known and alive(known.running):
            raise LabError(f"Process {name} runs on {self.name} already; kill it first.")
        if argv is None:
            if known is None:
                raise LabError(f"Host {self.name} knows no process {name}; it has {_listed(state)}.")
            argv, env = known.argv, known.env
        wanted = Process(list(argv), dict(env or {}))
        launch = ["/bin/sh", "-c", _LAUNCH, "launch", str(self.log / f"{name}.log"), *wanted.argv]
        done = subprocess.run(
            self.entry(launch, wanted.env), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode or state.init is None:
            raise LabError(f"Process {name} cannot start on {self.name}: {done.stderr.strip()}.")
        inner = int(done.stdout)
        outer = inner_pids(state.init).get(inner)
        running = identify(outer, inner) if outer else None
        with self._state.change() as lab:
            lab.hosts[self.name].processes[name] = Process(wanted.argv, wanted.env, running)
        if running is None:
            raise LabError(f"Process {name} on {self.name} ended at once; read {self.log / (name + '.log')}.")
        return running.pid

    def forget(self, name: str) -> None:
        """End a process and strike it from the record, so that no boot starts it again."""
        if self.running(name):
            self.kill(name)
        with self._state.change() as lab:
            lab.hosts[self.name].processes.pop(name, None)

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal, SIGKILL by default, to a process; after SIGKILL, returns when it is dead."""
        _signal(self._running(name), number)

    def stop(self, name: str | None = None) -> None:
        """Suspend a process (SIGSTOP), or everything on the host but its init."""
        self._signal_many(name, signal.SIGSTOP)

    def cont(self, name: str | None = None) -> None:
        """Let a suspended process, or everything on the host, go on (SIGCONT)."""
        self._signal_many(name, signal.SIGCONT)

    def live(self) -> list[str]:
        """Names of the processes that run, suspended ones too."""
        return [name for name, process in self.state().processes.items() if alive(process.running)]

    def running(self, name: str) -> bool:
        """Whether a process runs; a suspended one does."""
        return name in self.live()

    def stopped(self, name: str) -> bool:
        """Whether a process is suspended."""
        process = self.state().processes.get(name)
        return bool(process and process.running and alive(process.running) and suspended(process.running.pid))

    def pid(self, name: str) -> int:
        """The machine's pid of a process that runs; raises LabError when it does not."""
        return self._running(name).pid

    def run(
        self,
        argv: Sequence[str],
        timeout: float | None = 30,
        *,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        """Like `subprocess.run` with captured text, inside the host and from the root of the tree."""
        entry = self.entry([*_WITH_PARENT, *argv], env)
        return subprocess.run(entry, input=input, capture_output=True, text=True, timeout=timeout, check=check)

    def popen(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, stdout: int | None = None
    ) -> subprocess.Popen[bytes]:
        """Like `subprocess.Popen`, inside the host; SIGKILL of what it returns, the way in, takes the program along."""
        return subprocess.Popen(self.entry([*_WITH_PARENT, *argv], env), stdin=subprocess.DEVNULL, stdout=stdout)

    def entry(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The command line that runs `argv` inside the host; raises LabError when it has no power."""
        init = self.state().init
        if init is None or not alive(init):
            raise LabError(f"Host {self.name} has no power; `start {self.name}` boots it.")
        usual = {
            "PYTHONPATH": f"{TREE / 'build/collections'}:{TREE}",
            "PATH": f"{self.folder.parent / 'etc/bin'}:{os.environ.get('PATH', '/usr/sbin:/usr/bin:/sbin:/bin')}",
        }
        values = usual | dict(env or {})
        setting = ["env", f"--chdir={TREE}", *(f"{key}={value}" for key, value in values.items())]
        return ["nsenter", f"--target={init.pid}", "--mount", "--pid", "--uts", "--ipc", "--net", *setting, *argv]

    def inside(self) -> AbstractContextManager[None]:
        """Put the calling thread into the host's network: sockets made there stay there."""
        return network.inside(self.namespace)

    def _signal_many(self, name: str | None, number: int) -> None:
        init = self.state().init
        if name is not None:
            self.kill(name, number)
        elif init is None or not alive(init):
            raise LabError(f"Host {self.name} has no power; `start {self.name}` boots it.")
        else:
            # Twice, for what was born while the first round went on.
            for _ in range(2):
                found = [identify(pid) for pid in inner_pids(init).values() if pid != init.pid]
                # A host wakes all at once; signals come one by one, and whoever sends them may be held up between two.
                # So a watchdog, which is younger than what it watches, goes on before that and stops after it.
                ordered = sorted(
                    filter(None, found), key=lambda one: (one.start, one.pid), reverse=number == signal.SIGCONT
                )
                for running in ordered:
                    _signal(running, number)

    def _running(self, name: str) -> Running:
        state = self.state()
        process = state.processes.get(name)
        if process is None:
            raise LabError(f"Host {self.name} knows no process {name}; it has {_listed(state)}.")
        if process.running is None or not alive(process.running):
            raise LabError(f"Process {name} does not run on {self.name}; `start {self.name} {name}` starts it.")
        return process.running


def end(running: Running | None) -> None:
    """SIGKILL that very process if it still runs, and wait until it is gone."""
    if running is not None:
        _signal(running, signal.SIGKILL)


def inits(root: Path) -> list[tuple[str, Running]]:
    """Every init of a host of a lab below `root`, on record or not, with the name of its lab."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (
                (entry / "cmdline").read_bytes().decode(errors="replace").split("\0") if entry.name.isdigit() else []
            )
        except OSError:
            continue
        ready = next((word for word in words if word.startswith(f"{root}/") and word.endswith("/etc/ready")), None)
        if ready and str(_INIT) in words and (running := identify(int(entry.name))):
            found.append((Path(ready).relative_to(root).parts[0], running))
    return found


def identify(pid: int, inner: int = 1) -> Running | None:
    """A live process with what tells it from a later owner of its pid; None when it is gone."""
    start = started(pid)
    return None if start is None else Running(pid, start, inner)


def _signal(running: Running, number: int) -> None:
    """Send a signal to that very process, never to a later owner of its pid; after SIGKILL, wait until it is gone."""
    try:
        descriptor = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return
    try:
        # Opened first, checked after: now the descriptor cannot mean a later owner of the pid.
        if not alive(running):
            return
        signal.pidfd_send_signal(descriptor, number)
        if number == signal.SIGKILL and not select.select([descriptor], [], [], _DEATH_SECONDS)[0]:
            raise LabError(f"Process {running.pid} did not die within {_DEATH_SECONDS} s; look for it with `ps`.")
    finally:
        os.close(descriptor)


def _kept_visible() -> list[str]:
    """Paths a host needs which its private /run and /tmp would hide."""
    needed = {TREE, cache_folder().parent.resolve(), Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    java = shutil.which("java")
    needed |= {Path(java).resolve().parent.parent} if java else set()
    return sorted(str(path) for path in needed if path.parts[1:2] in (("tmp",), ("run",)) and path.exists())


def _listed(state: HostState) -> str:
    return ", ".join(state.processes) or "none"
