# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves that the old primary can take no write, and what to do when nothing does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .cluster import UnprovenFence


class Rung(StrEnum):
    """The ways to fence, gentlest first. A rung that was tried leaves an attempt on record, proven or not."""

    READ_ONLY = "read_only"
    AGENT_WORD = "agent_word"
    AGENT_STOP = "agent_stop"
    LEASE_EXPIRED = "lease_expired"
    SSH_STOP = "ssh_stop"
    POWER_OFF = "power_off"
    OPERATOR_WORD = "operator_word"


PROOF_SENTENCES: dict[Rung, str] = {
    Rung.READ_ONLY: "super_read_only was set and read back, and no client session is left",
    Rung.AGENT_WORD: "its agent saw mysqld exit, and a node boots super_read_only",
    Rung.AGENT_STOP: "its agent killed mysqld and saw it exit, and a node boots super_read_only",
    Rung.LEASE_EXPIRED: "its lease has expired: no monitor acknowledges it, too few voters vouch for it,"
    " and its agent fences it then",
    Rung.SSH_STOP: "mysqld was killed over SSH and nobody holds its data folder any more, and a node boots"
    " super_read_only",
    Rung.POWER_OFF: "its power was turned off, and a node boots super_read_only",
    Rung.OPERATOR_WORD: "an operator vouched that it can take no write",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One rung that was tried on ``node``. ``detail`` is the neighbour's own word, for the record."""

    rung: Rung
    node: str
    proven: bool
    detail: str

    @property
    def sentence(self) -> str:
        if self.proven:
            return f"{self.node} is fenced: {PROOF_SENTENCES[self.rung]}"
        return f"{self.node} is not proven fenced by {self.rung.value}: {self.detail}"


class FenceDecision(StrEnum):
    PROCEED = "proceed"
    PROCEED_UNPROVEN = "proceed_unproven"
    STANDS = "stands"
    PAUSE = "pause"


def is_proven(attempts: Iterable[Attempt]) -> bool:
    return any(attempt.proven for attempt in attempts)


def decide(attempts: Iterable[Attempt], policy: UnprovenFence, *, promoted: bool = False) -> FenceDecision:
    """Promotion is gated on this: proof, or the owners' word that availability comes first, or a pause.

    ``promoted``: that is done, or begun, on what was decided before it; to pause now would only keep the name from
    following.
    """
    if is_proven(attempts):
        return FenceDecision.PROCEED
    if promoted:
        return FenceDecision.STANDS
    if policy is UnprovenFence.PROMOTE:
        return FenceDecision.PROCEED_UNPROVEN
    return FenceDecision.PAUSE
