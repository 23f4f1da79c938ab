# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MySQL's clone plugin, over an open connection. Its variables count on the recipient only."""

from __future__ import annotations

from contextlib import suppress

from .._core.clone import Copy, CopyStage
from .._core.rebuild import Bounds
from .mysql import Login, MysqlError, Server

PLUGIN = "clone"
_NO_SUCH_TABLE = 1146  # the plugin brings the tables with it
THREADS_MAX = 16  # the server's own default, where it may try how many are worth it


def copy_of(server: Server) -> Copy:
    """The last one into this server, as it is now."""
    try:
        status = server.query(
            "SELECT PID, STATE, BEGIN_TIME, SOURCE, ERROR_MESSAGE FROM performance_schema.clone_status"
        )
        stages = server.query("SELECT STAGE, STATE, ESTIMATE, DATA, DATA_SPEED FROM performance_schema.clone_progress")
    except MysqlError as error:
        if error.code != _NO_SUCH_TABLE:
            raise
        return Copy()
    if not status:
        return Copy()
    row = status[0]
    return Copy(
        state=row["STATE"] or "",
        begun=str(row["BEGIN_TIME"] or ""),
        session=int(row["PID"] or 0),
        source=row["SOURCE"] or "",
        error=row["ERROR_MESSAGE"] or "",
        stages=tuple(
            CopyStage(
                name=each["STAGE"] or "",
                state=each["STATE"] or "",
                estimate=int(each["ESTIMATE"] or 0),
                done=int(each["DATA"] or 0),
                speed=int(each["DATA_SPEED"] or 0),
            )
            for each in stages
        ),
    )


def has_plugin(server: Server) -> bool:
    rows = server.query(
        "SELECT PLUGIN_STATUS AS status FROM information_schema.PLUGINS WHERE PLUGIN_NAME = %s", (PLUGIN,)
    )
    return any(row["status"] == "ACTIVE" for row in rows)


def install_plugin(server: Server) -> None:
    """Refused by a server that is super_read_only, and without INSERT on mysql.plugin. Not replicated."""
    server.query("INSTALL PLUGIN clone SONAME 'mysql_clone.so'")


def data_bytes(server: Server) -> int:
    """What a copy of this server would transfer, about."""
    rows = server.query("SELECT SUM(FILE_SIZE) AS bytes FROM information_schema.INNODB_TABLESPACES")
    return int(rows[0]["bytes"] or 0)


def uptime_seconds(server: Server) -> int:
    return int(server.query("SHOW GLOBAL STATUS LIKE 'Uptime'")[0]["Value"])


def allow_donor(server: Server, host: str, port: int, bounds: Bounds) -> None:
    """On the recipient; all of it is forgotten at its next start."""
    server.query("SET GLOBAL clone_valid_donor_list = %s", (f"{host}:{port}",))
    server.query("SET GLOBAL clone_max_data_bandwidth = %s", (bounds.data_mib,))
    server.query("SET GLOBAL clone_max_network_bandwidth = %s", (bounds.network_mib,))
    server.query("SET GLOBAL clone_autotune_concurrency = %s", ("OFF" if bounds.threads else "ON",))
    server.query("SET GLOBAL clone_max_concurrency = %s", (bounds.threads or THREADS_MAX,))


def clone_from(server: Server, host: str, port: int, login: Login, *, encrypted: bool) -> None:
    """Until all is copied, so the connection's read timeout has to last as long. Removes what the server has.

    Raises MysqlError, whose code says how it ended; see clone.py. The server keeps the password out of its logs.
    """
    ending = " REQUIRE SSL" if encrypted else ""
    server.query(f"CLONE INSTANCE FROM %s@%s:{int(port)} IDENTIFIED BY %s{ending}", (login.user, host, login.password))


def end_copy(server: Server, session: int) -> None:
    """From another connection; nothing happens where it has ended by itself."""
    with suppress(MysqlError):
        server.query(f"KILL QUERY {int(session)}")
