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
    lets no commit begin, waits for those under way and for locked tables, so the clients are killed beside it. One
    whose commit waits for a semi-synchronous answer would else be told OK of what no replica has; killed, it is told
    nothing.
    """
    with connect(host, port, login, unix_socket, anew=True) as setter:
        own = setter.identity()
        with connect(host, port, login, unix_socket, anew=True) as killer, ThreadPoolExecutor(1) as beside:
            return _kill_while(killer, beside.submit(setter.set_super_read_only, True), own)


def _kill_while(server: Server, setting: Future[None], setter: int) -> int:
    killed = 0
    while not wait([setting], AGAIN_SECONDS).done:
        killed += server.kill_client_sessions(setter)
    setting.result()
    return killed + server.kill_client_sessions(setter)
