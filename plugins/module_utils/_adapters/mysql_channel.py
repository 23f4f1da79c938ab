# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel for a server that has none, over an open connection."""

from __future__ import annotations

from collections.abc import Mapping

from .._core.channel_terms import Value
from .mysql import Login, Server


def begin_following(
    server: Server, channel: str, place: tuple[str, int], account: Login, terms: Mapping[str, Value]
) -> None:
    """Make ``channel`` from ``place``, host and port, as ``terms`` say, and start it. One of its name must be
    stopped."""
    given: dict[str, Value] = {
        "SOURCE_HOST": place[0],
        "SOURCE_PORT": place[1],
        "SOURCE_USER": account.user,
        "SOURCE_PASSWORD": account.password,
        "SOURCE_AUTO_POSITION": 1,
        **terms,
    }
    options = ", ".join(f"{name} = %s" for name in given)
    server.query(f"CHANGE REPLICATION SOURCE TO {options} FOR CHANNEL %s", (*given.values(), channel))
    server.start(channel)
