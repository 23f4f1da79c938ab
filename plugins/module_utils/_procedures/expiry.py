# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathering the proof that a primary's lease has expired: the monitors' silence and the voters' words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
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
HEAD_START_SECONDS = 0.25  # of what proves it sooner; to ask every voter for nothing slows that down
MARGIN_BEATS = 0.5  # how much longer than the bound to ask, for clocks and answers that are slow

Now = Callable[[], float]
Proof = tuple[bool, list[VoterWord]]


async def _word(caller: Caller, node: Node, order: ExpiryRequest, seconds: float) -> VoterWord:
    url = base_url(node.address, node.agent_port) + EXPIRY_PATH
    try:
        return await caller.post(url, order, VoterWord, seconds)
    except Unavailable as error:
        return VoterWord(voter=node.name, incarnation=0, against=False, because=str(error))


@dataclass(frozen=True, kw_only=True, slots=True)
class Rounds:
    """Rounds of asking all voters, until two in a row prove it, something else has, or the bound is over.

    ``sets``: each set of voters that the primary may be going by. ``silent_at``: when the monitors' silence is old
    enough, and ``until``: when to give up, both by ``now()``, the monotonic clock.
    """

    sets: tuple[tuple[str, ...], ...]
    silent_at: float
    until: float
    pause_seconds: float
    elsewhere: Event
    now: Callable[[], float] = time.monotonic

    async def run(self, voters: Sequence[str], word: Callable[[str], Coroutine[None, None, VoterWord]]) -> Proof:
        """Ask ``voters`` by ``word``; whether it is proven, and the last words."""
        words: list[VoterWord] = []
        while True:
            earlier = words
            words = await self._round([asyncio.create_task(word(name)) for name in voters])
            if expired(self.sets, earlier, words) and self.now() >= self.silent_at:
                return True, words
            if self.elsewhere.is_set() or self.now() > self.until:
                return False, words
            await asyncio.sleep(self.pause_seconds)

    async def _round(self, asked: list[asyncio.Task[VoterWord]]) -> list[VoterWord]:
        """All answers; none as soon as something else has proven the fence, which nobody must wait for us to tell."""
        left: set[asyncio.Task[VoterWord]] = set(asked)
        while left:
            _done, left = await asyncio.wait(left, timeout=LOOK_SECONDS)
            if self.elsewhere.is_set():
                for each in left:
                    each.cancel()
                return []
        return [each.result() for each in asked]


def rounds_for(suspicion: Suspicion, voters: Voters, answer_seconds: float, elsewhere: Event, now: Now) -> Rounds:
    """A suspicion of silence comes after three beats of it. Any other ends acknowledgements at that moment, which is
    before anybody asks."""
    beat_seconds, begun = suspicion.beat_seconds, now()
    silent = suspicion.health is Health.HOST_SILENT
    return Rounds(
        sets=voters.sets,
        silent_at=begun if silent else begun + EXPIRY_BEATS * beat_seconds,
        until=begun + (EXPIRY_BEATS + MARGIN_BEATS) * beat_seconds + answer_seconds,
        pause_seconds=ROUND_BEATS * beat_seconds,
        elsewhere=elsewhere,
        now=now,
    )


async def _inquire(scene: Scene, suspicion: Suspicion, voters: Voters, elsewhere: Event) -> Proof:
    if scene.neighbours.agents is None:
        raise InvalidInput("fence needs agent_ca, agent_cert and agent_key")
    node, seconds = scene.old_primary, scene.neighbours.answer_seconds
    order = ExpiryRequest(
        cluster=scene.spec.cluster,
        node=node.name,
        address=node.address,
        port=node.port,
        job=scene.job.id,
        epoch=scene.job.epoch,
    )
    names = {name for each in voters.sets for name in each}
    nodes = {voter.name: voter for voter in scene.replicas if voter.name in names}
    rounds = rounds_for(suspicion, voters, seconds, elsewhere, time.monotonic)
    async with Caller(scene.neighbours.agents) as caller:
        return await rounds.run(sorted(nodes), lambda name: _word(caller, nodes[name], order, seconds))


def by_lease(scene: Scene, elsewhere: Event) -> Attempt:
    """Whether the old primary's lease has expired. Waits until the bound can be reached, or ``elsewhere`` is set."""
    name, suspicion = scene.old_primary.name, scene.job.suspicion

    def attempt(proven: bool, detail: str) -> Attempt:
        return Attempt(rung=Rung.LEASE_EXPIRED, node=name, proven=proven, detail=detail)

    if scene.check:
        return attempt(False, "the voters are not asked in check mode")
    if suspicion is None or suspicion.beat_seconds <= 0:
        return attempt(False, "no monitor's suspicion stands behind this job, so monitors may still acknowledge it")
    if elsewhere.wait(HEAD_START_SECONDS):
        return attempt(False, "the voters were not asked, something else has proven it")
    found = scene.store.read(voters_path(scene.spec.cluster), Voters)
    if found is None or found.value.primary != name:
        return attempt(False, "nobody is on record as voting on its lease")
    if not all(found.value.sets):
        return attempt(False, "its agent has never said that it guards a lease, or has no voter left")
    proven, words = ask(_inquire(scene, suspicion, found.value, elsewhere))
    return attempt(proven, "; ".join(f"{word.voter} says: {word.because}" for word in words))
