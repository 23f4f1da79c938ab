# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing one replica at the primary: only with all that it received applied, nothing that the primary lacks, and the
same options before and after."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from .._adapters.mysql import Login, MysqlError, Server, connect
from .._core.channel_options import changed_options, moves_by_itself, tls_changes
from .._core.cluster import Node
from .._core.gtid import GtidSet
from .._core.observation import Channel, ServerState

LOOK_SECONDS = 0.02
LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """What came of one replica. ``again``: it may come right by itself. ``needs_person``: it will not.

    ``changed_options``: what of its channel differs although nobody asked for it, in words by name.
    ``moves_by_itself``: the server may choose another source without being told.
    """

    following: bool
    changed: bool
    sentence: str
    again: bool = False
    needs_person: bool = False
    changed_options: Mapping[str, str] = field(default_factory=dict)
    moves_by_itself: bool = False

    @property
    def tls_lost(self) -> bool:
        return bool(tls_changes(self.changed_options))


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """What is done to one replica. ``source_uuid``: whom ``channel`` has to receive from in the end.

    ``seconds``: for draining, and again for connecting. ``cluster_uuids``: the servers of the cluster. ``still_ours``:
    raises where another has taken over. ``resume``: catching up has stopped all its receivers. ``own_may_differ``: it
    is moved although transactions that began on itself are lacking at the primary, as they were at the one before.
    """

    node: Node
    channel: str
    primary: Node
    source_uuid: str
    cluster_uuids: Collection[str]
    login: Login
    seconds: float
    still_ours: Callable[[], object]
    resume: bool = False
    own_may_differ: bool = False


def _channel(state: ServerState, name: str) -> Channel | None:
    return next((each for each in state.channels if each.name == name), None)


def follows(state: ServerState, channel: str, uuid: str) -> bool:
    found = _channel(state, channel)
    return bool(found and found.receiver_running and found.applier_running and found.source_uuid == uuid)


def see(node: Node, login: Login) -> ServerState:
    """Raises MysqlError where it does not answer."""
    with connect(node.address, node.port, login, anew=True) as server:
        return server.state()


def await_following(
    server: Server, channel: str, uuid: str, seconds: float, look: Callable[[], object] = lambda: None
) -> str:
    """Empty when the replica receives from whom it should in time; else what stands in its way.

    ``look``: at the source, each second; what it raises ends the wait, so that nobody waits for one that has died.
    """
    deadline, looked = time.monotonic() + seconds, time.monotonic()
    while True:
        state = server.state()
        if follows(state, channel, uuid):
            return ""
        if time.monotonic() > deadline:
            found = _channel(state, channel)
            return (found.error if found else "") or "it does not connect"
        if time.monotonic() - looked > LOOK_AGAIN_SECONDS:
            look()
            looked = time.monotonic()
        time.sleep(LOOK_SECONDS)


def _left(state: ServerState, channel: str) -> GtidSet:
    """What was received on ``channel`` and is not executed."""
    found = _channel(state, channel)
    return (GtidSet.parse(found.gtid_retrieved) if found else GtidSet()) - GtidSet.parse(state.gtid_executed)


def _lacking(errand: Errand, state: ServerState) -> GtidSet:
    """What the replica has, or will have applied, and the primary does not; the primary, which goes on, is asked last.

    Of a replica that has other sources beside the cluster only what began in the cluster counts.
    """
    held = GtidSet.parse(state.gtid_executed) | _left(state, errand.channel)
    if len(state.channels) > 1:
        held = held.of(errand.cluster_uuids)
    with connect(errand.primary.address, errand.primary.port, errand.login) as server:
        return held - GtidSet.parse(server.state().gtid_executed)


def _diverged(errand: Errand, extra: GtidSet, *, changed: bool) -> Followed:
    sentence = (
        f"{errand.node.name} has {len(extra)} transactions that {errand.primary.name} lacks ({extra});"
        " it is not pointed there and has to be rebuilt"
    )
    return Followed(following=False, changed=changed, sentence=sentence, needs_person=True)


def _drain(server: Server, errand: Errand) -> ServerState:
    """Receive nothing more and let the applier end, if it runs, for so long; returns what the server says then."""
    server.stop_receiver(errand.channel)
    deadline = time.monotonic() + errand.seconds
    while True:
        state = server.state()
        left, channel = _left(state, errand.channel), _channel(state, errand.channel)
        seconds = min(errand.login.read_timeout / 2, deadline - time.monotonic())
        if not left or seconds <= 0 or channel is None or not channel.applier_running:
            return state
        server.wait_applied(str(left), seconds)


def _resume(server: Server, state: ServerState, *but: str) -> bool:
    """Start the channels that receive nothing; whether there were any."""
    stopped = [each.name for each in state.channels if not each.receiver_running and each.name not in but]
    for name in stopped:
        server.start(name)
    return bool(stopped)


def _aim(server: Server, errand: Errand) -> Followed:
    """Point it at the primary and start it, unless its TLS options were lost on the way."""
    name, primary = errand.node.name, errand.primary
    before = server.options_of(errand.channel)
    errand.still_ours()
    server.aim(errand.channel, primary.address, primary.port)
    after = server.options_of(errand.channel)
    changed, by_itself = changed_options(before, after), moves_by_itself(after)
    notes = "".join(f"; {option} {what}" for option, what in changed.items())
    if by_itself:
        notes += "; its asynchronous connection failover is on, so it may leave that source by itself"
    if tls_changes(changed):
        sentence = f"{name} was pointed at {primary.name}, and is left stopped because its TLS options changed{notes}"
        return Followed(following=False, changed=True, sentence=sentence, needs_person=True, changed_options=changed)
    server.start(errand.channel)
    fault = await_following(
        server, errand.channel, errand.source_uuid, errand.seconds, lambda: see(primary, errand.login)
    )
    came = f"was pointed at {primary.name} and does not follow: {fault}" if fault else f"follows {primary.name}"
    return Followed(
        following=not fault,
        changed=True,
        sentence=f"{name} {came}{notes}",
        again=bool(fault),
        changed_options=changed,
        moves_by_itself=by_itself,
    )


def _own(errand: Errand, state: ServerState, extra: GtidSet) -> GtidSet:
    """What of ``extra`` is no reason to leave the replica where it is."""
    return extra.of({state.server_uuid}) if errand.own_may_differ else GtidSet()


def _move(server: Server, errand: Errand) -> Followed:
    before = server.state()
    if errand.resume:
        _resume(server, before, errand.channel)
    extra = _lacking(errand, before)
    if extra - _own(errand, before, extra):
        return _diverged(errand, extra, changed=False)
    errand.still_ours()
    drained = _drain(server, errand)
    left = _left(drained, errand.channel)
    if left:
        sentence = f"{errand.node.name} is left behind: it has {len(left)} received transactions to apply first"
        return Followed(following=False, changed=True, sentence=sentence, again=True)
    extra = _lacking(errand, drained)
    own = _own(errand, drained, extra)
    if extra - own:
        return _diverged(errand, extra, changed=True)
    aimed = _aim(server, errand)
    if not own:
        return aimed
    sentence = f"{aimed.sentence}; it has {len(own)} transactions of its own that {errand.primary.name} lacks ({own})"
    return replace(aimed, sentence=sentence)


def _at(errand: Errand, act: Callable[[Server, Errand], Followed]) -> Followed:
    """What stands in the way is said, and keeps nobody else; only ``still_ours`` raises."""
    changed = False
    try:
        with connect(errand.node.address, errand.node.port, errand.login) as server:
            changed = True  # nobody knows how far a statement came that failed
            return act(server, errand)
    except MysqlError as error:
        sentence = f"{errand.node.name} is left behind: {error}"
        return Followed(following=False, changed=changed, sentence=sentence, again=True)


def follow_primary(errand: Errand) -> Followed:
    """Let the replica's channel follow the primary."""
    return _at(errand, _move)


def stay(errand: Errand, source: str) -> Followed:
    """Let the replica go on with the ``source`` that it has, and see that it does."""

    def act(server: Server, errand: Errand) -> Followed:
        changed = errand.resume and _resume(server, server.state())
        fault = await_following(server, errand.channel, errand.source_uuid, errand.seconds)
        came = f"does not follow {source}: {fault}" if fault else f"goes on following {source}"
        return Followed(following=not fault, changed=changed, sentence=f"{errand.node.name} {came}")

    return _at(errand, act)
