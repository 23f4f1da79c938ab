# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job's playbook is run: by a process that waits warm (default), or by plain ``ansible-playbook``."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Protocol

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import CONFIRMED, Order

from ..settings import Runner

log = logging.getLogger(__name__)

WAITING = "altair.mysql_ha.await_job"
COLLECTIONS_ROOT = next(parent.parent for parent in Path(__file__).parents if parent.name == "ansible_collections")


class PlaybookRunner(Protocol):
    """Runs the settings' playbook for a job; returns its exit code.

    ``announce``: a job will very likely be opened for this cluster, under this epoch. It is followed by ``run`` of the
    same, or by ``withdraw``, which does nothing where nothing is announced.
    """

    async def prepare(self) -> None: ...

    async def announce(self, cluster: str, epoch: int, /) -> None: ...

    async def withdraw(self, cluster: str, /) -> None: ...

    async def run(self, cluster: str, epoch: int) -> int: ...

    async def close(self) -> None: ...


def _environment(**more: str) -> dict[str, str]:
    """Ours, less what would make Ansible behave in another way than on any other host."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") or name == "ANSIBLE_HOME"
    }
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS_ROOT),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_NOCOLOR": "1",
        **more,
    }


def _command(settings: Runner, *more: str) -> list[str]:
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    return [program, settings.playbook, "--extra-vars", f"@{settings.variables_file}", *more]


def _log_to(stack: ExitStack, settings: Runner) -> IO[bytes] | None:
    return stack.enter_context(open(settings.log_file, "ab")) if settings.log_file else None


async def _ended(process: asyncio.subprocess.Process, seconds_max: float) -> int:
    try:
        return await asyncio.wait_for(process.wait(), seconds_max)
    except TimeoutError:
        log.error("the playbook has run for %g s and is ended", seconds_max)
        process.kill()
        return await process.wait()


class AnsiblePlaybook:
    """One cold ``ansible-playbook`` a job: a second slower, and nothing but its command line is relied on."""

    def __init__(self, settings: Runner) -> None:
        self._settings = settings

    async def prepare(self) -> None:
        return None

    async def announce(self, _cluster: str, _epoch: int, /) -> None:
        return None

    async def withdraw(self, _cluster: str, /) -> None:
        return None

    async def run(self, cluster: str, epoch: int) -> int:
        settings = self._settings
        variables = {"cluster": cluster, "altair_epoch": epoch, "altair_at_once": True}
        command = _command(settings, "--extra-vars", json.dumps(variables))
        with ExitStack() as stack:
            output = _log_to(stack, settings)
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, env=_environment()
            )
            return await _ended(process, settings.seconds_max)

    async def close(self) -> None:
        return None


class HotSpare:
    """Keeps one process in reserve that has loaded everything and waits (see plugins/callback/await_job.py).

    It runs one job and is replaced; a second job at once starts its own.
    """

    def __init__(self, settings: Runner) -> None:
        self._settings = settings
        self._spare: asyncio.subprocess.Process | None = None
        self._announced: dict[str, tuple[int, asyncio.subprocess.Process]] = {}

    async def _start(self) -> asyncio.subprocess.Process:
        with ExitStack() as stack:
            output = _log_to(stack, self._settings)
            return await asyncio.create_subprocess_exec(
                *_command(self._settings),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=_environment(ANSIBLE_CALLBACKS_ENABLED=WAITING),
            )

    async def prepare(self) -> None:
        if self._spare is None or self._spare.returncode is not None:
            self._spare = await self._start()

    async def _take(self) -> asyncio.subprocess.Process:
        await self.prepare()
        process, self._spare = self._spare, None
        if process is None or process.stdin is None:
            raise InvalidInput("the warm process could not be started; set runner.kind to ansible_playbook")
        return process

    async def announce(self, cluster: str, epoch: int) -> None:
        if cluster in self._announced or self._spare is None or self._spare.returncode is not None:
            return  # of many that are suspected at once only one is likely to be failed over
        process = await self._take()
        _say(process, _line(cluster, epoch, ahead=True))
        self._announced[cluster] = epoch, process

    async def withdraw(self, cluster: str) -> None:
        _epoch, process = self._announced.pop(cluster, (0, None))
        if process is None:
            return
        await _let_end(process)
        await self.prepare()

    async def run(self, cluster: str, epoch: int) -> int:
        announced, process = self._announced.pop(cluster, (0, None))
        if process is not None and announced == epoch and process.returncode is None:
            _say(process, CONFIRMED + b"\n")
        else:
            if process is not None:
                await _let_end(process)
            process = await self._take()
            _say(process, _line(cluster, epoch))
        if process.stdin is not None:
            process.stdin.close()
        code = await _ended(process, self._settings.seconds_max)
        # Only now: a second interpreter that warms up would slow the job down.
        await self.prepare()
        return code

    async def close(self) -> None:
        waiting = [process for _epoch, process in self._announced.values()]
        if self._spare is not None:
            waiting.append(self._spare)
        for process in waiting:
            await _let_end(process)


def _line(cluster: str, epoch: int, *, ahead: bool = False) -> bytes:
    return encode(Order(cluster=cluster, epoch=epoch, ahead=ahead)) + b"\n"


def _say(process: asyncio.subprocess.Process, line: bytes) -> None:
    if process.stdin is not None:
        process.stdin.write(line)


async def _let_end(process: asyncio.subprocess.Process) -> None:
    """One that waits: its worker sees the pipe closed, and it need not wait for that itself."""
    if process.returncode is None:
        if process.stdin is not None:
            process.stdin.close()
        process.kill()
        await process.wait()


def runner_for(settings: Runner) -> PlaybookRunner:
    return AnsiblePlaybook(settings) if settings.kind == "ansible_playbook" else HotSpare(settings)
