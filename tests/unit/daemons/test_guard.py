"""The lease's holder, by a clock that the test moves: it fences in time, by force if need be, never while held."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, cast

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import LeaseState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms, Vouch
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.guard import Guard

BEAT = 0.02  # of the real clock, by which it looks again; the lease is counted on the test's own
START = 1000.0
PATIENCE_SECONDS = 60.0
NODES = {name: Node(name=name, address=f"10.0.0.{name[-1]}") for name in ("db1", "db2", "db3")}


def terms(epoch: int = 1, primary: str = "db1", version: int = 1, *voters: str) -> LeaseTerms:
    voting = tuple(NODES[name] for name in voters or ("db2", "db3"))
    return LeaseTerms(epoch=epoch, primary=NODES[primary], settled=True, version=version, voters=voting)


class World:
    """db1's mysqld, and its agent's guard. ``hangs``: it does not become read-only; ``refuses``: it says no."""

    def __init__(self, memory: Path | None = None, beat_seconds: float = BEAT) -> None:
        self.clock = START
        self.readings = 0
        self.writable = True
        self.killed = False
        self.orders = 0
        self.refuses = False
        self.hangs = threading.Event()
        self.hangs.set()
        self.voters_answer: set[str] = set()
        self.guard = Guard(
            ("orders", "db1"),
            beat_seconds,
            str(memory) if memory else None,
            writable=lambda: self.writable,
            make_read_only=self._make_read_only,
            kill=self._kill,
            now=self._now,
        )

    def _now(self) -> float:
        self.readings += 1
        return self.clock

    def _make_read_only(self) -> None:
        self.orders += 1
        self.hangs.wait(PATIENCE_SECONDS)
        if self.refuses:
            raise Unavailable("mysqld does not let us in")
        self.writable = False

    def _kill(self) -> None:
        self.killed, self.writable = True, False

    async def post(self, url: str, _body: object, _shape: object, _seconds: float) -> Vouch:
        """As a caller would: the voter's agent answers, or it does not."""
        name = next(name for name, node in NODES.items() if node.address in url)
        if name not in self.voters_answer:
            raise Unavailable(f"{name} does not vouch")
        return Vouch(voter=name)

    @property
    def fenced(self) -> bool:
        return not self.writable


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.001)


async def looked(world: World, times: int = 30) -> None:
    """Until the guard has looked at its clock so often that whatever it would do is done."""
    readings = world.readings
    await until(lambda: world.readings > readings + times)


async def passed(world: World, beats: float, beat_seconds: float = BEAT) -> None:
    """Time goes by, and the guard has looked at least every 0.3 beats of it: its host never stood still."""
    for _ in range(round(beats / 0.3)):
        readings = world.readings
        world.clock += 0.3 * beat_seconds
        world.guard.acknowledged(None, START)  # wakes it
        await until(lambda readings=readings: world.readings >= readings + 2)  # type: ignore[misc]


def run(world: World, story: Coroutine[Any, Any, None], *, asking: bool = False) -> None:
    async def whole() -> None:
        works = [asyncio.create_task(world.guard.guard())]
        if asking:
            works.append(asyncio.create_task(world.guard.ask_voters(cast(Caller, world))))
        try:
            await story
        finally:
            world.hangs.set()
            for work in works:
                work.cancel()

    asyncio.run(whole())


def test_a_node_that_nobody_called_primary_is_never_fenced() -> None:
    world = World()

    async def story() -> None:
        world.clock += 1000 * BEAT
        world.guard.acknowledged(None, world.clock)
        world.guard.acknowledged(terms(primary="db2"), world.clock)
        world.clock += 1000 * BEAT
        await asyncio.sleep(5 * BEAT)
        assert not world.orders
        assert world.guard.state is LeaseState.NONE
        assert world.guard.version == 0

    run(world, story())


def test_it_is_not_fenced_a_moment_before_its_lease_ends_and_is_at_that_moment() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(), START)
        world.clock = START + 2.499 * BEAT
        await looked(world)
        assert (world.orders, world.guard.state) == (0, LeaseState.HELD)
        world.clock = START + 2.5 * BEAT
        await until(lambda: world.fenced)
        await looked(world)
        assert world.guard.state is LeaseState.FENCED

    run(world, story())


def test_an_acknowledgement_counts_from_the_moment_of_asking() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(), START)
        world.clock = START + 2.0 * BEAT
        world.guard.acknowledged(None, START + 0.5 * BEAT)  # it took one and a half beats to come
        world.guard.acknowledged(None, START)  # and an older one comes later still
        world.clock = START + 2.999 * BEAT
        await looked(world)
        assert not world.orders
        world.clock = START + 3.0 * BEAT
        await until(lambda: world.fenced)

    run(world, story())


@pytest.mark.parametrize(
    ("voters", "answering", "held"),
    [
        (("db2", "db3"), {"db2"}, True),
        (("db2", "db3"), set(), False),
        (("db2",), {"db2"}, True),
        (("db2",), {"db3"}, False),
    ],
)
def test_without_a_monitor_half_of_its_voters_keep_it_writing(
    voters: tuple[str, ...], answering: set[str], held: bool
) -> None:
    world = World()

    async def story() -> None:
        world.voters_answer = answering
        world.guard.acknowledged(terms(1, "db1", 1, *voters), START)
        for _beat in range(40):
            world.clock += 0.5 * BEAT
            await asyncio.sleep(0)
            await until(lambda: world.fenced or not held or bool(set(world.guard.vouching) & answering))
            readings = world.readings
            await until(lambda readings=readings: world.fenced or world.readings > readings + 4)  # type: ignore[misc]
            if held:
                # The next question is answered before the clock moves on.
                await asyncio.sleep(1.5 * BEAT)
        assert world.fenced is not held

    run(world, story(), asking=True)


def test_a_mysqld_that_does_not_become_read_only_in_time_is_killed() -> None:
    world = World()

    async def story() -> None:
        world.hangs.clear()
        world.guard.acknowledged(terms(), START)
        await passed(world, 3)
        await until(lambda: world.killed)
        assert (world.orders, world.guard.state) == (1, LeaseState.FENCED)

    run(world, story())


def test_a_mysqld_that_becomes_read_only_is_not_killed() -> None:
    world = World(beat_seconds=1000.0)  # so that it has all the time that a busy machine may need

    async def story() -> None:
        world.guard.acknowledged(terms(), START)
        readings = world.readings
        await until(lambda: world.readings > readings)
        await passed(world, 2.4, 1000.0)
        assert not world.fenced
        world.clock += 0.3 * 1000.0
        world.guard.acknowledged(None, START)
        await until(lambda: world.fenced)
        await asyncio.sleep(BEAT)
        assert (world.killed, world.orders) == (False, 1)

    run(world, story())


def test_a_mysqld_that_refuses_to_become_read_only_is_killed() -> None:
    world = World()

    async def story() -> None:
        world.refuses = True
        world.guard.acknowledged(terms(), START)
        await passed(world, 3)
        await until(lambda: world.killed)
        assert world.orders == 1

    run(world, story())


def test_a_host_that_stood_still_until_another_may_be_primary_kills_its_mysqld_without_a_word() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(), START)
        await looked(world)
        world.clock += 3 * BEAT
        await until(lambda: world.killed)
        assert (world.orders, world.guard.state) == (0, LeaseState.FENCED)

    run(world, story())


def test_a_host_that_stood_still_and_holds_its_lease_goes_on() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(), START)
        await looked(world)
        world.clock += 2.4 * BEAT
        await looked(world)
        assert (world.orders, world.killed) == (0, False)

    run(world, story())


def test_a_read_only_mysqld_is_left_alone_and_one_made_writable_without_a_lease_is_fenced_again() -> None:
    world = World()

    async def story() -> None:
        world.writable = False
        world.guard.acknowledged(terms(), START)
        world.clock += 100 * BEAT
        await looked(world)
        assert not world.orders
        world.writable = True
        await until(lambda: world.fenced)

    run(world, story())


def test_after_a_fence_it_stays_fenced_until_somebody_makes_it_writable_under_a_lease() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(), START)
        world.clock += 3 * BEAT
        await until(lambda: world.fenced)
        world.guard.acknowledged(terms(), world.clock)
        await looked(world)
        assert (world.fenced, world.guard.state) == (True, LeaseState.FENCED)
        world.writable = True
        await until(lambda: world.guard.state is LeaseState.HELD)
        assert not world.fenced

    run(world, story())


def test_a_demoted_primary_guards_nothing() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(1), START)
        world.guard.acknowledged(terms(2, "db2"), START)
        world.clock += 100 * BEAT
        await asyncio.sleep(5 * BEAT)
        assert not world.orders
        assert (world.guard.state, world.guard.version) == (LeaseState.NONE, 0)

    run(world, story())


def test_a_new_primary_is_not_fenced_for_one_monitors_death_before_it_knows_its_voters() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(2, "db1", 0), START)
        world.clock += 100 * BEAT
        await asyncio.sleep(5 * BEAT)
        assert (world.orders, world.guard.state, world.guard.version) == (0, LeaseState.NONE, 0)
        world.guard.acknowledged(terms(2, "db1", 1), world.clock)
        assert (world.guard.state, world.guard.version) == (LeaseState.HELD, 1)
        world.clock += 2.5 * BEAT
        await until(lambda: world.fenced)

    run(world, story())


def test_only_newer_terms_are_adopted_by_epoch_and_then_by_version() -> None:
    world = World()

    async def story() -> None:
        world.guard.acknowledged(terms(3, "db1", 7), START)
        for older in (terms(2, "db2", 9), terms(3, "db1", 6), terms(2, "db1", 8)):
            world.guard.acknowledged(older, START)
            assert (world.guard.version, world.guard.terms) == (7, terms(3, "db1", 7))
        world.guard.acknowledged(terms(3, "db1", 8, "db2"), START)
        assert world.guard.version == 8
        world.guard.acknowledged(terms(4, "db1", 1), START)
        assert world.guard.version == 1

    run(world, story())


def test_what_it_was_told_outlives_its_own_restart_and_it_has_the_time_to_ask(tmp_path: Path) -> None:
    before = World(tmp_path / "state")
    before.guard.acknowledged(terms(3, "db1", 7), START)
    world = World(tmp_path / "state")
    assert world.guard.version == 7

    async def story() -> None:
        world.clock = START + 1.499 * BEAT
        await looked(world)
        assert not world.orders
        world.clock = START + 1.5 * BEAT
        await until(lambda: world.fenced)

    run(world, story())


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b'{"epoch": "x"}', b"\xff\x00"])
def test_garbage_in_its_memory_is_said_guards_nothing_and_is_written_over(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    memory = tmp_path / "state"
    memory.write_bytes(garbage)
    world = World(memory)
    assert (world.guard.version, world.guard.state) == (0, LeaseState.NONE)
    assert str(memory) in caplog.text
    world.guard.acknowledged(terms(3, "db1", 7), START)
    assert World(memory).guard.version == 7


def test_a_memory_that_cannot_be_written_is_said_and_the_lease_is_held_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(tmp_path / "nowhere" / "state")
    world.guard.acknowledged(terms(), START)
    assert "cannot be written" in caplog.text
    assert world.guard.state is LeaseState.HELD
