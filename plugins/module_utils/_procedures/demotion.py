# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The old primary of a switchover becomes a replica of the new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._adapters.mysql import Login, MysqlError, Server, connect
from .._adapters.mysql_channel import introduce
from .._adapters.mysql_transactions import kill_all, open_transactions
from .._core.channel_account import ChannelAccount
from .._core.cluster import Node
from .._core.gtid import GtidSet
from .follow import Followed, await_following, follows, see


@dataclass(frozen=True, kw_only=True, slots=True)
class Demotion:
    """``node`` is to follow ``primary``, whose server is ``uuid``, over a channel like the one that is ``shown``.
    ``account``: for replication; None where nobody gave one. ``seconds``: to connect."""

    node: Node
    primary: Node
    uuid: str
    shown: Mapping[str, str]
    login: Login
    account: ChannelAccount | None
    seconds: float

    @property
    def channel(self) -> str:
        return self.shown.get("CHANNEL_NAME", "")


def _left(errand: Demotion, why: str, *, changed: bool = False) -> Followed:
    sentence = f"{errand.node.name} follows nobody: {why}; rejoin it"
    return Followed(following=False, changed=changed, sentence=sentence, needs_person=True)


def _demote(server: Server, errand: Demotion, account: ChannelAccount) -> Followed:
    node, primary = errand.node.name, errand.primary
    state = server.state()
    if follows(state, errand.channel, errand.uuid) and state.super_read_only:
        return Followed(following=True, changed=False, sentence=f"{node} follows {primary.name} already")
    if not state.super_read_only:  # it may have been started anew, with a configuration that lets it boot writable
        server.set_super_read_only(True)
        state = server.state()
    extra = GtidSet.parse(state.gtid_executed) - GtidSet.parse(see(primary, errand.login).gtid_executed)
    if extra:
        why = f"it has {len(extra)} transactions that {primary.name} lacks ({extra})"
        return _left(errand, why, changed=True)
    kill_all(server, open_transactions(server))  # they cannot commit, and hold what is to be applied here
    if any(each.name == errand.channel for each in state.channels):
        server.query("STOP REPLICA FOR CHANNEL %s", (errand.channel,))
    introduce(server, errand.channel, primary.address, primary.port, account.like(errand.shown))
    server.start(errand.channel)
    fault = await_following(server, errand.channel, errand.uuid, errand.seconds, lambda: see(primary, errand.login))
    if fault:
        return _left(errand, f"it was pointed at {primary.name}, and {fault}", changed=True)
    return Followed(following=True, changed=True, sentence=f"{node} follows {primary.name} and is super_read_only")


def demote(errand: Demotion) -> Followed:
    """What stands in the way is said and keeps nobody from writing: the new primary is there."""
    if errand.account is None:
        return _left(errand, "no account for replication was given (replication_config_file)")
    try:
        with connect(errand.node.address, errand.node.port, errand.login) as server:
            return _demote(server, errand, errand.account)
    except MysqlError as error:
        return _left(errand, str(error))
