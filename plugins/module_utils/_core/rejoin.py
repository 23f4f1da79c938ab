# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a node that is to be a replica (again): admitted, rebuilt, quarantined, or left as it is, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from .gtid import GtidSet, shortened


class Course(StrEnum):
    JOB_OPEN = "job_open"
    PRIMARY = "primary"
    UNREACHABLE = "unreachable"
    SAME_IDENTITY = "same_identity"
    NO_GTIDS = "no_gtids"
    WRITABLE = "writable"
    REBUILD = "rebuild"
    QUARANTINE = "quarantine"
    REPLICA = "replica"
    ADMIT = "admit"

    @property
    def refused(self) -> bool:
        """Somebody has to do something else first."""
        return self in _REFUSED


_REFUSED = frozenset(
    {
        Course.JOB_OPEN,
        Course.PRIMARY,
        Course.UNREACHABLE,
        Course.SAME_IDENTITY,
        Course.NO_GTIDS,
        Course.WRITABLE,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Returned:
    """A node and the cluster's primary as they were found; the primary, which goes on writing, was asked last.

    ``job``: one that has not ended. ``unreached``: why the node does not answer; of one that does not nothing else is
    known. ``twin``: the node that has the same server_uuid. ``unfinished_copy``: its data was removed for a rebuild
    that has not ended. ``held``: what it has executed or received; of the cluster's own, where it has other sources.
    ``follows``: it receives from the primary, over other replicas or not, and applies. ``has``, ``purged``: what the
    primary has executed, and what of that its binary logs have no longer.
    """

    node: str
    primary: str
    job: str = ""
    unreached: str = ""
    twin: str = ""
    gtid_mode: str = "ON"
    writable: bool = False
    unfinished_copy: bool = False
    held: GtidSet = field(default_factory=GtidSet)
    follows: bool = False
    has: GtidSet = field(default_factory=GtidSet)
    purged: GtidSet = field(default_factory=GtidSet)

    @property
    def errant(self) -> GtidSet:
        """What the primary never had."""
        return self.held - self.has

    @property
    def lacking(self) -> GtidSet:
        return self.has - self.held

    @property
    def out_of_reach(self) -> GtidSet:
        """What it lacks and the primary cannot send any more."""
        return self.lacking & self.purged

    @property
    def empty(self) -> bool:
        return bool(self.has) and not self.held & self.has


@dataclass(frozen=True, slots=True)
class Rule:
    """One row; the first that matches decides. ``because`` is filled in from ``one``, a Returned."""

    course: Course
    because: str
    matches: Callable[[Returned], bool]


RULES: tuple[Rule, ...] = (
    Rule(
        Course.JOB_OPEN,
        "job {one.job} has not ended, and decides itself what becomes of the nodes; see it through first",
        lambda one: bool(one.job),
    ),
    Rule(Course.PRIMARY, "it is the primary; there is nothing to rejoin", lambda one: one.node == one.primary),
    Rule(
        Course.UNREACHABLE,
        "it does not answer ({one.unreached}); start its mysqld, or have its data folder initialized, first",
        lambda one: bool(one.unreached),
    ),
    Rule(
        Course.SAME_IDENTITY,
        "it has the same server_uuid as {one.twin}; remove auto.cnf from its data folder and start its mysqld again",
        lambda one: bool(one.twin),
    ),
    Rule(
        Course.NO_GTIDS,
        "its gtid_mode is {one.gtid_mode}, so it cannot be compared; set it to ON and start its mysqld again",
        lambda one: one.gtid_mode != "ON",
    ),
    Rule(
        Course.WRITABLE,
        "it takes writes although {one.primary} is the primary; make it super_read_only first, as its agent does",
        lambda one: one.writable,
    ),
    Rule(
        Course.REBUILD,
        "its data was removed for a rebuild that has not ended",
        lambda one: one.unfinished_copy,
    ),
    Rule(
        Course.QUARANTINE,
        "it has {errant_count} transactions that {one.primary} never had ({errant})",
        lambda one: bool(one.errant),
    ),
    Rule(Course.REPLICA, "it replicates from {one.primary} already", lambda one: one.follows),
    Rule(
        Course.REBUILD,
        "it has none of the {lacking_count} transactions of {one.primary}, and nobody knows whether binary logs hold"
        " all that was ever written",
        lambda one: one.empty,
    ),
    Rule(
        Course.REBUILD,
        "it lacks {gone_count} transactions that the binary logs of {one.primary} have no longer ({gone})",
        lambda one: bool(one.out_of_reach),
    ),
    Rule(
        Course.ADMIT,
        "{one.primary} has all that it has, and can send the {lacking_count} transactions that it lacks",
        lambda _one: True,
    ),
)


@dataclass(frozen=True, slots=True)
class Decision:
    course: Course
    because: str


def decide(one: Returned) -> Decision:
    rule = next(row for row in RULES if row.matches(one))
    because = rule.because.format(
        one=one,
        errant_count=len(one.errant),
        errant=shortened(one.errant),
        lacking_count=len(one.lacking),
        gone_count=len(one.out_of_reach),
        gone=shortened(one.out_of_reach),
    )
    return Decision(rule.course, because)
