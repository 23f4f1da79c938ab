"""A node that takes writes while another is primary is fenced by its agent; a candidate in its promotion never is."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import PROOF_BEATS, USURPER_BEATS, usurps
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import LeaseState
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.guard import Guard
from tests.unit.daemons.test_guard import BEAT, START, World, run, terms, until

LATER = START + 1.01 * USURPER_BEATS * BEAT


class Usurper(World):
    """As db1, which took writes from START on."""

    def __init__(self) -> None:
        super().__init__()
        self.guard = Guard(
            ("orders", "db1"),
            BEAT,
            None,
            writable=lambda: self.writable,
            make_read_only=self._make_read_only,
            kill=self._kill,
            writable_since=lambda: START if self.writable else None,
            now=self._now,
        )


def test_a_node_that_takes_writes_while_another_is_primary_is_fenced_and_says_so_until_mysqld_is_started_anew() -> None:
    world = Usurper()

    async def story() -> None:
        world.guard.acknowledged(terms(primary="db2"), LATER)
        await until(lambda: world.fenced)
        assert (world.orders, world.killed) == (1, False)
        states = [world.guard.state]
        world.guard.mysqld_started()
        states.append(world.guard.state)
        assert states == [LeaseState.USURPED, LeaseState.NONE]

    run(world, story())


def test_a_usurper_that_will_not_become_read_only_is_killed() -> None:
    world = Usurper()
    world.refuses = True

    async def story() -> None:
        world.guard.acknowledged(terms(primary="db2"), LATER)
        await until(lambda: world.killed)

    run(world, story())


@pytest.mark.parametrize("beats", [-1.0, 0.0, PROOF_BEATS, 0.99 * USURPER_BEATS])
def test_a_word_that_may_be_of_the_time_before_it_was_writable_fences_nobody(beats: float) -> None:
    world = Usurper()

    async def story() -> None:
        world.guard.acknowledged(terms(primary="db2"), START + beats * BEAT)
        await asyncio.sleep(5 * BEAT)
        assert not world.orders

    run(world, story())


def test_a_candidate_is_not_fenced_while_its_job_is_open_nor_when_it_is_primary_on_record() -> None:
    world = Usurper()

    async def story() -> None:
        world.guard.acknowledged(replace(terms(primary="db2"), settled=False), START + 100 * BEAT)
        world.guard.acknowledged(terms(epoch=2, primary="db1"), START + 200 * BEAT)
        await asyncio.sleep(5 * BEAT)
        assert not world.orders

    run(world, story())


def views(promoted_at: float, closed_at: float, asked_at: float) -> list[tuple[str, bool]]:
    """What a monitor may say of db2, promoted from db1: (primary, settled) of any moment up to PROOF_BEATS before."""
    moments = [asked_at - PROOF_BEATS * part / 10 for part in range(11)]
    return [("db1" if at < promoted_at else "db2", at >= closed_at) for at in moments]


def test_in_no_order_of_promotion_record_and_report_is_the_new_primary_taken_for_a_usurper() -> None:
    steps = [number / 4 for number in range(12)]
    for recorded, closed, asked in product(steps, repeat=3):  # in beats after it became writable
        if recorded <= closed:
            for primary, settled in views(recorded, closed, asked):
                assert not usurps(
                    own="db2",
                    primary=primary,
                    settled=settled,
                    writable_since=0.0,
                    asked_at=asked,
                    beat_seconds=1.0,
                ), (recorded, closed, asked)


def test_a_usurper_is_found_out_by_the_first_word_that_is_surely_about_it() -> None:
    steps = [number / 4 for number in range(12)]
    found = [
        usurps(own="db2", primary="db1", settled=True, writable_since=0.0, asked_at=asked, beat_seconds=1.0)
        for asked in steps
    ]
    assert found == [asked >= USURPER_BEATS for asked in steps]
