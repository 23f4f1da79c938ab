# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a job, in order. A step is a module of the collection and bears its name."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from .errors import InvalidInput


class JobKind(StrEnum):
    """Whether the primary is replaced because it is dead, or because a person asked for it."""

    FAILOVER = "failover"
    SWITCHOVER = "switchover"


@dataclass(frozen=True, slots=True)
class Step:
    """``name``: the module. ``stage``: what a timeline calls it once done. ``does``: one sentence for the record.
    ``awaited``: a client that wants to write waits for it."""

    name: str
    stage: str
    does: str
    awaited: bool = True


CONFIRMED = b"go"  # the line after an order that was given ahead


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What an orchestrator hands to a playbook that waits. ``ahead``: the job is not opened yet; a second line says
    when it is, and a closed pipe that it will not be."""

    cluster: str
    epoch: int
    ahead: bool = False


FAILOVER: tuple[Step, ...] = (
    Step("pause_monitoring", "paused", "stop raising suspicions of the failed node while the job runs"),
    Step("fence", "fenced", "make sure that the old primary can take no write, and prove it"),
    Step("catch_up", "caught_up", "let every replica apply all it has received"),
    Step("choose_candidate", "chosen", "pick the replica to promote, and say why not the others"),
    Step("salvage", "salvaged", "apply to the candidate what only the old primary's binary log holds"),
    Step("promote", "promoted", "make the candidate a writable primary"),
    Step("switch_dns", "dns_moved", "point the cluster's name at the new primary, on every authoritative server"),
    Step("repoint", "repointed", "let the other replicas follow the new primary", awaited=False),
    Step(
        "disconnect_clients",
        "disconnected",
        "find clients that still sit on the old primary, and disconnect them",
        awaited=False,
    ),
    Step("account", "accounted", "name what the old primary had and the new one has not", awaited=False),
)
AWAITED: tuple[str, ...] = tuple(step.name for step in FAILOVER if step.awaited)


def _of_a_failover(name: str) -> Step:
    return next(step for step in FAILOVER if step.name == name)


# What a failover does, too, is the same module. Up to ``promote`` each of them can be taken back.
SWITCHOVER: tuple[Step, ...] = (
    _of_a_failover("pause_monitoring"),
    Step("quiesce", "quiet", "make the old primary super_read_only, once the transactions that are open have ended"),
    Step("catch_up_target", "level", "wait until the target has every transaction of the old primary"),
    _of_a_failover("promote"),
    _of_a_failover("switch_dns"),
    Step("demote", "demoted", "let the old primary follow the new one; it stays super_read_only", awaited=False),
    _of_a_failover("repoint"),
    _of_a_failover("disconnect_clients"),
)
PLANS: dict[JobKind, tuple[Step, ...]] = {JobKind.FAILOVER: FAILOVER, JobKind.SWITCHOVER: SWITCHOVER}


def names_of(kind: JobKind) -> tuple[str, ...]:
    return tuple(step.name for step in PLANS[kind])


def step_named(name: str) -> Step:
    steps = dict.fromkeys((*FAILOVER, *SWITCHOVER))
    for step in steps:
        if step.name == name:
            return step
    raise InvalidInput(f"'{name}' is no step of a job; the steps are {', '.join(step.name for step in steps)}")


def steps_left(done: Collection[str], kind: JobKind = JobKind.FAILOVER) -> tuple[Step, ...]:
    """What a successor has to go through: from the first step on whose result is not on record."""
    plan = PLANS[kind]
    for index, step in enumerate(plan):
        if step.name not in done:
            return plan[index:]
    return ()


def steps_missing_before(name: str, done: Collection[str], kind: JobKind = JobKind.FAILOVER) -> tuple[str, ...]:
    """The steps that must be on record before ``name`` may act and are not."""
    names = names_of(kind)
    if name not in names:
        raise InvalidInput(f"'{name}' is no step of a {kind.value}; its steps are {', '.join(names)}")
    return tuple(earlier for earlier in names[: names.index(name)] if earlier not in done)
