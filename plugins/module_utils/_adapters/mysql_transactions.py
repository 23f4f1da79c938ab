# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a server up on its way to read-only, over an open connection; and the way itself, bounded by the server."""

from __future__ import annotations

from collections.abc import Iterable

from .._core.quiescence import Holder
from .mysql import MysqlError, Server

_LOST_A_LOCK = frozenset({1205, 1213})  # it took too long, or was the victim of a deadlock
_LOCK_SECONDS = 1  # the smallest that the server knows; each of the four locks of the statement may take so long
_SERVERS_OWN = frozenset({"system user", "event_scheduler"})
# Both times are in the server's own zone. Who has neither changed nor locked a row only reads.
_OPEN = (
    "SELECT trx_mysql_thread_id AS id, trx_id AS trx, trx_rows_modified AS changed,"
    " TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', 'SYSTEM')) AS seconds"
    " FROM information_schema.INNODB_TRX"
    " WHERE trx_mysql_thread_id > 0 AND (trx_rows_modified > 0 OR trx_rows_locked > 0)"
)
# What the server takes itself to become read-only is SHARED; who writes, or has locked tables, holds another kind.
_LOCKING = (
    "SELECT DISTINCT who.PROCESSLIST_ID AS id FROM performance_schema.metadata_locks AS held"
    " JOIN performance_schema.threads AS who ON who.THREAD_ID = held.OWNER_THREAD_ID"
    " WHERE held.OBJECT_TYPE IN ('GLOBAL', 'COMMIT') AND held.LOCK_STATUS = 'GRANTED' AND held.LOCK_TYPE <> 'SHARED'"
    " AND who.PROCESSLIST_ID IS NOT NULL"
)


def open_transactions(server: Server) -> tuple[Holder, ...]:
    """Those of clients that have changed or locked rows and not ended."""
    rows = server.query(_OPEN)
    clients = {one.id: one.account for one in server.sessions() if one.user not in _SERVERS_OWN}
    return tuple(
        Holder(
            session=int(row["id"]),
            transaction=str(row["trx"]),
            account=clients[int(row["id"])],
            seconds=max(0, int(row["seconds"] or 0)),
            rows=int(row["changed"]),
        )
        for row in rows
        if int(row["id"]) in clients
    )


def lock_holders(server: Server) -> tuple[Holder, ...]:
    """Whom the server waits for; to be asked while it does: then nobody else begins to write."""
    transactions = {one.session: one for one in open_transactions(server)}
    clients = {one.id: one.account for one in server.sessions() if one.user not in _SERVERS_OWN}
    found = [int(row["id"]) for row in server.query(_LOCKING)]
    return tuple(
        transactions.get(session, Holder(session=session, account=clients[session]))
        for session in found
        if session in clients
    )


def try_super_read_only(server: Server) -> bool:
    """False when somebody's lock held the server up for longer than a moment; then it is as writable as it was.

    The server itself ends the wait: a statement that only we gave up would go on waiting, and all writers behind it.
    It sets read_only first and then super_read_only, so what ended in the middle is taken back.
    """
    server.as_opened = False
    server.query(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
    try:
        server.set_super_read_only(True)
    except MysqlError as error:
        if error.code not in _LOST_A_LOCK:
            raise
        server.set_super_read_only(False)
        return False
    return True


def kill_all(server: Server, holders: Iterable[Holder]) -> int:
    """How many of the sessions were there to be killed."""
    return sum(server.kill(one.session) for one in holders)
