# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a cluster before a switchover: who could become the primary, and what would be in the way. No change."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .._adapters.mysql import Login, MysqlError, connect, probe
from .._adapters.mysql_transactions import open_transactions
from .._adapters.nameserver import record_type, resolve
from .._adapters.zookeeper import Store
from .._core.candidate import Contender, choose
from .._core.dns_switch import written
from .._core.errors import Unavailable
from .._core.gtid import GtidSet
from .._core.observation import ServerState
from .._core.quiescence import Holder
from .._core.switchover import Outlook, Prospect, refusal
from .._core.znodes import LockHolder, lock_path
from .candidates import contenders_of, known_of, version_of
from .jobs import Record
from .survey import Survey, survey

NAME_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Sight:
    """``holders``: of the primary's open transactions, as far as it could be asked."""

    outlook: Outlook
    survey: Survey | None = None
    holders: tuple[Holder, ...] = ()


def _prospect(one: Contender, excluded: str, found: Survey, primary: ServerState, lag_seconds_max: float) -> Prospect:
    executed = GtidSet.parse(primary.gtid_executed)
    channel = found.channels.get(one.name)
    return Prospect(
        name=one.name,
        excluded=excluded,
        extra=one.executed - executed,
        newer=one.server_version[:2] > version_of(primary.version)[:2],
        receiving=channel is not None and channel.receiver_running,
        applying=channel is not None and channel.applier_running,
        error=(channel.error if channel else "") or "nothing says why",
        lag_seconds=channel.lag_seconds if channel else None,
        lag_seconds_max=lag_seconds_max,
        lacking=len(executed - one.executed),
    )


def _holders(record: Record, login: Login) -> tuple[Holder, ...]:
    node = record.spec.node(record.state.value.primary)
    try:
        with connect(node.address, node.port, login) as server:
            return open_transactions(server)
    except MysqlError:
        return ()  # what is only told must not stand in the way


def _name_fault(record: Record) -> str:
    """Why the first server's record cannot be changed from the primary's address; empty when it can."""
    dns, address = record.spec.dns, written(record.spec.node(record.state.value.primary).address)
    try:
        held = resolve(dns.servers[0], dns.port, dns.name, record_type(address), NAME_SECONDS).addresses
    except Unavailable as error:
        return str(error)
    found = ", ".join(held) or "nothing"
    return "" if held == (address,) else f"{dns.name} leads to {found} and not to the primary at {address}"


def look(
    store: Store, record: Record, login: Login, target: str, now_at: float, *, accept_newer: bool = False
) -> Sight:
    """Ask all servers, unless the record alone forbids the switchover. ``accept_newer``: a target of a newer release
    series may have the primary follow it, as in an upgrade.

    The primary is asked last, so that what a replica has beyond its word is the replica's own.
    """
    spec, state = record.spec, record.state.value
    job, holder = record.job.value if record.job else None, store.read(lock_path(spec.cluster), LockHolder)
    outlook = Outlook(
        cluster=spec.cluster,
        primary=state.primary,
        nodes=spec.names,
        target=target,
        open_job=job.id if job and not job.state.ended else "",
        busy=holder.value.owner if holder else "",
        suspected=record.suspicion is not None,
    )
    if refusal(outlook, early=True):
        return Sight(outlook)
    known = known_of(store, spec, spec.names, now_at)
    found = survey(store, spec, login, primary=state.primary)
    contenders = contenders_of(spec, state.primary, login, known)
    node = spec.node(state.primary)
    seen = probe(node.address, node.port, login)
    if seen.server is None:
        return Sight(replace(outlook, primary_fault=seen.detail), found)
    executed = GtidSet.parse(seen.server.gtid_executed)
    choice = choose(contenders.values(), primary_executed=executed, primary_zone=node.zone)
    lag_max = spec.policy.switchover_lag_seconds_max
    prospects = {
        name: _prospect(one, choice.excluded.get(name, ""), found, seen.server, lag_max)
        for name, one in contenders.items()
    }
    if accept_newer:
        prospects = {name: replace(one, newer=False) for name, one in prospects.items()}
    outlook = replace(
        outlook,
        primary_writable=seen.server.writable,
        name_fault=_name_fault(record),
        ranking=choice.ranking,
        prospects=prospects,
    )
    return Sight(outlook, found, _holders(record, login))
