# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notice to a program, as JSON on its standard input. No shell, and nothing of a notice on the command line."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from contextlib import suppress
from dataclasses import dataclass

from .._core.errors import InvalidInput, Unavailable
from .._core.notice import Letter


@dataclass(frozen=True, slots=True)
class Program:
    """``command``: the program and its arguments. What it prints to standard error goes to the daemon's own."""

    command: tuple[str, ...]

    def prove(self) -> None:
        if shutil.which(self.command[0]) is None:
            raise InvalidInput(f"{self.command[0]} is no program that can be run")

    async def send(self, letter: Letter, seconds: float) -> None:
        """Raise Unavailable when it did not end with 0 in time; it is killed then, with what it started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise Unavailable(f"{self.command[0]} cannot be run: {error.strerror}") from None
        try:
            async with asyncio.timeout(seconds):
                code = await _fed(process, json.dumps(letter.payload).encode() + b"\n")
        except TimeoutError:
            raise Unavailable(f"{self.command[0]} did not end within {seconds:g} s and was killed") from None
        finally:
            await _end(process)
        if code:
            raise Unavailable(f"{self.command[0]} ended with {code}")


async def _fed(process: asyncio.subprocess.Process, raw: bytes) -> int:
    if process.stdin is not None:
        with suppress(BrokenPipeError, ConnectionResetError):  # it need not read what it is told
            process.stdin.write(raw)
            await process.stdin.drain()
            process.stdin.close()
            await process.stdin.wait_closed()
    return await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the whole process group of a program that still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
