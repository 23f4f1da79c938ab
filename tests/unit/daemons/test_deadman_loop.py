"""The dead-man around its vigil: real locks, real processes that die and are killed; only the voters are the test's."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import process
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.deadman import Will
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms, Vouch
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.deadman.daemon import Mysqld, stand_by
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import (
    DeadmanSettings,
    Listen,
    Profile,
    Tls,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import (
    Mysqld as MysqldSettings,
)

PATIENCE_SECONDS = 60.0
HOLD = """
import fcntl, sys
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
NODES = tuple(Node(name=f"db{number}", address=f"192.0.2.{number}") for number in (1, 2, 3))
Start = Callable[..., "subprocess.Popen[str]"]


class Voters:
    """As a caller would find them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.vouch = False

    async def post(self, url: str, _body: object, _shape: object, _seconds: float) -> Vouch:
        self.asked.append(url)
        if not self.vouch:
            raise Unavailable(f"{url} cannot be reached")
        return Vouch(voter="db2")


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that lives until it is killed: one that holds a lock, or one like any other."""
    started: list[subprocess.Popen[str]] = []

    def begin(lock: Path | None = None) -> subprocess.Popen[str]:
        code = HOLD if lock is not None else "import sys; print('held', flush=True); sys.stdin.read()"
        argv = [sys.executable, "-c", code, str(lock)]
        one = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(one)
        assert one.stdout is not None
        assert one.stdout.readline() == "held\n"
        return one

    yield begin
    for one in started:
        one.kill()
        one.communicate()


def settings(folder: Path | None) -> DeadmanSettings:
    return DeadmanSettings(
        node="db1",
        cluster="orders",
        listen=Listen(host="192.0.2.1", port=8430),
        tls=Tls(ca="/c", certificate="/c", key="/k"),
        monitors=("https://192.0.2.31:8440",),
        mysqld=MysqldSettings(credentials_file="/c", pid_file="/p", data_folder="/d"),
        profile=Profile.FAST,
        runtime_folder=str(folder) if folder is not None else None,
    )


def leave(folder: Path, mysqld: subprocess.Popen[str], seconds: float) -> None:
    terms = LeaseTerms(epoch=1, primary=NODES[0], settled=True, version=1, voters=NODES[1:])
    good_until = time.clock_gettime(time.CLOCK_BOOTTIME) + seconds
    began = process.started(mysqld.pid)
    will = Will(terms=terms, good_until=good_until, process_id=mysqld.pid, process_started=began)
    (folder / "will.json").write_bytes(encode(will))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.005)


def run(folder: Path, voters: Voters, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        standing = asyncio.create_task(stand_by(settings(folder), cast(Caller, voters)))
        await asyncio.sleep(0)
        await story()
        assert not standing.done()
        standing.cancel()

    asyncio.run(whole())


def test_an_agent_that_is_killed_is_noticed_and_what_it_guarded_is_killed(tmp_path: Path, start: Start) -> None:
    voters, mysqld = Voters(), start()
    agent = start(tmp_path / "agent.lock")
    leave(tmp_path, mysqld, seconds=-100.0)

    async def story() -> None:
        await asyncio.sleep(0.5)  # many looks, if it looked
        assert voters.asked == []
        assert mysqld.poll() is None
        agent.send_signal(signal.SIGKILL)
        await until(lambda: mysqld.poll() is not None)

    run(tmp_path, voters, story)
    assert mysqld.returncode == -signal.SIGKILL
    assert {"https://192.0.2.2:8430/v1/vouch", "https://192.0.2.3:8430/v1/vouch"} == set(voters.asked)


def test_it_stands_down_for_each_agent_that_comes_back_and_up_again_when_that_one_dies(
    tmp_path: Path, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    voters, mysqld = Voters(), start()
    voters.vouch = True
    leave(tmp_path, mysqld, seconds=3600.0)  # as good as any lease can be, which is two and a half beats

    async def story() -> None:
        for times in (1, 2):
            asked = len(voters.asked)
            await until(lambda asked=asked: len(voters.asked) > asked)  # type: ignore[misc]
            agent = start(tmp_path / "agent.lock")
            await until(lambda times=times: caplog.text.count("the agent lives") == times)  # type: ignore[misc]
            asked = len(voters.asked)
            await asyncio.sleep(1.2)  # it would have asked twice
            assert len(voters.asked) == asked
            agent.kill()
        assert mysqld.poll() is None

    run(tmp_path, voters, story)


def test_before_there_was_an_agent_nothing_is_done(tmp_path: Path) -> None:
    voters = Voters()

    async def story() -> None:
        await until((tmp_path / "new" / "agent.lock").exists)
        await asyncio.sleep(0.2)

    run(tmp_path / "new", voters, story)
    assert voters.asked == []


def test_a_process_that_started_at_another_moment_is_not_the_one_that_the_agent_knew(start: Start) -> None:
    mysqld = start()
    began = process.started(mysqld.pid)
    assert began is not None
    assert process.hold_same(mysqld.pid, began + 1) is None
    held = process.hold_same(mysqld.pid, began)
    assert held is not None
    os.close(held)
    mysqld.kill()
    mysqld.wait()
    assert process.started(mysqld.pid) is None
    assert process.hold_same(mysqld.pid, began) is None


def test_without_a_will_there_is_no_process_to_kill() -> None:
    nobody = Mysqld(None)
    assert not nobody.runs()
    nobody.kill()
    nobody.release()


def test_settings_without_a_runtime_folder_are_refused() -> None:
    with pytest.raises(InvalidInput, match="the agent's settings have no runtime_folder"):
        settings(None).folder()
