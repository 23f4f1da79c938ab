# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replica's agent as a voter on the primary's lease: it vouches, or it promises not to until a job has ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Probe
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import (
    EXPIRED_SENTENCE,
    EXPIRY_BEATS,
    VoterView,
    expiry_refusal,
    vouch_refusal,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    ExpiryRequest,
    LeaseTerms,
    VoterWord,
    Vouch,
    VouchRequest,
)

from .. import clock
from ..https import Peer

log = logging.getLogger(__name__)

LOOK_BEATS = 0.5  # a look older than this is followed by another, for the next who asks
STALE_BEATS = 2.0  # a look older than this is worth nothing

Look = Callable[[str, int], Awaitable[Probe]]
Now = Callable[[], float]


@dataclass(slots=True)
class _Primary:
    """What we know of one node that asks for vouches. Times are of the monotonic clock."""

    vouched_at: float
    looked_at: float = float("-inf")
    reach: Reach = Reach.UNKNOWN
    outlived: bool = False
    denied: ExpiryRequest | None = None


class Voting:
    """``look(address, port)`` tries a mysqld. What we promised and gave before our start is not known: it counts as if
    every node had been vouched for at that moment, and ``incarnation`` tells an orchestrator."""

    def __init__(self, node: str, incarnation: int, beat_seconds: float, look: Look, now: Now = clock.now) -> None:
        self._node = node
        self._incarnation = incarnation
        self._beat_seconds = beat_seconds
        self._look = look
        self._now = now
        self._started_at = self._now()
        self._primaries: dict[str, _Primary] = {}
        self._looks: dict[str, asyncio.Task[None]] = {}
        self._terms: LeaseTerms | None = None

    def _known(self, node: str) -> _Primary:
        return self._primaries.setdefault(node, _Primary(vouched_at=self._started_at))

    def adopt(self, terms: LeaseTerms) -> None:
        """The newest word of the monitors; a job that has ended by it releases its promise."""
        if self._terms is not None and terms.epoch < self._terms.epoch:
            return  # of a monitor that has not heard of the newer one yet
        self._terms = terms
        for name, known in self._primaries.items():
            if known.denied is not None and terms.settled and terms.epoch >= known.denied.epoch:
                log.info("job %s has ended; %s is vouched for again", known.denied.job, name)
                known.denied = None

    def note(self, node: str, seen: Probe, now: float) -> None:
        """Keep what a look that began at ``now`` has shown."""
        known = self._known(node)
        if now < known.looked_at:
            return
        known.looked_at, known.reach = now, seen.reach
        if seen.server is not None:
            known.outlived = seen.server.writable and self._vouch_beats(known) > EXPIRY_BEATS

    def _vouch_beats(self, known: _Primary) -> float:
        return (self._now() - known.vouched_at) / self._beat_seconds

    def _view(self, node: str) -> VoterView:
        known = self._known(node)
        return VoterView(
            reach=known.reach,
            vouch_beats=self._vouch_beats(known),
            denied=known.denied is not None,
            primary_is_another=self._terms is not None and self._terms.primary.name != node,
            outlived=known.outlived,
        )

    async def _look_at(self, node: str, address: str, port: int) -> None:
        """Look, or wait for the look that is under way."""
        await asyncio.shield(self._begin_look(node, address, port))

    def _begin_look(self, node: str, address: str, port: int) -> asyncio.Task[None]:
        if node not in self._looks or self._looks[node].done():
            self._looks[node] = asyncio.create_task(self._do_look(node, address, port))
        return self._looks[node]

    async def _do_look(self, node: str, address: str, port: int) -> None:
        began_at = self._now()
        self.note(node, await self._look(address, port), began_at)

    async def serve_vouch(self, peer: Peer, asked: VouchRequest) -> Vouch:
        if peer.name != asked.node:
            raise Refused(f"the certificate is of {peer.name}, the vouch is asked for {asked.node}")
        known = self._known(asked.node)
        age = (self._now() - known.looked_at) / self._beat_seconds
        if age > STALE_BEATS:
            await self._look_at(asked.node, asked.address, asked.port)
        refusal = vouch_refusal(self._view(asked.node))
        if age > LOOK_BEATS:
            self._begin_look(asked.node, asked.address, asked.port)
        if refusal is not None:
            raise Unavailable(f"{self._node} does not vouch for {asked.node}: {refusal}")
        # Before the answer leaves: its age at the asker is never more than here.
        known.vouched_at = self._now()
        known.outlived = False
        return Vouch(voter=self._node)

    async def expiry(self, asked: ExpiryRequest) -> VoterWord:
        """Answer an orchestrator whose order has been checked; a word against the primary is a promise."""
        began_at = self._now()
        self.note(asked.node, await self._look(asked.address, asked.port), began_at)
        refusal = expiry_refusal(self._view(asked.node))
        known = self._known(asked.node)
        if refusal is None:
            if known.denied is None:
                log.warning("%s is vouched for no more, by job %s, epoch %d", asked.node, asked.job, asked.epoch)
            known.denied = asked
        return VoterWord(
            voter=self._node,
            incarnation=self._incarnation,
            against=refusal is None,
            because=refusal or EXPIRED_SENTENCE,
        )
