# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What decides whether a replica can be promoted and no report tells: its set-up, over an open connection."""

from __future__ import annotations

from typing import Any

from .._core.candidate import Facts
from .mysql import Server


def facts_of(server: Server) -> Facts:
    """Three statements, none of which needs the performance schema."""
    row = server.query(
        "SELECT @@global.log_bin AS log_bin, @@global.log_replica_updates AS log_replica_updates,"
        " @@global.gtid_mode AS gtid_mode, @@global.gtid_purged AS gtid_purged"
    )[0]
    channels = server.query("SHOW REPLICA STATUS")
    logs = server.query("SHOW BINARY LOG STATUS")
    return Facts(
        log_bin=bool(row["log_bin"]),
        log_replica_updates=bool(row["log_replica_updates"]),
        gtid_mode=str(row["gtid_mode"]),
        gtid_purged=str(row["gtid_purged"]).replace("\n", ""),
        delay_seconds=max((int(channel["SQL_Delay"] or 0) for channel in channels), default=0),
        filters=(*_given(channels, "Replicate_"), *_given(logs, "Binlog_")),
        applier_error=_stopped(channels, "SQL"),
        receiver_error=_stopped(channels, "IO"),
    )


def semi_synchronous(server: Server) -> bool:
    """Whether its commits wait for a replica's word right now; not where that is off, or was given up meanwhile."""
    return any(row["Value"] == "ON" for row in server.query("SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_source_status'"))


def _stopped(channels: list[dict[str, Any]], thread: str) -> str:
    """The error of the first channel whose thread runs no more and had one."""
    stopped = (str(each[f"Last_{thread}_Error"]) for each in channels if each[f"Replica_{thread}_Running"] == "No")
    return next(filter(None, stopped), "")


def _given(rows: list[dict[str, Any]], prefix: str) -> tuple[str, ...]:
    """The server shows a column for each kind of filter, empty where there is none."""
    found = (f"{name} {text}" for row in rows for name, text in row.items() if name.startswith(prefix) and text)
    return tuple(dict.fromkeys(found))
