# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a cluster's name before there is an emergency. Nothing but a sentence comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one authoritative server said. ``fault``: why it gave no answer of its own; then the rest means nothing."""

    server: str
    addresses: tuple[str, ...] = ()
    ttl_seconds: int = 0
    fault: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """How it should be. ``address``: the primary's, as a name server writes it."""

    name: str
    primary: str
    address: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class Rule:
    """``sentence`` is filled in from the look and what is wanted. ``holds`` tells whether the look is at fault."""

    fault: str
    sentence: str
    holds: Callable[[Look, Wanted], bool]


# Of each server. Every row that holds counts.
RULES: tuple[Rule, ...] = (
    Rule("no_answer", "{fault}", lambda look, _wanted: bool(look.fault)),
    Rule(
        "absent",
        "{name} has no address on {server}: no client finds the primary there",
        lambda look, _wanted: not look.fault and not look.addresses,
    ),
    Rule(
        "several_addresses",
        "{name} has {count} addresses on {server} ({addresses}): clients spread over all of them",
        lambda look, _wanted: len(look.addresses) > 1,
    ),
    Rule(
        "not_the_primary",
        "{name} leads to {addresses} on {server}, the primary {primary} is at {wanted_address}",
        lambda look, wanted: bool(look.addresses) and wanted.address not in look.addresses,
    ),
    Rule(
        "long_ttl",
        "{name} may be kept for {ttl_seconds} s by {server}'s word, the cluster's ttl_seconds is {wanted_ttl_seconds}:"
        " after a failover clients hold the old address that long",
        lambda look, wanted: bool(look.addresses) and look.ttl_seconds > wanted.ttl_seconds,
    ),
)
DISAGREEMENT = "the authoritative servers disagree on {name}: {words}"


@dataclass(frozen=True, slots=True)
class Finding:
    fault: str
    sentence: str


def audit(looks: Sequence[Look], wanted: Wanted) -> tuple[Finding, ...]:
    """Everything that is wrong; empty when all is well. The order is that of the servers."""
    found = [
        Finding(rule.fault, _sentence(rule, look, wanted))
        for look in looks
        for rule in RULES
        if rule.holds(look, wanted)
    ]
    answered = [look for look in looks if not look.fault]
    if len({frozenset(look.addresses) for look in answered}) > 1:
        words = ", ".join(f"{look.server} has {' and '.join(look.addresses) or 'nothing'}" for look in answered)
        found.append(Finding("disagreement", DISAGREEMENT.format(name=wanted.name, words=words)))
    return tuple(found)


def _sentence(rule: Rule, look: Look, wanted: Wanted) -> str:
    return rule.sentence.format(
        name=wanted.name,
        server=look.server,
        fault=look.fault,
        count=len(look.addresses),
        addresses=", ".join(look.addresses),
        ttl_seconds=look.ttl_seconds,
        primary=wanted.primary,
        wanted_address=wanted.address,
        wanted_ttl_seconds=wanted.ttl_seconds,
    )
