"""The playbook that waits warm, as the real ansible-playbook that it is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.orchestrator.runner import (
    AnsiblePlaybook,
    HotSpare,
    PlaybookRunner,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Runner
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

WAITS = "TASK [Carry out in one go what writers wait for]"
UNKNOWN = "cluster nobody is not registered"
ENDED = "failed=1 "  # in the recap of a playbook
PATIENCE_SECONDS = 60.0


@pytest.fixture
def settings(lab: Lab, tmp_path: Path) -> Runner:
    """For a failover of a cluster that ZooKeeper, which answers, does not know: a job that is begun says so."""
    lab.host("zk1")
    nothing = tmp_path / "nothing"
    nothing.write_text("")
    option_file = tmp_path / "mysql.cnf"
    option_file.write_text("[client]\nuser=altair\npassword=secret\n")
    variables = tmp_path / "failover.yml"
    variables.write_text(
        f"altair_zookeeper_hosts: {HOSTS['zk1']}:{ZOOKEEPER_PORT}\n"
        f"altair_mysql_credentials_file: {option_file}\n"
        f"altair_tls_ca: {nothing}\naltair_tls_certificate: {nothing}\naltair_tls_key: {nothing}\n"
        f"altair_tsig_key_file: {nothing}\n"
    )
    return Runner(variables_file=str(variables), log_file=str(tmp_path / "playbook.log"))


def said(settings: Runner) -> str:
    path = Path(settings.log_file or "")
    return path.read_text() if path.exists() else ""


async def waits(settings: Runner, times: int = 1) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    while said(settings).count(WAITS) < times:
        assert asyncio.get_running_loop().time() < deadline, said(settings)
        await asyncio.sleep(0.05)


def played(
    settings: Runner,
    act: Callable[[HotSpare], Coroutine[Any, Any, int]],
) -> int:
    async def whole() -> int:
        runner = HotSpare(settings)
        await runner.prepare()
        await waits(settings)
        try:
            return await act(runner)
        finally:
            await runner.close()

    return asyncio.run(whole())


def test_a_playbook_that_waits_begins_when_its_job_comes(settings: Runner) -> None:
    assert UNKNOWN not in said(settings)
    code = played(settings, lambda runner: runner.run("nobody", 7))
    assert code == 2
    assert said(settings).count(ENDED) == 1


def test_a_job_that_was_announced_begins_only_when_it_is_confirmed(settings: Runner) -> None:
    async def act(runner: HotSpare) -> int:
        await runner.announce("nobody", 7)
        await asyncio.sleep(1.0)
        assert UNKNOWN not in said(settings)
        return await runner.run("nobody", 7)

    assert played(settings, act) == 2
    assert said(settings).count(ENDED) == 1


def test_a_job_that_was_announced_and_withdrawn_never_begins(settings: Runner) -> None:
    async def act(runner: HotSpare) -> int:
        await runner.announce("nobody", 7)
        await runner.withdraw("nobody")
        await waits(settings, 2)  # another waits in its place
        await asyncio.sleep(1.0)
        return 0

    played(settings, act)
    assert UNKNOWN not in said(settings)


def test_of_two_jobs_that_are_announced_only_one_has_a_playbook_ahead(settings: Runner) -> None:
    async def act(runner: HotSpare) -> int:
        await runner.announce("nobody", 7)
        await runner.announce("anybody", 3)
        await runner.withdraw("anybody")
        await asyncio.sleep(1.0)
        assert said(settings).count("PLAY [") == 1
        return await runner.run("nobody", 7)

    assert played(settings, act) == 2


def test_an_epoch_that_was_not_announced_is_carried_out_by_another_process(settings: Runner) -> None:
    async def act(runner: HotSpare) -> int:
        await runner.announce("nobody", 7)
        return await runner.run("nobody", 8)

    assert played(settings, act) == 2
    assert said(settings).count(ENDED) == 1
    assert said(settings).count("PLAY [") >= 2  # the one that was announced, and the one that ran


def test_a_plain_playbook_does_the_same(settings: Runner) -> None:
    runner: PlaybookRunner = AnsiblePlaybook(settings)
    assert asyncio.run(runner.run("nobody", 7)) == 2
    assert said(settings).count(ENDED) == 1
