# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathering the proof that a primary's lease has expired: the monitors' silence and the voters' words."""

from __future__ import annotations

import asyncio
import time
from threading import Event

from .._adapters.agent import Caller, base_url
from .._adapters.agent import run as ask
from .._core.cluster import Node
from .._core.errors import InvalidInput, Unavailable
from .._core.fencing import Attempt, Rung
from .._core.health import Health
from .._core.lease import EXPIRY_BEATS, expired
from .._core.wire import EXPIRY_PATH, ExpiryRequest, VoterWord
from .._core.znodes import Suspicion, Voters, voters_path
from .step import Scene

ROUND_BEATS = 0.1  # between two rounds of asking
LOOK_SECONDS = 0.02  # how often to see whether something else has proven the fence
MARGIN_BEATS = 0.5  # how much longer than the bound to ask, for clocks and answers that are slow


async def _word(caller: Caller, node: Node, order: ExpiryRequest, seconds: float) -> VoterWord:
    url = base_url(node.address, node.agent_port) + EXPIRY_PATH
    try:
        return await caller.post(url, order, VoterWord, seconds)
    except Unavailable as error:
        return VoterWord(voter=node.name, incarnation=0, against=False, because=str(error))


class _Inquiry:
    """Rounds of asking all voters, until two in a row prove it, something else has, or the bound is over."""

    def __init__(self, scene: Scene, suspicion: Suspicion, voters: Voters, elsewhere: Event) -> None:
        self._scene = scene
        self._elsewhere = elsewhere
        self._sets = voters.sets
        self._beat_seconds = suspicion.beat_seconds
        # A suspicion of silence comes after three beats of it. Any other ends acknowledgements at that moment, and
        # this step began later than that.
        self._silent_at = time.monotonic()
        if suspicion.health is not Health.HOST_SILENT:
            self._silent_at += EXPIRY_BEATS * self._beat_seconds

    async def rounds(self, caller: Caller) -> tuple[bool, list[VoterWord]]:
        scene, node = self._scene, self._scene.old_primary
        order = ExpiryRequest(
            cluster=scene.spec.cluster,
            node=node.name,
            address=node.address,
            port=node.port,
            job=scene.job.id,
            epoch=scene.job.epoch,
        )
        names = sorted({name for voters in self._sets for name in voters})
        voters = [voter for voter in scene.replicas if voter.name in names]
        until = time.monotonic() + (EXPIRY_BEATS + MARGIN_BEATS) * self._beat_seconds + scene.neighbours.answer_seconds
        words: list[VoterWord] = []
        while True:
            earlier = words
            words = await self._round(caller, voters, order)
            if expired(self._sets, earlier, words) and time.monotonic() >= self._silent_at:
                return True, words
            if self._elsewhere.is_set() or time.monotonic() > until:
                return False, words
            await asyncio.sleep(ROUND_BEATS * self._beat_seconds)

    async def _round(self, caller: Caller, voters: list[Node], order: ExpiryRequest) -> list[VoterWord]:
        """All answers; none as soon as something else has proven the fence, which nobody must wait for us to tell."""
        seconds = self._scene.neighbours.answer_seconds
        asked = [asyncio.create_task(_word(caller, voter, order, seconds)) for voter in voters]
        left: set[asyncio.Task[VoterWord]] = set(asked)
        while left:
            _done, left = await asyncio.wait(left, timeout=LOOK_SECONDS)
            if self._elsewhere.is_set():
                for each in left:
                    each.cancel()
                return []
        return [each.result() for each in asked]


async def _inquire(scene: Scene, inquiry: _Inquiry) -> tuple[bool, list[VoterWord]]:
    if scene.neighbours.agents is None:
        raise InvalidInput("fence needs agent_ca, agent_cert and agent_key")
    async with Caller(scene.neighbours.agents) as caller:
        return await inquiry.rounds(caller)


def by_lease(scene: Scene, elsewhere: Event) -> Attempt:
    """Whether the old primary's lease has expired. Waits until the bound can be reached, or ``elsewhere`` is set."""
    name, suspicion = scene.old_primary.name, scene.job.suspicion

    def attempt(proven: bool, detail: str) -> Attempt:
        return Attempt(rung=Rung.LEASE_EXPIRED, node=name, proven=proven, detail=detail)

    if scene.check:
        return attempt(False, "the voters are not asked in check mode")
    if suspicion is None or suspicion.beat_seconds <= 0:
        return attempt(False, "no monitor's suspicion stands behind this job, so monitors may still acknowledge it")
    found = scene.store.read(voters_path(scene.spec.cluster), Voters)
    if found is None or found.value.primary != name:
        return attempt(False, "nobody is on record as voting on its lease")
    if not all(found.value.sets):
        return attempt(False, "its agent has never said that it guards a lease, or has no voter left")
    proven, words = ask(_inquire(scene, _Inquiry(scene, suspicion, found.value, elsewhere)))
    return attempt(proven, "; ".join(f"{word.voter} says: {word.because}" for word in words))
