"""The agent's eye on mysqld, tried on real processes that hold what mysqld holds: a folder, a lock and a pid file."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.process import MysqldProcess

SECONDS = 10.0
# As mysqld at start: into the data folder, the lock on ibdata1, and only then, here when told to, the pid file.
LIKE_MYSQLD = """
import fcntl, os, sys
os.chdir(sys.argv[1])
space = open("ibdata1", "r+b")
fcntl.lockf(space, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("booting", flush=True)
sys.stdin.readline()
with open("mysqld.pid", "w") as file:
    file.write(f"{os.getpid()}\\n")
print("up", flush=True)
sys.stdin.read()
"""
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ibdata1").write_bytes(b"space")
    return tmp_path


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Starts a process like mysqld, which is up when this returns; ``boots``: its pid file is not there yet."""
    started: list[subprocess.Popen[str]] = []

    def begin(*, boots: bool = False) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", LIKE_MYSQLD, str(folder)]
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert heard(process) == "booting"
        if not boots:
            boot(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def mysqld(folder: Path) -> Iterator[MysqldProcess]:
    watched = MysqldProcess(str(folder / "mysqld.pid"), str(folder))
    yield watched
    watched.release()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def boot(process: subprocess.Popen[str]) -> None:
    """Let a process that boots write its pid file."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert heard(process) == "up"


def state(mysqld: MysqldProcess) -> ProcessState:
    """Its state, asked anew: a type checker takes a property for a value that stays."""
    return mysqld.state


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(SECONDS)


def test_a_running_process_is_found_by_its_pid_file(mysqld: MysqldProcess, start: Start) -> None:
    process = start()
    assert mysqld.find()
    assert mysqld.process_id == process.pid
    assert state(mysqld) is ProcessState.RUNNING


def test_a_suspended_process_still_runs(mysqld: MysqldProcess, start: Start) -> None:
    process = start()
    mysqld.find()
    process.send_signal(signal.SIGSTOP)
    assert state(mysqld) is ProcessState.RUNNING


def test_everybody_who_waits_for_the_exit_is_told_of_it(mysqld: MysqldProcess, start: Start) -> None:
    process = start()
    assert mysqld.find()

    async def wait() -> None:
        waiting = [asyncio.create_task(mysqld.exited()) for _ in range(3)]
        await asyncio.sleep(0)
        late = asyncio.create_task(mysqld.exited())
        assert not any(task.done() for task in (*waiting, late))
        process.kill()
        await asyncio.wait_for(asyncio.gather(*waiting, late), SECONDS)
        await asyncio.wait_for(mysqld.exited(), SECONDS)

    asyncio.run(wait())
    assert state(mysqld) is ProcessState.EXITED


def test_who_gives_up_waiting_takes_nothing_from_the_others(mysqld: MysqldProcess, start: Start) -> None:
    process = start()
    assert mysqld.find()

    async def wait() -> None:
        stays, leaves = asyncio.create_task(mysqld.exited()), asyncio.create_task(mysqld.exited())
        await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        process.kill()
        await asyncio.wait_for(stays, SECONDS)

    asyncio.run(wait())


def test_a_kill_hits_the_process_that_was_found(mysqld: MysqldProcess, start: Start) -> None:
    process = start()
    assert mysqld.find()
    mysqld.kill()
    assert process.wait(SECONDS) == -signal.SIGKILL
    assert state(mysqld) is ProcessState.EXITED
    mysqld.kill()


def test_a_stale_pid_file_whose_number_another_process_has_got_is_not_believed(
    mysqld: MysqldProcess, folder: Path
) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (folder / "mysqld.pid").write_text(f"{stranger.pid}\n")
        assert not mysqld.find()
        assert mysqld.process_id is None
        mysqld.kill()
        assert stranger.poll() is None
        assert state(mysqld) is ProcessState.EXITED
    finally:
        stranger.kill()
        stranger.communicate()


@pytest.mark.parametrize("text", ["", "nonsense\n", "0\n", "-1\n", "4194304000\n"])
def test_a_pid_file_that_names_no_process_is_not_believed(mysqld: MysqldProcess, folder: Path, text: str) -> None:
    (folder / "mysqld.pid").write_text(text)
    assert not mysqld.find()


def test_absence_is_proven_only_while_nobody_holds_the_lock(mysqld: MysqldProcess, start: Start, folder: Path) -> None:
    assert state(mysqld) is ProcessState.EXITED
    process = start(boots=True)
    assert not mysqld.find()
    assert state(mysqld) is ProcessState.UNKNOWN, "somebody holds the data folder and says nothing of itself"
    kill(process)
    assert state(mysqld) is ProcessState.EXITED
    (folder / "ibdata1").unlink()
    assert state(mysqld) is ProcessState.UNKNOWN, "without the file there is no proof"


def test_a_successor_that_boots_does_not_hide_the_exit_that_was_seen(mysqld: MysqldProcess, start: Start) -> None:
    first = start()
    assert mysqld.find()
    kill(first)
    second = start(boots=True)
    for _ in range(2):  # however often it is looked for
        assert not mysqld.find()
        assert state(mysqld) is ProcessState.EXITED
    boot(second)
    assert mysqld.find()
    assert mysqld.process_id == second.pid
    assert state(mysqld) is ProcessState.RUNNING


def test_looking_does_not_take_the_lock_nor_keep_a_descriptor(mysqld: MysqldProcess, start: Start) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        assert state(mysqld) is ProcessState.EXITED
        assert not mysqld.find()
    assert len(os.listdir("/proc/self/fd")) == before
    process = start()
    for _ in range(20):
        assert mysqld.find()
    assert len(os.listdir("/proc/self/fd")) <= before + 3, "one handle, and the two pipes of the process"
    assert process.poll() is None
