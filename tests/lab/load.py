"""The client: writers that reach the primary by its name only, and log every write that was acknowledged to them."""

import argparse
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pymysql
from pymysql.connections import Connection
from pymysql.constants import ER
from pymysql.cursors import Cursor

from tests.lab.acks import Ack, encode
from tests.lab.addresses import MYSQL_PORT, PRIMARY_NAME

_CONNECT_SECONDS = 0.25
_ANSWER_SECONDS = 1.0
_RETRY_SECONDS = 0.01
_INSERT = "INSERT INTO app.writes (writer, n, server_uuid, at) VALUES (%s, %s, @@server_uuid, NOW(6))"


@dataclass(frozen=True)
class Target:
    """Where and how fast to write: `rate` is writes a second of one writer, 0 for as fast as it goes."""

    name: str
    credentials: Path
    rate: float
    log: int


class Writer:
    """One writer with one connection; the same row is sent until it is acknowledged."""

    def __init__(self, number: int, target: Target, finished: Callable[[], bool]) -> None:
        self.number, self.target, self.finished = number, target, finished
        self.connection: Connection[Cursor] | None = None
        self.server = ""
        self.acked = self.errors = 0
        self._tried_before = False

    def run(self, first: int = 1) -> None:
        """Write rows from number `first` on until finished."""
        n, due = first, time.monotonic()
        while not self.finished():
            if self._write(n):
                n += 1
                # A writer that was held up makes up for 0.1 s of it and no more, so no burst follows an outage.
                due = max(due + (1 / self.target.rate if self.target.rate else 0), time.monotonic() - 0.1)
                time.sleep(max(0.0, due - time.monotonic()))
            else:
                self.errors += 1
                self._close()
                time.sleep(_RETRY_SECONDS)
        self._close()

    def _write(self, n: int) -> bool:
        recovered = was_tried = False
        try:
            connection = self.connection or self._connect()
            sent = time.monotonic()
            try:
                with connection.cursor() as cursor:
                    was_tried, self._tried_before = self._tried_before, True
                    cursor.execute(_INSERT, (self.number, n))
            except pymysql.err.IntegrityError as error:
                # The row can be there only by an attempt of this writer whose answer was lost.
                if error.args[0] != ER.DUP_ENTRY or not was_tried:
                    raise
                recovered = True
        except (pymysql.MySQLError, OSError):
            return False
        ack = Ack(self.number, n, self.server, sent, time.monotonic(), time.time(), recovered)
        os.write(self.target.log, encode(ack))
        self.acked += 1
        self._tried_before = False
        return True

    def _connect(self) -> "Connection[Cursor]":
        found = socket.getaddrinfo(self.target.name, MYSQL_PORT, socket.AF_INET, socket.SOCK_STREAM)
        connection: Connection[Cursor] = pymysql.connect(
            host=str(found[0][4][0]),
            port=MYSQL_PORT,
            read_default_file=str(self.target.credentials),
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_ANSWER_SECONDS,
            write_timeout=_ANSWER_SECONDS,
            autocommit=True,
            # Or PyMySQL loads the certificate store for each connection, 40 ms of CPU before the first packet.
            ssl_disabled=True,
        )
        self.connection = connection
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@server_uuid")
            row = cursor.fetchone()
        self.server = row[0] if row else ""
        return connection

    def _close(self) -> None:
        if self.connection is not None:
            # An error in mid-conversation has closed it already, and then PyMySQL complains.
            with suppress(pymysql.MySQLError, OSError):
                self.connection.close()
            self.connection = None


def argv(out: Path, credentials: Path, stop_file: Path, *, rate: float = 300, writers: int = 4) -> list[str]:
    """The command line for `host.start` or `host.run` on the client; `rate` is writes a second of all writers."""
    files = ["--out", str(out), "--credentials", str(credentials), "--stop-file", str(stop_file)]
    return [sys.executable, "-m", "tests.lab.load", *files, "--rate", str(rate), "--writers", str(writers)]


def main(arguments: Sequence[str]) -> int:
    """Run the writers until the time is over or the stop file is there; one line of totals at the end."""
    options = _parser().parse_args(arguments)
    log = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    ends = time.monotonic() + options.seconds
    over = threading.Event()
    target = Target(options.name, options.credentials, options.rate / options.writers, log)
    writers = [Writer(number, target, over.is_set) for number in range(1, options.writers + 1)]
    threads = [threading.Thread(target=writer.run, args=(options.first,)) for writer in writers]
    for thread in threads:
        thread.start()
    while time.monotonic() < ends and not (options.stop_file and options.stop_file.exists()):
        time.sleep(0.05)
    over.set()
    for thread in threads:
        thread.join()
    os.close(log)
    total, errors = sum(writer.acked for writer in writers), sum(writer.errors for writer in writers)
    print(f"{total} writes acknowledged, {errors} attempts failed")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.load", description=__doc__)
    parser.add_argument("--name", default=PRIMARY_NAME, help="the primary's name (default: %(default)s)")
    parser.add_argument("--writers", type=int, default=4, help="connections (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=300, help="writes a second in all, 0: no limit (%(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="log of acknowledged writes, appended to")
    parser.add_argument("--credentials", type=Path, required=True, help="MySQL option file of the account")
    parser.add_argument("--stop-file", type=Path, help="end when this file appears")
    parser.add_argument("--seconds", type=float, default=600, help="end after this long (default: %(default)s)")
    parser.add_argument("--first", type=int, default=1, help="number of each writer's first row (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
