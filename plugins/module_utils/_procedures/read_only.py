# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a server out of its clients' hands: super_read_only, and nobody left who could hold it up or write."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait

from .._adapters.mysql import Login, Server, connect

AGAIN_SECONDS = 0.1  # between two rounds of killing the clients that hold the server up


def make_read_only(host: str, port: int, login: Login, unix_socket: str | None = None) -> int:
    """Blocking, for the read timeout at most; how many sessions were killed. Raises MysqlError.

    Read-only first: a session that is killed first could come back and write. But ``SET GLOBAL super_read_only``, which
    lets no commit begin, waits for those under way and for locked tables, so the clients are killed beside it.

    A commit that waits for a semi-synchronous answer waits on although its client is killed. Only then semi-synchronous
    replication is turned off, which ends the wait: before, it would tell the client OK of what no replica has. As the
    server takes no more commits, it is turned on again at once.
    """
    with connect(host, port, login, unix_socket, anew=True) as setter:
        own = setter.identity()
        with connect(host, port, login, unix_socket, anew=True) as killer, ThreadPoolExecutor(1) as beside:
            return _kill_while(killer, beside.submit(setter.set_super_read_only, True), own)


def _kill_while(server: Server, setting: Future[None], setter: int) -> int:
    killed, released = 0, False
    while not wait([setting], AGAIN_SECONDS).done:
        before, killed = killed, killed + server.kill_client_sessions(setter)
        if before and not released and server.commits_awaiting_answer():
            server.set_semi_synchronous(False)  # who waits now has been killed a round ago: no commit began since
            released = True
    setting.result()
    if released:
        server.set_semi_synchronous(True)
    return killed + server.kill_client_sessions(setter)
