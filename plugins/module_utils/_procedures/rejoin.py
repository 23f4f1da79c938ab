# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node that comes back: compared with the primary by GTID sets, then admitted, quarantined, or to be rebuilt."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from .._adapters.agent import TlsFiles
from .._adapters.mysql import Login, connect, probe
from .._adapters.mysql_channel import forget_channel, introduce
from .._adapters.mysql_clone import copy_of
from .._adapters.mysql_facts import facts_of
from .._adapters.zookeeper import Store
from .._core.candidate import received
from .._core.channel_account import ChannelAccount
from .._core.cluster import Node
from .._core.errors import InvalidInput, PostconditionFailed, Refused, Unavailable
from .._core.gtid import GtidSet
from .._core.observation import Reach
from .._core.rejoin import Course, Decision, Returned, decide
from .._core.returned import Stage
from .._core.topology import Move
from .follow import Errand, Followed, follow_primary, follows
from .jobs import Record, read_record
from .repair import check_ours
from .returned import errant_of, forget, half_copied, note, stage_of
from .survey import Survey, survey

LOOK_SECONDS = 0.5
NOT_ASKED = "nobody has asked it yet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a person asked for. ``wait_seconds``: how long the node may take to answer at all. ``seconds``: to apply
    what it has left, and again to connect. ``account``: for a channel that has to be made; with ``renew`` one that is
    there is made anew by it. ``account_seconds``: how long its agent may read its binary logs. ``folder``: for rows."""

    node: str
    by: str
    now_at: float
    wait_seconds: float = 0.0
    seconds: float = 15.0
    account: ChannelAccount | None = None
    renew: bool = False
    agents: TlsFiles | None = None
    account_seconds: float = 30.0
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The node, and the cluster's record by which it is judged."""

    store: Store
    record: Record
    node: Node
    login: Login

    @property
    def cluster(self) -> str:
        return self.record.spec.cluster

    @property
    def epoch(self) -> int:
        return self.record.state.value.epoch

    @property
    def primary(self) -> Node:
        return self.record.spec.node(self.record.state.value.primary)

    def check_ours(self, what: str) -> None:
        check_ours(self.store, self.record, what)


@dataclass(frozen=True, slots=True)
class Found:
    """``survey``: None where nobody had to be asked."""

    one: Returned
    decision: Decision
    survey: Survey | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejoined:
    """``admitted``: it is a replica now. ``file``: of the rows that only it has, or why there is none."""

    course: Course
    sentence: str
    changed: bool = False
    admitted: bool = False
    one: Returned
    file: str = ""


def await_answer(node: Node, login: Login, seconds: float) -> str:
    """Empty once the node's mysqld lets us in; else why it does not."""
    deadline = time.monotonic() + seconds
    while True:
        seen = probe(node.address, node.port, login)
        if seen.reach is Reach.REACHED or time.monotonic() >= deadline:
            return seen.detail
        time.sleep(LOOK_SECONDS)


def _check_primary(found: Survey, primary: str) -> None:
    if primary not in found.states:
        raise Unavailable(f"the primary {primary} does not answer: {found.unreached[primary]}")
    if not found.states[primary].writable:
        raise Refused(f"{primary} is primary by the record and read-only; nobody is compared with it or pointed at it")


def replicates(found: Survey, name: str) -> bool:
    """Whether it receives and applies, from a source that leads to the primary."""
    channel = found.channels.get(name)
    if channel is None or found.decisions[name].move is not Move.STAY:
        return False
    return follows(found.states[name], channel.name, found.source_uuid(name))


def look(place: Place, wait_seconds: float = 0.0) -> Found:
    """Ask the node, then the primary, and decide. Raises Unavailable when the primary does not answer."""
    node, primary, login = place.node, place.primary, place.login
    job = place.record.job.value if place.record.job else None
    open_job = job.id if job and not job.state.ended else ""
    one = Returned(node=node.name, primary=primary.name, job=open_job, unreached=NOT_ASKED)
    decision = decide(one)
    if decision.course is not Course.UNREACHABLE:
        return Found(one, decision)
    if wait_seconds:
        await_answer(node, login, wait_seconds)
    former = job.old_primary if job else None
    found = survey(place.store, place.record.spec, login, primary=primary.name, former=former)
    _check_primary(found, primary.name)
    if node.name not in found.states:
        one = replace(one, unreached=found.unreached[node.name])
        return Found(one, decide(one), found)
    one = _compared(place, found)
    return Found(one, decide(one), found)


def _compared(place: Place, found: Survey) -> Returned:
    node, primary, login = place.node, place.primary, place.login
    state = found.states[node.name]
    with connect(node.address, node.port, login) as server:
        facts, copy = facts_of(server), copy_of(server)
    with connect(primary.address, primary.port, login) as server:
        has, purged = GtidSet.parse(server.state().gtid_executed), GtidSet.parse(facts_of(server).gtid_purged)
    held = GtidSet.parse(state.gtid_executed) | received(state)
    if len(state.channels) > 1:  # what comes from elsewhere is not the cluster's
        held = held.of(found.uuids)
    twins = (name for name, each in found.states.items() if each.server_uuid == state.server_uuid and name != node.name)
    return Returned(
        node=node.name,
        primary=primary.name,
        twin=next(twins, ""),
        gtid_mode=facts.gtid_mode,
        writable=state.writable,
        unfinished_copy=half_copied(place.store, place.cluster, node.name, copy),
        held=held,
        follows=replicates(found, node.name),
        has=has,
        purged=purged,
    )


def rejoin(store: Store, cluster: str, wish: Wish, login: Login, *, check: bool = False) -> Rejoined:
    """Blocking. ``check``: only say what would be done."""
    record = read_record(store, cluster)
    node = record.spec.node(wish.node)
    place = Place(store, record, node, login)
    found = look(place, wish.wait_seconds)
    one, decision = found.one, found.decision
    plain = Rejoined(course=decision.course, sentence=f"{node.name}: {decision.because}", one=one)
    if decision.course.refused or decision.course is Course.REBUILD:
        return plain
    if decision.course is Course.QUARANTINE:
        return _quarantine(place, wish, plain, check=check)
    if decision.course is Course.REPLICA and not (wish.renew and wish.account):
        known = stage_of(store, cluster, node.name) is not None
        changed = known if check else forget(store, cluster, node.name)
        return replace(plain, admitted=True, changed=changed)
    return _admit(place, wish, found, plain, check=check)


def _quarantine(place: Place, wish: Wish, plain: Rejoined, *, check: bool) -> Rejoined:
    """It is left as it is: super_read_only, and compared again whenever somebody asks."""
    if check:
        return replace(plain, changed=True, sentence=f"{plain.sentence}; it would be put into quarantine")
    errant = errant_of(
        wish.agents,
        place.cluster,
        place.node,
        plain.one,
        epoch=place.epoch,
        seconds=wish.account_seconds,
        now_at=wish.now_at,
    )
    entry = errant.noted(place.node.name, Stage.QUARANTINED, plain.sentence, wish.by, wish.now_at)
    changed = note(place.store, place.cluster, entry)
    file = errant.keep(wish.folder)
    return replace(plain, changed=changed, file=file, sentence=f"{plain.sentence}; it is in quarantine")


def keep_read_only(place: Place, what: str) -> None:
    """See that it is super_read_only, unless somebody has promoted it since it was looked at."""
    node = place.node
    with connect(node.address, node.port, place.login) as server:
        state = server.state()
        place.check_ours(what)
        if state.writable:
            raise Refused(f"{node.name} takes writes now; find out who made it so, and run this again")
        if not state.super_read_only:
            server.set_super_read_only(True)


def _free_name(taken: set[str]) -> str:
    """Of the channel that is made: the default one, unless it comes from elsewhere."""
    return "" if "" not in taken else "altair"


def _channel(place: Place, wish: Wish, found: Survey) -> str:
    """The channel that is to lead to the primary, made if there is none, or anew."""
    node, primary = place.node, place.primary
    ours = found.channels.get(node.name)
    if ours is not None and (wish.account is None or not wish.renew):
        return ours.name
    if wish.account is None:
        raise InvalidInput(
            f"{node.name} has no replication channel from a node of the cluster; give the account it is to receive by"
            " in replication_config_file (altair_replication_credentials_file)"
        )
    taken = {each.name for each in found.states[node.name].channels}
    name = ours.name if ours is not None else _free_name(taken)
    with connect(node.address, node.port, place.login) as server:
        place.check_ours("rejoin")
        if ours is not None:
            _check_can_be_sent_again(server.state().gtid_executed, primary, place.login)
            forget_channel(server, name)
        introduce(server, name, primary.address, primary.port, wish.account)
    return name


def _check_can_be_sent_again(executed: str, primary: Node, login: Login) -> None:
    """What a relay log holds that is thrown away."""
    with connect(primary.address, primary.port, login) as server:
        gone = GtidSet.parse(facts_of(server).gtid_purged) - GtidSet.parse(executed)
    if gone:
        raise Refused(
            f"{primary.name} cannot send {len(gone)} transactions again that are received and not applied; let the"
            " applier end first"
        )


def _admit(place: Place, wish: Wish, found: Found, plain: Rejoined, *, check: bool) -> Rejoined:
    node, primary, seen = place.node, place.primary, found.survey
    if seen is None:
        raise PostconditionFailed(f"{node.name} was not asked and cannot be admitted")
    if check:
        return replace(plain, changed=True, sentence=f"{plain.sentence}; {node.name} would follow {primary.name}")
    keep_read_only(place, "rejoin")
    errand = Errand(
        node=node,
        channel=_channel(place, wish, seen),
        primary=primary,
        source_uuid=seen.states[primary.name].server_uuid,
        cluster_uuids=seen.uuids,
        login=place.login,
        seconds=wish.seconds,
        still_ours=lambda: place.check_ours("rejoin"),
    )
    done: Followed = follow_primary(errand)
    if not done.following:
        raise PostconditionFailed(f"{done.sentence}; mend it and run this again")
    forget(place.store, place.cluster, node.name)
    return replace(plain, changed=True, admitted=True, sentence=f"{plain.sentence}; {done.sentence}")
