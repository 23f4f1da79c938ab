# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node is given a healthy node's data in place of its own: by CLONE, from the best donor, until it is there."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from .._adapters.agent import TlsFiles
from .._adapters.mysql import MysqlError, connect
from .._adapters.mysql_clone import copy_of, data_bytes, has_plugin
from .._adapters.mysql_facts import facts_of
from .._adapters.zookeeper import Store
from .._core.clone import IN_PROGRESS, MIB, Copy
from .._core.cluster import Node
from .._core.errors import InvalidInput, PostconditionFailed, Refused
from .._core.gtid import GtidSet, shortened
from .._core.rebuild import Donor, Donors, Recipient, choose_donors, refusal_of, version_of
from .._core.rejoin import Course
from .._core.returned import ReturnedNode, Stage
from .copying import Attempt, Copying, attempt
from .jobs import read_record
from .parallel import for_each_node
from .permit import maintenance_plan
from .rejoin import Found, Place, await_answer, keep_read_only, look, replicates
from .returned import errant_of, must_be_writable, note, on_record, stage_of
from .survey import Survey

_UNFIT = frozenset({Course.SAME_IDENTITY, Course.NO_GTIDS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What a person asked for. ``confirm``: the node's name once more. ``donor``: only this one. ``retries``: how many
    attempts after the first. ``agents``, ``account_seconds``, ``folder``: for what only the node has, and loses."""

    node: str
    confirm: str
    by: str
    now_at: float
    copying: Copying
    donor: str | None = None
    retries: int = 3
    retry_seconds: float = 10.0
    agents: TlsFiles | None = None
    account_seconds: float = 30.0
    folder: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebuilt:
    """``destroyed``: GTIDs of what only the node had. ``attempts``: each in a sentence. ``file``: of their rows, or why
    there is none. ``last``: the copy as it was last seen."""

    sentence: str
    address: str
    donor: str
    donors: Donors
    bytes: int
    destroyed: str = ""
    file: str = ""
    attempts: tuple[str, ...] = ()
    needs_start: bool = False
    last: Copy = field(default_factory=Copy)


def _recipient(place: Place, order: Order, found: Found) -> Recipient:
    node, one, seen = place.node, found.one, found.survey
    copying, followers = 0, tuple[str, ...]()
    if seen is not None and not one.unreached:
        followers = tuple(sorted(name for name, source in seen.sources.items() if source == node.name))
        copying = _copying(place)
    return Recipient(
        node=node.name,
        primary=place.primary.name,
        confirm=order.confirm,
        job=one.job,
        unreached=one.unreached if seen is not None else "",
        writable=one.writable,
        followers=followers,
        copying=copying,
        unfit=found.decision.because if found.decision.course in _UNFIT else "",
    )


def _copying(place: Place) -> int:
    """The session of a CLONE that lives; what a dead one has left behind does not count."""
    with connect(place.node.address, place.node.port, place.login) as server:
        copy = copy_of(server)
        if copy.state != IN_PROGRESS:
            return 0
        return copy.session if copy.session in {each.id for each in server.sessions()} else 0


def _donors(place: Place, order: Order, found: Found, seen: Survey) -> list[Donor]:
    store, spec, node, primary = place.store, place.record.spec, place.node, place.primary.name
    plan = maintenance_plan(store, spec.cluster)
    mine = version_of(seen.states[node.name].version)

    def facts(other: Node) -> Donor:
        blank = Donor(
            name=other.name,
            address=other.address,
            recipient=node.name,
            primary=primary,
            recipient_version=mine,
            has=found.one.has,
            purged=found.one.purged,
            in_maintenance=bool(plan.of_node(other.name, order.now_at)),
        )
        if other.name not in seen.states:
            return replace(blank, unreached=seen.unreached[other.name])
        try:
            with connect(other.address, other.port, place.login) as server:
                filters, plugin = facts_of(server).filters, has_plugin(server)
        except MysqlError as error:
            return replace(blank, unreached=str(error))
        state = seen.states[other.name]
        return replace(
            blank,
            follows=other.name == primary or replicates(seen, other.name),
            filters=filters,
            plugin=plugin,
            version=version_of(state.version),
            executed=GtidSet.parse(state.gtid_executed),
        )

    return [
        replace(each, on_its_way=stage_of(store, spec.cluster, each.name) is not None)
        for each in for_each_node(spec.others(node.name), facts).values()
    ]


def _chosen(order: Order, node: Node, donors: Donors) -> Donors:
    """Only the one that was asked for, if one was; Refused when nobody can give."""
    ranking = donors.ranking
    if order.donor is not None:
        if order.donor == node.name:
            raise InvalidInput(f"{node.name} cannot be its own donor; name another node, or none")
        ranking = tuple(name for name in ranking if name == order.donor)
    if not ranking:
        wanted = {name: why for name, why in donors.excluded.items() if order.donor in (None, name)}
        reasons = "; ".join(f"{name}: {why}" for name, why in wanted.items())
        raise Refused(f"nobody can give {node.name} a copy ({reasons or 'there is no such node'})")
    return Donors(ranking, donors.excluded)


def rebuild(store: Store, cluster: str, order: Order, *, check: bool = False) -> Rebuilt:
    """Blocking, until the copy is there. ``check``: say who would give how much, and what would be destroyed.

    The node is not admitted by this; see rejoin.py.
    """
    record = read_record(store, cluster)
    place = Place(store, record, record.spec.node(order.node), order.copying.login)
    if order.donor is not None:
        record.spec.node(order.donor)
    found = look(place)
    refusal = refusal_of(_recipient(place, order, found), confirmed=not check)
    if refusal or found.survey is None:
        raise Refused(refusal or f"{order.node} was not asked")
    donors = _chosen(order, place.node, choose_donors(_donors(place, order, found, found.survey)))
    best = record.spec.node(donors.ranking[0])
    with connect(best.address, best.port, place.login) as server:
        size = data_bytes(server)
    planned = Rebuilt(
        sentence="",
        address=place.node.address,
        donor=best.name,
        donors=donors,
        bytes=size,
        destroyed=str(found.one.errant),
        file="none: nothing was done",
    )
    if check:
        return replace(planned, sentence=_rehearsed(place.node, found, planned))
    must_be_writable(order.folder)
    entry, file = _named(place, order, found)
    return _carry_out(place, order, entry, replace(planned, file=file))


def _named(place: Place, order: Order, found: Found) -> tuple[ReturnedNode, str]:
    """What only the node has, as it goes on record, and the file of its rows. Where an earlier rebuild has destroyed it
    already, what that one has put on record."""
    because, name = "it is rebuilt", place.node.name
    earlier = on_record(place.store, place.cluster, name)
    if earlier is not None and found.one.unfinished_copy:
        again = replace(earlier, stage=Stage.COPYING, because=because, by=order.by, at=order.now_at)
        return again, "none: an earlier rebuild has removed the binary logs"
    errant = errant_of(
        order.agents,
        place.cluster,
        place.node,
        found.one,
        epoch=place.epoch,
        seconds=order.account_seconds,
        now_at=order.now_at,
    )
    file = errant.keep(order.folder)
    return errant.noted(name, Stage.COPYING, because, order.by, order.now_at), file


def _rehearsed(node: Node, found: Found, planned: Rebuilt) -> str:
    lost = found.one.errant
    said = f"{node.name} would be rebuilt from {planned.donor}, about {planned.bytes // MIB} MiB"
    if lost:
        return f"{said}; {len(lost)} transactions that only it has would be destroyed ({shortened(lost)})"
    return f"{said}; it has nothing that {found.one.primary} has not"


def _carry_out(place: Place, order: Order, entry: ReturnedNode, planned: Rebuilt) -> Rebuilt:
    """Attempt by attempt, the next donor each time."""
    node, ranking, faults = place.node, planned.donors.ranking, list[str]()
    for number in range(order.retries + 1):
        donor = place.record.spec.node(ranking[number % len(ranking)])
        if number:
            order.copying.tell(f"{node.name}: {faults[-1]}; again from {donor.name} in {order.retry_seconds:g} s")
            time.sleep(order.retry_seconds)
            _await_back(node, order)
        place.check_ours("rebuild")
        entry = replace(entry, donor=donor.name, earlier_copy=_earlier_copy(place))
        note(place.store, place.cluster, entry)
        if not number:
            _cut_loose(place)
        done = attempt(order.copying, node, donor)
        if not done.fault:
            if done.certain:
                note(place.store, place.cluster, replace(entry, stage=Stage.COPIED))
            return replace(
                planned,
                sentence=_told(node, done, len(faults)),
                donor=donor.name,
                attempts=tuple(faults),
                needs_start=done.needs_start,
                last=done.last,
            )
        faults.append(f"no copy of {donor.name}: {done.fault}")
    raise PostconditionFailed(
        f"{node.name} was not rebuilt, in {len(faults)} attempts, and holds nothing that counts now"
        f" ({'; '.join(faults)}); mend it and run this again"
    )


def _earlier_copy(place: Place) -> str:
    with connect(place.node.address, place.node.port, place.login) as server:
        return copy_of(server).begun


def _await_back(node: Node, order: Order) -> None:
    fault = await_answer(node, order.copying.login, order.copying.restart_seconds)
    if fault:
        raise PostconditionFailed(f"{node.name} does not answer after a copy that failed ({fault}); start its mysqld")


def _cut_loose(place: Place) -> None:
    """It receives nothing any more, and so is nobody's candidate while its data is exchanged. A job that has chosen it
    before that is seen by the last look."""
    keep_read_only(place, "rebuild")
    with connect(place.node.address, place.node.port, place.login) as server:
        server.forget_source()
    place.check_ours("rebuild")


def _told(node: Node, done: Attempt, failed: int) -> str:
    said = f"{node.name} has a copy of {done.donor}"
    if failed:
        said += f", after {failed} attempts that failed"
    if not done.certain:
        return (
            f"mysqld of {node.name} has gone while it copied {done.donor}; start it, and rejoin tells what came of it"
        )
    return f"{said}; its mysqld has shut down and nobody supervises it, so start it" if done.needs_start else said
