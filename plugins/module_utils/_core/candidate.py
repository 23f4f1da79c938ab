# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which replica to promote, why not the others, and which of them feed it first.

An errant transaction is one that a replica wrote itself and that the old primary never had. It counts for nobody: who
has one is not promoted, feeds nobody, and nobody lacks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from .cluster import Node
from .gtid import GtidSet
from .observation import ServerState


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What of a server's set-up decides whether it can be promoted; GTID sets are in MySQL's text form.

    ``delay_seconds``: the longest of its channels. ``filters``: each with the server's name for it, of what it applies
    and of what it logs. ``applier_error``, ``receiver_error``: of one that has stopped for good; empty while it runs or
    tries to connect.
    """

    log_bin: bool
    log_replica_updates: bool
    gtid_mode: str
    gtid_purged: str
    delay_seconds: int = 0
    filters: tuple[str, ...] = ()
    applier_error: str = ""
    receiver_error: str = ""


def union(sets: Iterable[GtidSet]) -> GtidSet:
    together = GtidSet()
    for each in sets:
        together = together | each
    return together


def received(state: ServerState) -> GtidSet:
    """What came over any channel, applied or not."""
    return union(GtidSet.parse(channel.gtid_retrieved) for channel in state.channels)


def left_to_apply(state: ServerState) -> GtidSet:
    return received(state) - GtidSet.parse(state.gtid_executed)


def strays_to(state: ServerState, old_primary: Node, old_uuid: str, others: Iterable[Node]) -> str:
    """The source of a replica that follows another server than the old primary; empty where it follows that one.

    ``old_uuid``: the old primary's identity, empty where it is not known. A source may be given by a host name; where
    nothing tells whose that is, the replica is taken for one of the old primary's.
    """
    places = {(node.address, node.port) for node in others}
    strayed = ""
    for channel in state.channels:
        place, uuid = (channel.source_host, channel.source_port), channel.source_uuid
        if place == (old_primary.address, old_primary.port) or (uuid and uuid == old_uuid):
            return ""
        if place in places or (uuid and old_uuid):
            strayed = f"{channel.source_host}:{channel.source_port}"
    return strayed


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """One replica after it has caught up. ``server_version`` compares as a tuple, for example (9, 7, 4).

    ``held``: what it has executed or only received. ``purged``: what its binary log has no longer. ``logged``: its
    binary log has what it applies. ``source_uuids``: the servers it replicates from. ``strays_to``: the source of one
    that follows another server than the old primary. ``disk_short``, ``disk_dead``: the breach on record.
    ``errant`` is found by ``choose``.
    """

    name: str
    reachable: bool
    allowed: bool
    drained: bool
    executed: GtidSet
    server_version: tuple[int, ...]
    in_maintenance: bool = False
    detail: str = ""
    zone: str | None = None
    in_zones: bool = True
    server_uuid: str = ""
    held: GtidSet = field(default_factory=GtidSet)
    purged: GtidSet = field(default_factory=GtidSet)
    gtid_mode: str = "ON"
    logged: bool = True
    delay_seconds: int = 0
    filters: tuple[str, ...] = ()
    replicates: bool = True
    source_uuids: frozenset[str] = frozenset()
    strays_to: str = ""
    applier_error: str = ""
    disk_short: str = ""
    disk_dead: str = ""
    errant: GtidSet = field(default_factory=GtidSet)

    @property
    def filter_names(self) -> str:
        return ", ".join(self.filters)

    @property
    def zone_name(self) -> str:
        return self.zone or "it has none"


Everybody = tuple[Contender, ...]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One row of the table of reasons. ``matches(contender, all)``. ``detail`` is filled in from the contender.

    ``yields``: it does not hold where otherwise nobody could be promoted.
    """

    because: str
    matches: Callable[[Contender, Everybody], bool]
    detail: str = ""
    yields: bool = False

    def told_of(self, one: Contender) -> str:
        detail = self.detail.format(one=one)
        return f"{self.because}: {detail}" if detail else self.because


def _oldest_live_version(contenders: Everybody) -> tuple[int, ...]:
    return min(each.server_version[:2] for each in contenders if each.reachable)


EXCLUSIONS: tuple[Exclusion, ...] = (
    Exclusion("it cannot be reached", lambda one, _all: not one.reachable, "{one.detail}"),
    Exclusion("its owners marked it as not a candidate", lambda one, _all: not one.allowed),
    Exclusion(
        "the cluster's policy promotes nobody in its zone", lambda one, _all: not one.in_zones, "{one.zone_name}"
    ),
    Exclusion("it is in maintenance", lambda one, _all: one.in_maintenance),
    Exclusion("its gtid_mode is not ON", lambda one, _all: one.gtid_mode != "ON", "{one.gtid_mode}"),
    Exclusion(
        "its binary log does not hold what it applies (log_bin and log_replica_updates must be on)",
        lambda one, _all: not one.logged,
    ),
    Exclusion("it is delayed on purpose", lambda one, _all: one.delay_seconds > 0, "{one.delay_seconds} s"),
    Exclusion("it leaves out a part of what it replicates", lambda one, _all: bool(one.filters), "{one.filter_names}"),
    Exclusion("it has no replication channel, so it follows nobody", lambda one, _all: not one.replicates),
    Exclusion(
        "it follows another server than the old primary", lambda one, _all: bool(one.strays_to), "{one.strays_to}"
    ),
    Exclusion(
        "it has errant transactions, which the old primary never had",
        lambda one, _all: bool(one.errant),
        "{one.errant}",
    ),
    Exclusion("its disk takes no writes", lambda one, _all: bool(one.disk_dead), "{one.disk_dead}"),
    Exclusion(
        "its applier has stopped and does not get any further",
        lambda one, _all: not one.drained and bool(one.applier_error),
        "{one.applier_error}",
    ),
    Exclusion("it has received transactions that it has not applied", lambda one, _all: not one.drained),
    Exclusion(
        "it runs a newer server than a replica that would follow it",
        lambda one, everybody: one.server_version[:2] > _oldest_live_version(everybody),
    ),
    Exclusion(
        "its disk has little room left, and others have more",
        lambda one, _all: bool(one.disk_short),
        "{one.disk_short}",
        yields=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the eligible are compared in. ``missing``: name → transactions that another live replica has."""

    missing: dict[str, int]
    primary_zone: str | None


@dataclass(frozen=True, slots=True)
class Preference:
    """One row of the ranking: the lower ``cost`` goes first; what is equal is left to the next row."""

    because: str
    cost: Callable[[Contender, Comparison], int]


PREFERENCES: tuple[Preference, ...] = (
    Preference(
        "it lacks fewer of the transactions that a live replica has", lambda one, facts: facts.missing[one.name]
    ),
    Preference(
        "it stands in the old primary's zone",
        lambda one, facts: int(facts.primary_zone is not None and one.zone != facts.primary_zone),
    ),
)


@dataclass(frozen=True, slots=True)
class FeedingFault:
    """Why a replica cannot feed the chosen one. ``matches(feeder, chosen, what the chosen one has by then)``."""

    because: str
    matches: Callable[[Contender, Contender, GtidSet], bool]


FEEDING_FAULTS: tuple[FeedingFault, ...] = (
    FeedingFault("it cannot be reached", lambda one, _chosen, _has: not one.reachable),
    FeedingFault("its errant transactions would come along", lambda one, _chosen, _has: bool(one.errant)),
    FeedingFault("it leaves out a part of what it replicates", lambda one, _chosen, _has: bool(one.filters)),
    FeedingFault("its binary log does not hold what it applies", lambda one, _chosen, _has: not one.logged),
    FeedingFault("its gtid_mode is not ON", lambda one, _chosen, _has: one.gtid_mode != "ON"),
    FeedingFault(
        "its binary log has been purged of what would be needed", lambda one, _chosen, has: not one.purged <= has
    ),
    FeedingFault(
        "it runs a newer server than the chosen one",
        lambda one, chosen, _has: one.server_version[:2] > chosen.server_version[:2],
    ),
)


@dataclass(frozen=True, slots=True)
class Feeding:
    """``donor`` has ``gtids``, which the chosen one gets from it before it is promoted."""

    donor: str
    gtids: GtidSet


@dataclass(frozen=True, slots=True)
class Choice:
    """``name`` is None when nobody can be promoted. ``excluded``: name → reason. ``missing``: name → transactions that
    another live replica has and the named one lacks. ``ranking``: all that could be promoted, the chosen one first.
    ``not_fed``: what a live replica has, applied or only received, and none can give to the chosen one."""

    name: str | None
    excluded: dict[str, str]
    missing: dict[str, int]
    because: str
    ranking: tuple[str, ...] = ()
    feedings: tuple[Feeding, ...] = ()
    not_fed: GtidSet = field(default_factory=GtidSet)


def _followers(one: Contender, live: Everybody) -> frozenset[str]:
    """Names of those that get what ``one`` has, itself among them, over however many servers."""
    uuids = {one.server_uuid}
    while True:
        found = [each for each in live if each.server_uuid in uuids or each.source_uuids & uuids]
        reached = uuids | {each.server_uuid for each in found if each.server_uuid}
        if reached == uuids:
            return frozenset(each.name for each in found)
        uuids = reached


def _errant_of(one: Contender, live: Everybody, primary_executed: GtidSet | None) -> GtidSet:
    """What it wrote itself and neither the old primary nor a live replica that does not follow it has.

    It may have been primary once, and the others have what it wrote then. Where the old primary's word is not known,
    only another one that has everything else, too, can tell that apart from what it should never have written.
    """
    own = one.executed.of({one.server_uuid})
    followers = _followers(one, live)
    witnesses = [each.held | each.executed for each in live if each.name not in followers]
    if primary_executed is not None:
        witnesses.append(primary_executed)
    elif not any(one.executed - own <= each for each in witnesses):
        return GtidSet()
    return own - union(witnesses)


def _feedings(chosen: Contender, live: Everybody) -> tuple[Feeding, ...]:
    """Who has most of what is still lacking goes first; usually one has it all."""
    found: list[Feeding] = []
    has = chosen.executed
    while True:
        able = [one for one in live if not any(row.matches(one, chosen, has) for row in FEEDING_FAULTS)]
        best = min(able, key=lambda one: (-len(one.executed - has), one.name), default=None)
        if best is None or best.executed <= has:
            return tuple(found)
        found.append(Feeding(best.name, best.executed - has))
        has = has | best.executed


def _because(best: Contender, missing: int, feedings: tuple[Feeding, ...], not_fed: GtidSet, yielded: str) -> str:
    if feedings:
        said = f"{best.name} lacks {missing} transactions that another replica has; it catches up from it first"
    elif missing:
        said = f"{best.name} lacks {missing} transactions that another replica has"
    else:
        said = f"{best.name} has every transaction that any live replica has"
    if not_fed:
        said += f"; no replica can give it {len(not_fed)} that one has applied or received ({not_fed})"
    return f"{said}; nobody else could be promoted, although {yielded}" if yielded else said


def _sorted_out(everybody: Everybody, *, yielding: bool) -> tuple[list[Contender], dict[str, str]]:
    """Who can be promoted, and why not the others; ``yielding``: by the reasons that hold in any case."""
    rows = [row for row in EXCLUSIONS if not (yielding and row.yields)]
    excluded = {}
    for one in everybody:
        row = next((row for row in rows if row.matches(one, everybody)), None)
        if row is not None:
            excluded[one.name] = row.told_of(one)
    return [one for one in everybody if one.name not in excluded], excluded


def choose(
    contenders: Iterable[Contender],
    *,
    primary_executed: GtidSet | None = None,
    primary_zone: str | None = None,
    accept_errant: bool = False,
) -> Choice:
    """The best by PREFERENCES of those that no row of EXCLUSIONS bars; what is equal in all goes by name.

    ``primary_executed``: what the old primary was last known to have (None: nobody knows). ``accept_errant``: a
    person's word that what a replica wrote itself counts like anything else.
    """
    everybody = tuple(sorted(contenders, key=lambda one: one.name))
    live = tuple(one for one in everybody if one.reachable)
    errant = GtidSet() if accept_errant else union(_errant_of(one, live, primary_executed) for one in live)
    everybody = tuple(replace(one, errant=(one.executed | one.held) & errant) for one in everybody)
    live = tuple(one for one in everybody if one.reachable)
    had = union(one.executed for one in live) - errant
    missing = {one.name: len(had - one.executed) for one in live}
    eligible, excluded = _sorted_out(everybody, yielding=False)
    yielded: dict[str, str] = {}
    if not eligible:
        strict, (eligible, excluded) = excluded, _sorted_out(everybody, yielding=True)
        yielded = {name: reason for name, reason in strict.items() if name not in excluded}
    if not eligible:
        return Choice(None, excluded, missing, "no replica can be promoted")
    comparison = Comparison(missing, primary_zone)
    ranked = sorted(eligible, key=lambda one: (*(row.cost(one, comparison) for row in PREFERENCES), one.name))
    best = ranked[0]
    feedings = _feedings(best, live)
    has = best.executed | union(each.gtids for each in feedings)
    not_fed = (had | union(one.held for one in live)) - errant - has
    because = _because(best, missing[best.name], feedings, not_fed, yielded.get(best.name, ""))
    return Choice(best.name, excluded, missing, because, tuple(one.name for one in ranked), feedings, not_fed)
