# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a node may be rebuilt, and from whom: a rebuild destroys what the node has and costs the donor."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from .gtid import GtidSet, shortened

Version = tuple[int, ...]
SERIES_PATCH = (8, 0, 37)  # from here on point releases of one series may be cloned into each other
_NUMBERS = re.compile(r"\d+(?:\.\d+)*")


def version_of(text: str) -> Version:
    """``9.7.4-debug`` compares as (9, 7, 4)."""
    found = _NUMBERS.match(text)
    return tuple(map(int, found[0].split("."))) if found else ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """The node that is to be rebuilt. ``followers``: nodes that replicate from it. ``copying``: the session of a CLONE
    that is running there; 0 where none is. ``unfit``: why it could not be a replica afterwards."""

    node: str
    primary: str
    confirm: str
    job: str = ""
    unreached: str = ""
    writable: bool = False
    followers: tuple[str, ...] = ()
    copying: int = 0
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row; the first that matches refuses. ``because`` is filled in from ``one``, a Recipient."""

    because: str
    matches: Callable[[Recipient], bool]


REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        "job {one.job} has not ended, and {one.node} may be its candidate; see it through first",
        lambda one: bool(one.job),
    ),
    Refusal("{one.node} is the primary; fail over first", lambda one: one.node == one.primary),
    Refusal(
        "confirm is '{one.confirm}' and not '{one.node}'; a rebuild destroys all data of the node, so say its name",
        lambda one: one.confirm != one.node,
    ),
    Refusal(
        "{one.node} does not answer ({one.unreached}); start its mysqld, or have its data folder initialized, first",
        lambda one: bool(one.unreached),
    ),
    Refusal(
        "{one.node} takes writes although {one.primary} is the primary; make it super_read_only first",
        lambda one: one.writable,
    ),
    Refusal("{one.node} could not be a replica afterwards: {one.unfit}", lambda one: bool(one.unfit)),
    Refusal("{names} replicate from {one.node}; let them follow {one.primary} first", lambda one: bool(one.followers)),
    Refusal(
        "a CLONE is running on {one.node} already (session {one.copying}); wait for it, or end it by KILL QUERY",
        lambda one: bool(one.copying),
    ),
)


def refusal_of(one: Recipient, *, confirmed: bool = True) -> str:
    """Why it is not rebuilt; empty when it may be. ``confirmed``: whether the word is asked for, as in no rehearsal."""
    asked = one if confirmed else replace(one, confirm=one.node)
    row = next((row for row in REFUSALS if row.matches(asked)), None)
    return row.because.format(one=one, names=" and ".join(one.followers)) if row else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Donor:
    """A node that might give its data. ``follows``: it is the primary, or receives from it and applies. ``filters``:
    what it leaves out of what it replicates. ``executed``: GTIDs; ``has``, ``purged``: of the primary. ``plugin``: the
    clone plugin is active. ``on_its_way``: it is itself on record as quarantined or being rebuilt."""

    name: str
    address: str
    recipient: str
    primary: str
    recipient_version: Version = ()
    unreached: str = ""
    in_maintenance: bool = False
    on_its_way: bool = False
    follows: bool = True
    filters: tuple[str, ...] = ()
    version: Version = ()
    executed: GtidSet = field(default_factory=GtidSet)
    has: GtidSet = field(default_factory=GtidSet)
    purged: GtidSet = field(default_factory=GtidSet)
    plugin: bool = True

    @property
    def errant(self) -> GtidSet:
        return self.executed - self.has

    @property
    def missing(self) -> int:
        return len(self.has - self.executed)

    @property
    def same_series(self) -> bool:
        mine, theirs = self.version, self.recipient_version
        if min(mine, theirs) < SERIES_PATCH:
            return mine == theirs
        return mine[:2] == theirs[:2]


@dataclass(frozen=True, slots=True)
class DonorFault:
    """One row; the first that matches excludes. ``because`` is filled in from ``one``, a Donor."""

    because: str
    matches: Callable[[Donor], bool]


DONOR_FAULTS: tuple[DonorFault, ...] = (
    DonorFault("it cannot be reached ({one.unreached})", lambda one: bool(one.unreached)),
    DonorFault("it is in maintenance", lambda one: one.in_maintenance),
    DonorFault("it is in quarantine or being rebuilt itself", lambda one: one.on_its_way),
    DonorFault("CLONE takes no IPv6 address, and its address is {one.address}", lambda one: ":" in one.address),
    DonorFault("it does not replicate from {one.primary}", lambda one: not one.follows),
    DonorFault("it leaves out a part of what it replicates: {filters}", lambda one: bool(one.filters)),
    DonorFault("it has transactions that {one.primary} never had ({errant})", lambda one: bool(one.errant)),
    DonorFault(
        "it runs MySQL {version} and {one.recipient} {recipient_version}; CLONE copies within one series only",
        lambda one: not one.same_series,
    ),
    DonorFault(
        "it lacks transactions that the binary logs of {one.primary} have no longer",
        lambda one: not one.purged <= one.executed,
    ),
)


@dataclass(frozen=True, slots=True)
class DonorPreference:
    """One row of the ranking: the lower ``cost`` goes first; what is equal is left to the next row."""

    because: str
    cost: Callable[[Donor], int]


DONOR_PREFERENCES: tuple[DonorPreference, ...] = (
    DonorPreference("it is a replica: the primary has enough to do", lambda one: int(one.name == one.primary)),
    DonorPreference("it has the clone plugin already", lambda one: int(not one.plugin)),
    DonorPreference("it lacks fewer of the primary's transactions", lambda one: one.missing),
)


@dataclass(frozen=True, slots=True)
class Donors:
    """``ranking``: who may be asked, the best first. ``excluded``: name → why not."""

    ranking: tuple[str, ...]
    excluded: dict[str, str]


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))


def choose_donors(everybody: Iterable[Donor]) -> Donors:
    """What is equal in all goes by name."""
    able, excluded = list[Donor](), dict[str, str]()
    for one in everybody:
        row = next((row for row in DONOR_FAULTS if row.matches(one)), None)
        if row is None:
            able.append(one)
            continue
        excluded[one.name] = row.because.format(
            one=one,
            filters=", ".join(one.filters),
            errant=shortened(one.errant),
            version=_dotted(one.version),
            recipient_version=_dotted(one.recipient_version),
        )
    ranked = sorted(able, key=lambda one: (*(row.cost(one) for row in DONOR_PREFERENCES), one.name))
    return Donors(tuple(one.name for one in ranked), excluded)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What a rebuild may cost the donor; 0: no bound. Of the network and of data in MiB a second, and threads that copy
    (0: the server tries how many are worth it)."""

    data_mib: int = 100
    network_mib: int = 100
    threads: int = 4
