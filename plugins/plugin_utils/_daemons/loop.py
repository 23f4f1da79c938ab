# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every daemon does around its loop: command line, settings, log, signals, exit code."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import logging.handlers
import os
import queue
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError

from .notifier import try_targets
from .settings import Settings, load

Body = Callable[[Settings, asyncio.Event], Awaitable[None]]

LINES_WAITING_MAX = 10_000
_EPILOG = "Exit codes: 0 ended by a signal or settings are good; 2 bad settings; 3 a neighbour does not answer; 1 else."


def ready(status: str) -> None:
    """Tell systemd (sd_notify protocol, systemd.service(5) Type=notify) that the daemon serves."""
    gc.freeze()  # what is loaded stays: no collection has to walk over it
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.sendall(f"READY=1\nSTATUS={status}".encode())


class _NeverWaiting(logging.handlers.QueueHandler):
    """A line that finds no room is lost: better than a beat that waits for a disk."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self.queue.put_nowait(record)


@contextmanager
def logging_beside(level: int) -> Iterator[None]:
    """Log to standard output from a thread of its own: where that goes may be a file on a disk that hangs."""
    to_stdout = logging.StreamHandler(sys.stdout)
    to_stdout.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    lines: queue.Queue[logging.LogRecord] = queue.Queue(LINES_WAITING_MAX)
    listener = logging.handlers.QueueListener(lines, to_stdout)
    handler = _NeverWaiting(lines)
    root = logging.getLogger()
    root.setLevel(level)
    root.addHandler(handler)
    for library in ("kazoo", "aiohttp", "asyncio"):
        logging.getLogger(library).setLevel(logging.ERROR)
    listener.start()
    try:
        yield
    finally:
        root.removeHandler(handler)
        with suppress(queue.Full):
            listener.stop()


async def _until_signalled(settings: Settings, body: Body[Settings]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await body(settings, stop)


def main(
    name: str,
    kind: type[Settings],
    body: Body[Settings],
    arguments: list[str] | None = None,
    *,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run ``body`` until SIGTERM or SIGINT, on asyncio's own loop or a ``new_loop``; return the exit code."""
    parser = argparse.ArgumentParser(
        prog=f"altair-{name}", description=f"The {name} of altair.mysql_ha.", epilog=_EPILOG
    )
    parser.add_argument("--settings", required=True, metavar="FILE", help="the settings, YAML")
    parser.add_argument(
        "--check", action="store_true", help="only say whether the settings, and the files they name, are good"
    )
    parser.add_argument("--try-notifications", action="store_true", help="only send a test notice to each target")
    parser.add_argument("--verbose", action="store_true", help="log every beat")
    given = parser.parse_args(arguments)
    with logging_beside(logging.DEBUG if given.verbose else logging.INFO):
        return _run(name, kind, body, given, new_loop)


def _run(
    name: str,
    kind: type[Settings],
    body: Body[Settings],
    given: argparse.Namespace,
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None,
) -> int:
    try:
        settings = load(given.settings, kind)
        settings.prove()
        if given.try_notifications:
            return try_targets(settings.targets, f"altair-{name}")
        if not given.check:
            with asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(_until_signalled(settings, body))
    except AltairError as error:
        sys.stderr.write(f"altair-{name}: {error}\n")
        return error.exit_code
    return 0
