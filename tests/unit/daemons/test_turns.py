"""Judging a node: one at a time, news is not lost, and nobody waits longer for it than it may."""

from __future__ import annotations

import asyncio

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.turns import Turns

DB1, DB2 = ("orders", "db1"), ("orders", "db2")
LONG = 30.0


class Judge:
    """Judges when it is let; counts how many judgements began and ended, and how many went on at once."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.begun: list[tuple[str, str]] = []
        self.ended: list[tuple[str, str]] = []
        self.at_once = self.most_at_once = 0

    async def __call__(self, key: tuple[str, str]) -> None:
        self.begun.append(key)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.let.wait()
        self.at_once -= 1
        self.ended.append(key)


def test_who_may_not_wait_any_longer_is_let_go_and_the_node_is_judged_all_the_same() -> None:
    async def story() -> None:
        judge = Judge()
        turns = Turns(judge)
        await turns.take(DB1, 0.0)
        await turns.take(DB1, 0.01)
        assert (judge.begun, judge.ended) == ([DB1], [])
        judge.let.set()
        await turns.take(DB1, LONG)
        assert set(judge.ended) == {DB1}

    asyncio.run(story())


def test_news_that_comes_while_a_node_is_judged_has_it_judged_again_once_however_much_it_is() -> None:
    async def story() -> None:
        judge = Judge()
        turns = Turns(judge)
        waiting = [asyncio.create_task(turns.take(DB1, LONG)) for _report in range(5)]
        await asyncio.sleep(0)
        judge.let.set()
        await asyncio.gather(*waiting)
        assert judge.ended == [DB1, DB1]
        assert judge.most_at_once == 1

    asyncio.run(story())


def test_what_judging_raises_is_heard_and_the_next_turn_is_a_new_one() -> None:
    async def story() -> None:
        faults = [Unavailable("ZooKeeper does not answer")]

        async def judge(_key: tuple[str, str]) -> None:
            if faults:
                raise faults.pop()

        turns = Turns(judge)
        with pytest.raises(Unavailable, match="does not answer"):
            await turns.take(DB1, LONG)
        await turns.take(DB1, LONG)

    asyncio.run(story())


def test_one_node_does_not_wait_for_another() -> None:
    async def story() -> None:
        judge = Judge()
        turns = Turns(judge)
        await turns.take(DB1, 0.0)
        await turns.take(DB2, 0.0)
        await asyncio.sleep(0)
        assert judge.begun == [DB1, DB2]
        judge.let.set()
        await asyncio.gather(turns.take(DB1, LONG), turns.take(DB2, LONG))

    asyncio.run(story())
