# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL, by PyMySQL: one connection, each statement with a deadline, none of those that 8.4 removed."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from .._core.errors import InvalidInput, Unavailable
from .._core.observation import Channel, Reach, ServerState
from .._core.sessions import Session
from . import deps
from .kept import Kept
from .option_file import options_of

with deps.declare("PyMySQL"):
    import pymysql
    import pymysql.cursors

# MySQL Error Message Reference: the numbers with which a living server turns somebody away.
_DUBIOUS_CODES = frozenset(
    {1040, 1042, 1043, 1044, 1045, 1053, 1129, 1130, 1158, 1159, 1160, 1161, 1203, 1226, 1251, 2026}
)
_DUBIOUS_CODES |= frozenset({2049, 2054, 2059, 2061, 3118, 3159, 3955})
# ... and those with which the connection broke: the other end went away.
_LOST_CODES = frozenset({2002, 2003, 2006, 2013, 2055})
_UNKNOWN_THREAD = 1094
# In the process list: threads of the server's own, and what a replica's receiver does.
_SERVERS_OWN = frozenset({"system user", "event_scheduler"})
_DUMPS = frozenset({"Binlog Dump", "Binlog Dump GTID"})
_CONFIGURATIONS = (
    "SELECT * FROM performance_schema.replication_connection_configuration WHERE CHANNEL_NAME = %s",
    "SELECT * FROM performance_schema.replication_applier_configuration WHERE CHANNEL_NAME = %s",
)
_NO_WAY_THERE = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN, errno.ENETUNREACH, errno.ENETDOWN})


@dataclass(frozen=True, slots=True)
class Login:
    """How to get in. Timeouts are in seconds; ``read_timeout`` bounds every statement's answer.

    Without ``ca_cert`` the connection is encrypted when the server offers it, but the server is not authenticated.
    """

    user: str = ""
    password: str = ""
    connect_timeout: float = 2.0
    read_timeout: float = 5.0
    ca_cert: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    check_hostname: bool = False


class MysqlError(Unavailable):
    """``reach`` says what the failure means for the server's being alive; ``code`` is MySQL's, 0 if there is none."""

    def __init__(self, sentence: str, reach: Reach, code: int) -> None:
        super().__init__(sentence)
        self.reach = reach
        self.code = code


def read_option_file(path: str, base: Login | None = None) -> Login:
    """User and password from the ``[client]`` group of a MySQL option file; raise InvalidInput that names it."""
    try:
        options = options_of("client", Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the MySQL option file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InvalidInput(f"the MySQL option file {path} is not an option file; expected a [client] group") from None
    if not {"user", "password"} <= set(options):
        raise InvalidInput(f"the MySQL option file {path} has no user and password in its [client] group")
    return replace(base or Login(), user=options["user"], password=options["password"])


@cache
def _tls(login: Login) -> ssl.SSLContext:
    """One context a login: building one reads the CA bundle, which costs more than the handshake.

    Raises InvalidInput that names our own file at fault: it says nothing about the server.
    """
    for path in filter(None, (login.ca_cert, login.client_cert, login.client_key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise InvalidInput(f"the TLS file {path} cannot be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = bool(login.ca_cert) and login.check_hostname
    context.verify_mode = ssl.CERT_REQUIRED if login.ca_cert else ssl.CERT_NONE
    try:
        if login.ca_cert:
            context.load_verify_locations(login.ca_cert)
        if login.client_cert:
            context.load_cert_chain(login.client_cert, login.client_key)
    except (ssl.SSLError, OSError) as error:
        files = ", ".join(filter(None, (login.ca_cert, login.client_cert, login.client_key)))
        raise InvalidInput(f"{files}: not usable for TLS to MySQL: {error}") from None
    return context


def classify(error: Exception) -> tuple[Reach, int]:
    """What a failed connection or statement says about the server's being alive, and MySQL's error number or 0."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    cause = getattr(error, "original_exception", None) or error.__cause__ or error.__context__ or error
    if code in _DUBIOUS_CODES or isinstance(cause, ssl.SSLError):
        return Reach.DUBIOUS, code
    if isinstance(cause, TimeoutError) or "timed out" in str(error):
        return Reach.TIMED_OUT, code
    if isinstance(cause, (ConnectionError, FileNotFoundError)):
        return Reach.REFUSED, code
    if isinstance(cause, OSError):  # no route is silence; what else fails on our own side says nothing of the server
        return (Reach.TIMED_OUT if cause.errno in _NO_WAY_THERE else Reach.UNKNOWN), code
    if code in _LOST_CODES:
        return Reach.REFUSED, code
    return (Reach.DUBIOUS if code else Reach.UNKNOWN), code


class Server:
    """One open connection to one mysqld. ``address``: host:port, for sentences."""

    def __init__(self, connection: Any, address: str) -> None:
        self._connection = connection
        self.address = address
        self.as_opened = True  # nothing has changed the session's own variables

    def close(self) -> None:
        self._connection.close()

    def query(self, statement: str, arguments: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statement, arguments or None)
                return list(cursor.fetchall())
        except (pymysql.err.MySQLError, OSError) as error:
            reach, code = classify(error)
            raise MysqlError(f"MySQL at {self.address} failed on '{statement}': {_text(error)}", reach, code) from error

    def state(self) -> ServerState:
        """Read the server's own word, in two statements.

        While ``SET GLOBAL super_read_only = ON`` waits for a client's lock, the server shows it as ON already, with
        read_only still OFF, and that client can commit: it holds only where both are shown.
        """
        row = self.query(
            "SELECT @@server_uuid AS server_uuid, @@version AS version, @@global.read_only AS read_only,"
            " @@global.super_read_only AS super_read_only, @@global.gtid_executed AS gtid_executed,"
            " @@global.log_bin_index AS binlog_index"
        )[0]
        return ServerState(
            server_uuid=row["server_uuid"],
            version=row["version"],
            read_only=bool(row["read_only"]),
            super_read_only=bool(row["super_read_only"] and row["read_only"]),
            gtid_executed=row["gtid_executed"].replace("\n", ""),
            binlog_index=row["binlog_index"] or "",
            channels=tuple(_channel(each) for each in self.query("SHOW REPLICA STATUS")),
        )

    def set_super_read_only(self, on: bool) -> None:
        """``on``: waits for commits under way, at most the read timeout. Off clears read_only too."""
        self.query("SET GLOBAL super_read_only = ON" if on else "SET GLOBAL super_read_only = OFF")
        if not on:
            self.query("SET GLOBAL read_only = OFF")

    def admit_appliers(self) -> None:
        """Let accounts with CONNECTION_ADMIN write, and only those: super_read_only off, read_only stays on."""
        self.query("SET GLOBAL super_read_only = OFF")

    def answers(self) -> bool:
        """Whether the connection that was opened a while ago still stands."""
        try:
            self._connection.ping(reconnect=False)
        except (pymysql.err.MySQLError, OSError):
            self.close()
            return False
        return True

    def apply(self, statements: Iterable[bytes]) -> None:
        """Execute what mysqlbinlog printed, statement by statement, in its own character set."""
        self.as_opened = False
        try:
            for statement in statements:
                self._connection.query(statement)
        except (pymysql.err.MySQLError, OSError) as error:
            reach, code = classify(error)
            raise MysqlError(
                f"MySQL at {self.address} failed to apply a salvaged event: {_text(error)}", reach, code
            ) from error

    def identity(self) -> int:
        """Of this connection, in the server's list."""
        return int(self.query("SELECT CONNECTION_ID() AS id")[0]["id"])

    def kill_client_sessions(self, *spared: int) -> int:
        """Disconnect every client but this one, those ``spared`` and the server's own threads; return how many were
        killed."""
        clients = (one for one in self.sessions() if one.user not in _SERVERS_OWN and one.command not in _DUMPS)
        return sum(self.kill(one.id) for one in clients if one.id not in spared)

    def kill(self, session: int) -> bool:
        """Disconnect one; False when it has left by itself."""
        try:
            self.query(f"KILL CONNECTION {int(session)}")
        except MysqlError as error:
            if error.code != _UNKNOWN_THREAD:
                raise
            return False
        return True

    def sessions(self) -> tuple[Session, ...]:
        """Who is connected, without this connection and without what anybody executes."""
        own = self.identity()
        return tuple(
            Session(id=row["Id"], user=row["User"] or "", host=row["Host"] or "", command=row["Command"])
            for row in self.query("SHOW PROCESSLIST")
            if row["Id"] != own
        )

    def commits_awaiting_answer(self) -> int:
        """How many wait for a replica's semi-synchronous answer; 0 where that is not installed."""
        rows = self.query("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_wait_sessions'")
        return sum(int(row["Value"]) for row in rows)

    def set_semi_synchronous(self, on: bool) -> None:
        """As a source. Off lets every commit that waits be acknowledged: kill their sessions first."""
        self.query("SET GLOBAL rpl_semi_sync_source_enabled = %s", ("ON" if on else "OFF",))

    def stop_receivers(self) -> None:
        self.query("STOP REPLICA IO_THREAD")

    def start_appliers(self) -> None:
        self.query("START REPLICA SQL_THREAD")

    def wait_applied(self, gtids: str, seconds: float) -> bool:
        """Until every transaction of ``gtids`` is executed here; False when ``seconds`` are over first.

        ``seconds`` must lie below the read timeout. From 0 down it looks once; the server would wait for ever.
        """
        if seconds <= 0:
            return bool(self.query("SELECT GTID_SUBSET(%s, @@global.gtid_executed) AS applied", (gtids,))[0]["applied"])
        answer = self.query("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s) AS timed_out", (gtids, seconds))
        return bool(answer[0]["timed_out"] == 0)

    def forget_source(self) -> None:
        """Stop replicating and forget every channel. Throws relay logs away: drain first."""
        self.query("STOP REPLICA")
        self.query("RESET REPLICA ALL")

    def stop_receiver(self, channel: str) -> None:
        self.query("STOP REPLICA IO_THREAD FOR CHANNEL %s", (channel,))

    def options_of(self, channel: str) -> dict[str, str]:
        """Every option of ``channel`` but its password, and its filters, by the server's own columns."""
        found: dict[str, Any] = {}
        for of_channel in _CONFIGURATIONS:
            for row in self.query(of_channel, (channel,)):
                found |= row
        filters = self.query(
            "SELECT FILTER_NAME AS name, FILTER_RULE AS rule FROM performance_schema.replication_applier_filters"
            " WHERE CHANNEL_NAME = %s",
            (channel,),
        )
        found |= {row["name"]: row["rule"] for row in filters}
        return {name: str(value) for name, value in found.items()}

    def aim(self, channel: str, host: str, port: int) -> None:
        """Stop ``channel`` and point it at another source; its account, TLS and other options stay as they are.

        The heartbeat has to be said again: the server sets it to its default in every such statement that does not.
        Throws relay logs away: drain first.
        """
        kept = self.query(
            "SELECT HEARTBEAT_INTERVAL AS seconds FROM performance_schema.replication_connection_configuration"
            " WHERE CHANNEL_NAME = %s",
            (channel,),
        )
        heartbeat = f", SOURCE_HEARTBEAT_PERIOD = {float(kept[0]['seconds']):.3f}" if kept else ""
        self.query("STOP REPLICA FOR CHANNEL %s", (channel,))
        self.query(
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_AUTO_POSITION = 1{heartbeat}"
            " FOR CHANNEL %s",
            (host, port, channel),
        )

    def start(self, channel: str) -> None:
        self.query("START REPLICA FOR CHANNEL %s", (channel,))

    def follow(self, channel: str, host: str, port: int) -> None:
        """Point ``channel`` at another source and start it."""
        self.aim(channel, host, port)
        self.start(channel)


def _channel(row: dict[str, Any]) -> Channel:
    lag = row["Seconds_Behind_Source"]
    return Channel(
        name=row["Channel_Name"],
        source_host=row["Source_Host"],
        source_port=int(row["Source_Port"]),
        source_uuid=row["Source_UUID"],
        receiver_running=row["Replica_IO_Running"] == "Yes",
        applier_running=row["Replica_SQL_Running"] == "Yes",
        gtid_retrieved=row["Retrieved_Gtid_Set"].replace("\n", ""),
        lag_seconds=None if lag is None else float(lag),
        error=row["Last_SQL_Error"] or row["Last_IO_Error"],
    )


def _text(error: Exception) -> str:
    return str(error.args[1]) if len(error.args) > 1 else str(error)


def _open(host: str, port: int, login: Login, unix_socket: str | None = None) -> Server:
    deps.require("PyMySQL")
    address = unix_socket or f"{host}:{port}"
    tls = None if unix_socket else _tls(login)
    try:
        connection = pymysql.connect(
            host=host,
            port=port,
            unix_socket=unix_socket,
            user=login.user,
            password=login.password.encode(),  # the driver would take Latin-1
            connect_timeout=login.connect_timeout,
            read_timeout=login.read_timeout,
            write_timeout=login.read_timeout,
            ssl=tls,
            ssl_disabled=tls is None,
            autocommit=True,
            program_name="altair",
            cursorclass=pymysql.cursors.DictCursor,
        )
    except (pymysql.err.MySQLError, OSError) as error:
        reach, code = classify(error)
        raise MysqlError(f"MySQL at {address} does not let us in: {_text(error)}", reach, code) from error
    return Server(connection, address)


@contextmanager
def connect(
    host: str, port: int, login: Login, unix_socket: str | None = None, *, anew: bool = False
) -> Iterator[Server]:
    """Open, hand out, close. Raises MysqlError, whose ``reach`` tells a dead server from one that turns us away.

    Within ``keeping_connections`` one that is open already is handed out, unless it is to be opened ``anew``.
    """
    kept = _Keeping.connections
    if kept is not None and unix_socket is None and not anew:
        with kept.borrow((host, port, login), lambda: _open(host, port, login)) as server:
            yield server
        return
    with closing(_open(host, port, login, unix_socket)) as server:
        yield server


class _Keeping:
    """What ``keeping_connections`` holds for this process; None outside of it."""

    connections: Kept[Server] | None = None


@contextmanager
def keeping_connections() -> Iterator[None]:
    """For the block's length a connection outlives its use, for all threads: for one job, which comes back to the same
    servers step after step. Not to be nested."""
    kept = _Keeping.connections = Kept[Server]()
    try:
        yield
    finally:
        _Keeping.connections = None
        kept.close()


@dataclass(frozen=True, slots=True)
class Probe:
    """One look at a mysqld. ``server`` is there exactly when ``reach`` is REACHED."""

    reach: Reach
    detail: str
    server: ServerState | None = None


def probe(host: str, port: int, login: Login, unix_socket: str | None = None) -> Probe:
    """Connect and read the state; never raises for what the server does."""
    try:
        with connect(host, port, login, unix_socket) as server:
            return Probe(Reach.REACHED, "", server.state())
    except MysqlError as error:
        return Probe(error.reach, str(error))
