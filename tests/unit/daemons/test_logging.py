"""A daemon's log goes to standard output and waits for nobody."""

from __future__ import annotations

import os
import subprocess
import sys

BODY = """
import logging
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.loop import LINES_WAITING_MAX, logging_beside

with logging_beside(logging.INFO):
    for number in range(int(__import__("sys").argv[1]) or 2 * LINES_WAITING_MAX):
        logging.info("line %d " + "x" * 200, number)
    __import__("os").write(2, b"done")
    __import__("sys").stdin.read()
"""


def test_what_is_logged_is_on_standard_output_when_the_daemon_has_ended() -> None:
    done = subprocess.run([sys.executable, "-c", BODY, "100"], input="", capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[4] for line in lines] == [str(number) for number in range(100)]
    assert all(" INFO line " in line for line in lines)


def test_a_log_that_nobody_takes_does_not_stop_the_daemon() -> None:
    argv = [sys.executable, "-c", BODY, "0"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as daemon:
        try:
            # The pipe of its standard output is never read, and holds far less than what is logged.
            assert daemon.stderr is not None
            assert os.read(daemon.stderr.fileno(), 4) == b"done"
        finally:
            daemon.kill()
