# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at the replicas, all at once, for what decides which of them is promoted."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .._adapters.mysql import Login, MysqlError, connect
from .._adapters.mysql_facts import facts_of
from .._adapters.zookeeper import Store
from .._core.candidate import Choice, Contender, choose, received, strays_to
from .._core.cluster import ClusterSpec, Node
from .._core.errors import InvalidInput, Refused
from .._core.gtid import GtidSet
from .._core.observation import ServerState
from .._core.returned import ReturnedNode
from .._core.thresholds import Breach
from .._core.znodes import Heritage, NodeHealth, health_path, returned_path
from .parallel import for_each_node
from .permit import nodes_in_maintenance

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is on record before the replicas are asked.

    ``drained``: those that have applied all they received. ``in_maintenance``: those that are worked on. ``sources``:
    name → what catch_up put on record of whom it follows; since then it may have been fed by another replica.
    ``accept_errant``: a person's word. ``forsaken``: name → why it is no longer looked at. ``heritage``: of the old
    primary.
    """

    drained: Collection[str]
    in_maintenance: Collection[str] = ()
    health: Mapping[str, NodeHealth] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    accept_errant: bool = False
    forsaken: Mapping[str, str] = field(default_factory=dict)
    heritage: Heritage | None = None

    def server(self, name: str) -> ServerState | None:
        """A server's own word, as its agent had it when its health last changed."""
        health = self.health.get(name)
        return health.observation.server if health and health.observation else None

    def uuid(self, name: str) -> str:
        server = self.server(name)
        return server.server_uuid if server else ""

    def executed(self, name: str) -> GtidSet | None:
        server = self.server(name)
        try:
            return GtidSet.parse(server.gtid_executed) if server else None
        except InvalidInput:
            return None

    def had(self, old_primary: str) -> GtidSet | None:
        """What the old primary is known to have executed, at the least; None when nothing is."""
        executed = self.executed(old_primary)
        if self.heritage is None:
            return executed
        return GtidSet.parse(self.heritage.gtid_executed) | (executed or GtidSet())

    def breach(self, name: str, *kinds: Breach) -> str:
        """The sentence of the first of these that is on record; empty when there is none."""
        health = self.health.get(name)
        return next((each.because for each in health.breaches if each.breach in kinds), "") if health else ""


def known_of(
    store: Store,
    spec: ClusterSpec,
    drained: Collection[str],
    now_at: float,
    sources: Mapping[str, str] | None = None,
    *,
    heritage: Heritage | None = None,
) -> Known:
    """What cannot be read is set aside and said: it must not keep a cluster without a primary."""
    health = {}
    for name, found in zip(
        spec.names, store.read_many([(health_path(spec.cluster, name), NodeHealth) for name in spec.names]), strict=True
    ):
        if isinstance(found, InvalidInput):
            log.error("set aside: %s", found)
        elif found is not None:
            health[name] = found.value
    return Known(
        drained=drained,
        in_maintenance=nodes_in_maintenance(store, spec, now_at),
        health=health,
        sources=sources or {},
        heritage=heritage if heritage is not None and _is_whole(store, spec.cluster, heritage.former) else None,
    )


def _is_whole(store: Store, cluster: str, name: str) -> bool:
    """Whether no data of the node is being exchanged: a rebuild takes its channel away, so that nobody promotes it."""
    found = store.read_many([(returned_path(cluster, name), ReturnedNode)])
    return found == [None]


def strays_of(spec: ClusterSpec, old_primary: str, name: str, state: ServerState, known: Known) -> str:
    """As ``strays_to``; but who follows the one before the old primary does not stray where nobody was pointed away."""
    strays = strays_to(state, spec.node(old_primary), known.uuid(old_primary), spec.others(old_primary, name))
    former = known.heritage.former if known.heritage is not None else ""
    if strays and former in spec.names:
        return strays_to(state, spec.node(former), known.uuid(former), spec.others(former, name))
    return strays


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text)[:3])


def _contender(spec: ClusterSpec, old_primary: str, node: Node, login: Login, known: Known) -> Contender:
    unseen = Contender(
        name=node.name,
        reachable=False,
        allowed=node.candidate,
        drained=node.name in known.drained,
        executed=GtidSet(),
        server_version=(),
        in_maintenance=node.name in known.in_maintenance,
        zone=node.zone,
        in_zones=spec.promotes_into(node.zone),
        disk_short=known.breach(node.name, Breach.DISK, Breach.INODES),
        disk_dead=known.breach(node.name, Breach.READ_ONLY_DISK),
    )
    if node.name in known.forsaken:
        return replace(unseen, detail=known.forsaken[node.name])
    try:
        with connect(node.address, node.port, login) as server:
            state, facts = server.state(), facts_of(server)
    except MysqlError as error:
        return replace(unseen, detail=str(error))
    executed = GtidSet.parse(state.gtid_executed)
    strays = strays_of(spec, old_primary, node.name, state, known)
    was_primary = known.heritage is not None and known.heritage.former == node.name and state.super_read_only
    return replace(
        unseen,
        reachable=True,
        executed=executed,
        server_version=version_of(state.version),
        server_uuid=state.server_uuid,
        held=executed | received(state),
        purged=GtidSet.parse(facts.gtid_purged),
        gtid_mode=facts.gtid_mode,
        logged=facts.log_bin and facts.log_replica_updates,
        delay_seconds=facts.delay_seconds,
        filters=facts.filters,
        replicates=bool(state.channels) or was_primary,
        source_uuids=frozenset(channel.source_uuid for channel in state.channels if channel.source_uuid),
        strays_to=known.sources.get(node.name, strays),
        applier_error=facts.applier_error,
    )


def contenders_of(spec: ClusterSpec, old_primary: str, login: Login, known: Known) -> dict[str, Contender]:
    """Every replica as it is now, all asked at once."""
    return for_each_node(spec.others(old_primary), lambda node: _contender(spec, old_primary, node, login, known))


def pick(spec: ClusterSpec, old_primary: str, login: Login, known: Known) -> Choice:
    """The choice among the replicas; raise Refused, with every reason, when there is none."""
    contenders = contenders_of(spec, old_primary, login, known)
    choice = choose(
        contenders.values(),
        primary_executed=known.had(old_primary),
        primary_zone=spec.node(old_primary).zone,
        accept_errant=known.accept_errant,
    )
    if choice.name is None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in choice.excluded.items())
        raise Refused(f"no replica of {spec.cluster} can be promoted ({reasons})")
    return choice
