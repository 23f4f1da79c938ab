"""The state file, and telling a process from a later owner of its pid."""

import os
import subprocess
from pathlib import Path

from tests.lab import host, state
from tests.lab.state import HostState, LabState, Process, Running, StateFile


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    with file.change() as lab:
        lab.hosts["db1"] = HostState(
            Running(5, 6), None, True, {"mysqld": Process(["m"], {"A": "b"}, Running(7, 8, 2))}
        )
        lab.partitions = {("db1", "db2")}
    assert file.read() == lab


def test_a_lab_without_a_file_is_empty(tmp_path: Path) -> None:
    assert StateFile(tmp_path / "state.json").read() == LabState()


def test_a_pid_that_was_given_to_another_process_is_not_ours() -> None:
    mine = host.identify(os.getpid())
    assert mine is not None
    assert state.alive(mine)
    assert not state.alive(Running(mine.pid, mine.start - 1))


def test_a_dead_process_is_ended_without_complaint() -> None:
    child = subprocess.Popen(["sleep", "60"])
    running = host.identify(child.pid)
    host.end(running)
    host.end(running)
    assert child.wait() == -9
    assert not state.alive(running)
