"""Changes of health on their way to ZooKeeper: gathered, none left unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import NodeHealth
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.ledger import Ledger

BEAT = 0.5
DB1, DB2 = ("orders", "db1"), ("orders", "db2")
Written = list[dict[tuple[str, str], str]]


def health(because: str) -> NodeHealth:
    return NodeHealth(node="db1", health=Health.HEALTHY, because=because, monitor="mon1", changed_at=0.0)


def ledger(written: Written, *refused: tuple[str, str]) -> Ledger:
    async def write_many(healths: Mapping[tuple[str, str], NodeHealth]) -> frozenset[tuple[str, str]]:
        written.append({key: each.because for key, each in healths.items()})
        return frozenset(healths) - frozenset(refused)

    return Ledger(write_many, BEAT)


def test_changes_of_several_nodes_are_written_together_and_each_is_told_what_came_of_it() -> None:
    written: Written = []

    async def run() -> tuple[bool, bool]:
        book = ledger(written, DB2)
        one, other = await asyncio.gather(
            book.put(DB1, health("a"), urgent=False), book.put(DB2, health("b"), urgent=False)
        )
        return one, other

    assert asyncio.run(run()) == (True, False)
    assert written == [{DB1: "a", DB2: "b"}]


def test_who_put_a_change_that_a_newer_one_replaced_is_answered_and_only_the_newer_is_written() -> None:
    written: Written = []

    async def run() -> tuple[bool, bool]:
        book = ledger(written)
        both = book.put(DB1, health("older"), urgent=False), book.put(DB1, health("newer"), urgent=False)
        older, newer = await asyncio.wait_for(asyncio.gather(*both), 30)
        return older, newer

    assert asyncio.run(run()) == (False, True)
    assert written == [{DB1: "newer"}]
