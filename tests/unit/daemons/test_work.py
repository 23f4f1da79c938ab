"""An overloaded mysqld is told from a hung one, tried on real processes that work, idle, stand still or die."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health, NodeRecord, judge_node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation, ProcessState, Reach
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.daemon import Agent
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.process import MysqldProcess
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.work import Work
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import (
    AgentSettings,
    Listen,
    Mysqld,
    Tls,
)

SECONDS = 60.0
STEP = 0.5  # of the test's own clock, between two looks
# Like mysqld: in the data folder, with a pid file. It does what each line says: work, in a thread of its own, or let
# its first thread end, as a process does that is on its way out.
LIKE_MYSQLD = """
import ctypes, os, sys, threading
os.chdir(sys.argv[1])
with open("mysqld.pid", "w") as file:
    file.write(f"{os.getpid()}\\n")
def work():
    while True:
        pass
for line in sys.stdin:
    if line == "work\\n":
        threading.Thread(target=work, daemon=True).start()
    print("done", flush=True)
    if line == "leave\\n":
        ctypes.CDLL(None).pthread_exit(None)
"""
Child = subprocess.Popen[str]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Child]]:
    started: list[Child] = []

    def begin() -> Child:
        argv = [sys.executable, "-c", LIKE_MYSQLD, str(tmp_path)]
        child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(child)
        order(child, "wake up")
        return child

    yield begin
    for child in started:
        child.kill()
        child.communicate()


def order(child: Child, what: str) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{what}\n")
    child.stdin.flush()
    assert child.stdout.readline() == "done\n"


def letter(child: Child) -> str:
    """Of its first thread's state, as ps shows it."""
    return Path(f"/proc/{child.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]


def until(asked: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not asked():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def stop(child: Child) -> None:
    child.send_signal(signal.SIGSTOP)
    until(lambda: letter(child) == "T")


class Eye:
    """Looks at a process by the test's own clock; what the process uses is real."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.process = MysqldProcess(str(folder / "mysqld.pid"), str(folder))
        self.work = Work(self.process, 2.0, lambda: self.now)

    def look(self, times: int = 1) -> bool | None:
        for _ in range(times):
            self.now += STEP
            self.work.look()
        return self.work.working

    def used(self) -> float:
        effort = self.process.effort(self.now)
        assert effort is not None
        return effort.cpu_seconds

    def let_work(self) -> None:
        """Until it has used as much as an interval is long."""
        before = self.used()
        until(lambda: self.used() - before >= STEP)


@pytest.fixture
def eye(tmp_path: Path) -> Iterator[Eye]:
    made = Eye(tmp_path)
    yield made
    made.process.release()


def test_a_busy_process_works_and_a_stopped_one_does_not_until_it_goes_on(start: Callable[[], Child], eye: Eye) -> None:
    child = start()
    order(child, "work")
    assert eye.process.find()
    assert eye.look() is None
    eye.let_work()
    assert eye.look() is True
    stop(child)
    assert eye.look(2) is True, "a pause is no end"
    assert eye.look(2) is False
    assert eye.process.state is ProcessState.RUNNING
    child.send_signal(signal.SIGCONT)
    eye.let_work()
    assert eye.look() is True


def test_an_idle_process_does_not_work(start: Callable[[], Child], eye: Eye) -> None:
    start()
    assert eye.process.find()
    assert eye.look() is None
    assert eye.look(5) is False


def test_a_process_on_its_way_out_does_not_work_however_busy_it_is(start: Callable[[], Child], eye: Eye) -> None:
    child = start()
    order(child, "work")
    assert eye.process.find()
    eye.look()
    eye.let_work()
    assert eye.look() is True
    order(child, "leave")
    until(lambda: letter(child) == "Z")
    eye.let_work()
    assert eye.process.state is ProcessState.RUNNING, "its other thread goes on"
    assert eye.look() is False


def test_of_a_process_that_is_gone_nobody_can_tell(start: Callable[[], Child], eye: Eye) -> None:
    child = start()
    assert eye.look() is None, "it was not found yet"
    assert eye.process.find()
    eye.look(2)
    child.kill()
    child.wait(SECONDS)
    assert eye.look() is None


def test_silence_counts_from_the_last_answer_or_from_when_the_process_was_found(
    start: Callable[[], Child], eye: Eye
) -> None:
    first = start()
    assert eye.process.find()
    eye.look(3)
    assert eye.work.unanswered_seconds(Reach.TIMED_OUT) == 2 * STEP
    assert eye.work.unanswered_seconds(Reach.REACHED) == eye.work.unanswered_seconds(Reach.DUBIOUS) == 0.0
    assert eye.work.unanswered_seconds(Reach.UNKNOWN) is None
    eye.look()
    eye.work.answered()
    eye.look()
    assert eye.work.unanswered_seconds(Reach.REFUSED) == STEP
    first.kill()
    first.wait(SECONDS)
    start()
    assert eye.process.find()
    eye.look()
    assert eye.work.unanswered_seconds(Reach.TIMED_OUT) == 0.0


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_an_agent_reports_that_its_silent_mysqld_works_and_that_a_stopped_one_does_not(
    start: Callable[[], Child], tmp_path: Path, mute: int
) -> None:
    settings = AgentSettings(
        node="db1",
        cluster="orders",
        listen=Listen(host="127.0.0.1", port=8430),
        tls=Tls(ca="ca", certificate="certificate", key="key"),
        monitors=("https://127.0.0.1:8440",),
        mysqld=Mysqld(
            credentials_file="c",
            port=mute,
            pid_file=str(tmp_path / "mysqld.pid"),
            data_folder=str(tmp_path),
            probe_seconds=0.1,
        ),
    )
    child = start()
    order(child, "work")

    async def observe_until(agent: Agent, working: bool) -> Observation:
        end = time.monotonic() + SECONDS
        while True:
            seen = await agent.observe()
            if (seen.reach, seen.working) == (Reach.TIMED_OUT, working):
                return seen
            assert time.monotonic() < end, seen

    async def look() -> tuple[Observation, Observation]:
        agent = Agent(settings, Login(user="u", password="p", connect_timeout=5.0, read_timeout=5.0), 1)
        assert agent._process.find()
        looks = asyncio.create_task(agent.work.follow())
        try:
            busy = await observe_until(agent, True)
            stop(child)
            return busy, await observe_until(agent, False)
        finally:
            looks.cancel()
            agent._process.release()

    busy, stopped = asyncio.run(look())
    assert busy.unanswered_seconds is not None
    assert stopped.unanswered_seconds is not None
    assert 0.0 < busy.unanswered_seconds < stopped.unanswered_seconds
    found = [
        judge_node(NodeRecord(last=seen, silence_beats=0.0, overload_seconds_max=2 * SECONDS)).health
        for seen in (busy, stopped)
    ]
    assert found == [Health.MYSQLD_OVERLOADED, Health.MYSQLD_HUNG]
