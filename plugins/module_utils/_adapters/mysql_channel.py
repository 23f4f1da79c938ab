# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replication channel that is made anew, and the file that its account stands in."""

from __future__ import annotations

from pathlib import Path

from .._core.channel_account import ChannelAccount, channel_account
from .._core.errors import InvalidInput
from .mysql import Server
from .option_file import options_of


def read_channel_account(path: str) -> ChannelAccount:
    """User, password and TLS from the ``[client]`` group of a MySQL option file; raise InvalidInput that names it."""
    try:
        found = options_of("client", Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the replication account's file {path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InvalidInput(f"the replication account's file {path} is not an option file; it needs [client]") from None
    return channel_account(found, path)


def forget_channel(server: Server, channel: str) -> None:
    """Throws its relay log away: only what the primary can send again may be lost by that."""
    server.query("STOP REPLICA FOR CHANNEL %s", (channel,))
    server.query("RESET REPLICA ALL FOR CHANNEL %s", (channel,))


def introduce(server: Server, channel: str, host: str, port: int, account: ChannelAccount) -> None:
    """Make a channel that does not run yet. Host, port and password go as values, never as text of the statement."""
    names = "".join(f", {name} = %s" for name in account.options)
    server.query(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = %s, SOURCE_PORT = %s, SOURCE_USER = %s, SOURCE_PASSWORD = %s,"
        f" SOURCE_AUTO_POSITION = 1{names} FOR CHANNEL %s",
        (host, port, account.user, account.password, *account.options.values(), channel),
    )
