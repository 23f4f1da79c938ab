"""The dead-man's vigil, by a clock that the test moves: it asks in the dead agent's place, and kills in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.deadman import TRY_BEATS, Will
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms, VouchRequest
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.deadman.vigil import Vigil

BEAT = 0.02  # of the real clock, by which it looks again; the lease is counted on the test's own
START = 1000.0
PATIENCE_SECONDS = 60.0
NODES = {name: Node(name=name, address=f"10.0.0.{name[-1]}") for name in ("db1", "db2", "db3")}


def will(primary: str = "db1", good_beats: float = 2.0, version: int = 1) -> Will:
    """Left by db1's agent, whose lease is good for so many beats more."""
    voters = tuple(node for name, node in NODES.items() if name != primary)
    terms = LeaseTerms(epoch=1, primary=NODES[primary], settled=True, version=version, voters=voters)
    return Will(terms=terms, good_until=START + good_beats * BEAT, process_id=7, process_started=1)


class World:
    """db1, whose agent is dead."""

    def __init__(self, left: Will | None, *voters_answer: str) -> None:
        self.clock = START
        self.looks = 0
        self.agent_lives = False
        self.runs = True
        self.kills = 0
        self.voters_answer = set(voters_answer)
        self.asked: list[tuple[str, VouchRequest]] = []
        self._left = left

    async def ask(self, voter: Node, question: VouchRequest) -> bool:
        self.asked.append((voter.name, question))
        return voter.name in self.voters_answer

    def kill(self) -> None:
        self.kills += 1
        self.runs = False

    def lives(self) -> bool:
        self.looks += 1
        return self.agent_lives

    async def looked(self, times: int = 5) -> None:
        looks = self.looks
        await self.until(lambda: self.looks > looks + times)

    async def passed(self, beats: float) -> None:
        """Time goes by, and the voters have been asked meanwhile."""
        for _ in range(round(beats / 0.25)):
            self.clock += 0.25 * BEAT
            asked = len(self.asked)
            await self.until(lambda asked=asked: len(self.asked) >= asked + 2)  # type: ignore[misc]
            await self.looked(2)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                await asyncio.sleep(0.001)

    def run(self, story: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            vigil = Vigil(
                ("orders", "db1"),
                BEAT,
                self._left,
                agent_lives=self.lives,
                mysqld_runs=lambda: self.runs,
                kill=self.kill,
                ask=self.ask,
                now=lambda: self.clock,
            )
            watch = asyncio.create_task(vigil.run())
            await story()
            assert not watch.done(), "it ends when the agent lives, and not before"
            self.agent_lives = True
            await asyncio.wait_for(watch, PATIENCE_SECONDS)

        asyncio.run(whole())


def test_what_the_agent_left_holds_until_its_end_and_mysqld_is_killed_at_that_moment() -> None:
    world = World(will(good_beats=2.0))

    async def story() -> None:
        world.clock = START + 1.999 * BEAT
        await world.looked()
        assert world.kills == 0
        world.clock = START + 2.0 * BEAT
        await world.until(lambda: world.kills > 0)

    world.run(story)
    assert world.kills == 1


@pytest.mark.parametrize(("answering", "kept"), [(("db2",), True), (("db2", "db3"), True), ((), False)])
def test_as_long_as_half_of_the_voters_vouch_nothing_is_fenced(answering: tuple[str, ...], kept: bool) -> None:
    world = World(will(), *answering)

    async def story() -> None:
        await world.passed(12.0 if kept else 1.75)
        await world.looked()
        assert world.kills == 0
        if not kept:
            world.clock += 0.25 * BEAT
            await world.until(lambda: world.kills > 0)

    world.run(story)
    assert world.kills == (0 if kept else 1)


def test_when_the_vouches_stop_it_is_killed_two_and_a_half_beats_after_the_last_was_asked_for() -> None:
    world = World(will(), "db3")

    async def story() -> None:
        await world.passed(6.0)
        world.voters_answer.clear()
        await world.looked()
        world.clock += 1.9 * BEAT  # the last may have been asked for half a beat ago
        await world.looked()
        assert world.kills == 0
        world.clock += 0.7 * BEAT
        await world.until(lambda: world.kills > 0)

    world.run(story)


def test_each_voter_is_asked_at_once_in_the_name_of_the_primary() -> None:
    world = World(will(), "db2")

    async def story() -> None:
        await world.until(lambda: len(world.asked) >= 2)

    world.run(story)
    assert {name for name, _ in world.asked} == {"db2", "db3"}
    question = world.asked[0][1]
    assert (question.cluster, question.node, question.address, question.port) == ("orders", "db1", "10.0.0.1", 3306)


def test_a_lease_that_ended_long_ago_leaves_the_voters_a_moment_to_answer_and_then_none() -> None:
    """As after a restart of the dead-man, or on a host that was suspended with its agent dead or dying."""
    world = World(will(good_beats=-500.0))

    async def story() -> None:
        world.clock = START + (TRY_BEATS - 0.001) * BEAT
        await world.looked()
        assert world.kills == 0
        world.clock = START + TRY_BEATS * BEAT
        await world.until(lambda: world.kills > 0)

    world.run(story)


def test_a_lease_that_ended_long_ago_is_taken_up_again_by_voters_that_vouch_at_once() -> None:
    world = World(will(good_beats=-500.0), "db2")

    async def story() -> None:
        await world.looked()
        await world.passed(6.0)

    world.run(story)
    assert world.kills == 0


def test_a_host_that_was_suspended_during_the_vigil_is_fenced_before_anybody_is_asked_again() -> None:
    world = World(will(), "db2", "db3")

    async def story() -> None:
        await world.passed(3.0)
        world.clock += 100 * BEAT
        await world.until(lambda: world.kills > 0)

    world.run(story)


@pytest.mark.parametrize(
    "left", [None, will(primary="db2"), will(version=0)], ids=["no will", "a replica", "no voters"]
)
def test_where_no_promotion_could_follow_from_the_leases_end_nobody_is_asked_and_nothing_killed(
    left: Will | None,
) -> None:
    world = World(left)

    async def story() -> None:
        world.clock += 1000 * BEAT
        await world.looked()

    world.run(story)
    assert (world.kills, world.asked) == (0, [])


@pytest.mark.parametrize("how", ["killed", "exited"])
def test_for_a_mysqld_that_is_gone_no_vouch_is_asked_that_would_hold_up_its_successor(how: str) -> None:
    world = World(will(), "db2", "db3")

    async def story() -> None:
        await world.passed(1.0)
        if how == "exited":
            world.runs = False
        else:
            world.clock += 100 * BEAT
            await world.until(lambda: world.kills > 0)
        await world.looked(2)
        asked = len(world.asked)
        await world.looked(50)
        assert len(world.asked) == asked

    world.run(story)


def test_a_mysqld_that_the_agent_did_not_know_is_left_alone() -> None:
    world = World(will())
    world.runs = False

    async def story() -> None:
        world.clock += 1000 * BEAT
        await world.looked()

    world.run(story)
    assert world.kills == 0


def test_an_agent_that_is_back_before_the_end_stands_the_dead_man_down() -> None:
    world = World(will())

    async def story() -> None:
        world.clock = START + 1.9 * BEAT
        await world.looked()

    world.run(story)
    assert world.kills == 0
