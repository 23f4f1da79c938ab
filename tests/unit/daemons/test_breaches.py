"""Each breach is told once when it is on record and once when it is over, whichever monitor watches the node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, Versioned
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Observation,
    ProcessState,
    Reach,
    Vitals,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Breach, Raised
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState, NodeHealth
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.fleet import Member
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.breaches import Breaches, BreachNews
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.register import Key

KEY: Key = ("orders", "db1")
MEMBER = Member(
    spec=ClusterSpec(
        cluster="orders",
        nodes=tuple(Node(name=name, address="10.0.0.1") for name in ("db1", "db2")),
        dns=Dns(name="orders.example.com", zone="example.com", servers=("10.0.0.9",)),
    ),
    state=ClusterState(epoch=1, primary="db1"),
    paused=frozenset(),
    suspected=False,
    job=None,
    voters=None,
)


class Record:
    """What a monitor reads of the node's health; it counts the reads."""

    def __init__(self, breaches: tuple[Raised, ...] = (), *, down: bool = False) -> None:
        self.breaches, self.down, self.reads = breaches, down, 0

    def read_many(self, asks: Sequence[tuple[str, type[Any]]]) -> list[Versioned[NodeHealth]]:
        self.reads += 1
        if self.down:
            raise Unavailable("ZooKeeper does not answer")
        health = NodeHealth(
            node="db1", health=Health.HEALTHY, because="", monitor="mon2", changed_at=0.0, breaches=self.breaches
        )
        return [Versioned(health, 3)] * len(asks)


def report(sequence: int, share: float | None) -> Observation:
    used = None if share is None else int(share * 1000)
    return Observation(
        cluster="orders",
        node="db1",
        incarnation=1,
        sequence=sequence,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
        vitals=Vitals(disk_bytes_used=used, disk_bytes_total=1000),
    )


class Desk:
    """A monitor's breaches, and what was told of them."""

    def __init__(self, record: Record) -> None:
        self.news: list[tuple[Breach, bool]] = []
        self.breaches = Breaches(cast(Store, record), self._hear)

    def _hear(self, news: BreachNews) -> None:
        self.news.append((news.breach.breach, news.over))

    def judge(self, sequence: int, share: float | None, *, write: bool = True) -> tuple[Breach, ...]:
        found = asyncio.run(self.breaches.judge(KEY, Health.HEALTHY, MEMBER, report(sequence, share)))
        if write:
            self.breaches.written(KEY)
        return tuple(each.breach for each in found)


def test_each_raise_and_each_end_is_told_once() -> None:
    desk = Desk(Record())
    for sequence, share in enumerate((0.5, 0.91, 0.95, 0.89, None, 0.8, 0.5), 1):
        desk.judge(sequence, share)
    assert desk.news == [(Breach.DISK, False), (Breach.DISK, True)]


def test_nothing_is_told_before_it_is_on_record() -> None:
    desk = Desk(Record())
    assert desk.judge(1, 0.95, write=False) == (Breach.DISK,)
    assert desk.news == []
    assert desk.judge(2, 0.95) == (Breach.DISK,)
    assert desk.news == [(Breach.DISK, False)]


def test_who_takes_a_node_over_goes_on_with_the_record_and_tells_only_the_end() -> None:
    known = Raised(breach=Breach.DISK, because="it was full", raised_at=7.0)
    record = Record((known,))
    desk = Desk(record)
    assert desk.judge(1, None) == (Breach.DISK,)
    assert desk.judge(2, 0.95) == (Breach.DISK,)
    assert desk.news == []
    assert desk.judge(3, 0.5) == ()
    assert desk.news == [(Breach.DISK, True)]
    assert record.reads == 1


def test_where_the_record_cannot_be_read_the_breaches_are_raised_anew() -> None:
    desk = Desk(Record(down=True))
    assert desk.judge(1, 0.95) == (Breach.DISK,)
    assert desk.news == [(Breach.DISK, False)]


def test_a_node_that_was_let_go_is_read_anew_when_it_is_back() -> None:
    record = Record()
    desk = Desk(record)
    desk.judge(1, 0.95)
    desk.breaches.forget(KEY)
    record.breaches = (Raised(breach=Breach.DISK, because="it was full", raised_at=7.0),)
    desk.judge(2, 0.95)
    assert desk.news == [(Breach.DISK, False)]
    assert record.reads == 2
