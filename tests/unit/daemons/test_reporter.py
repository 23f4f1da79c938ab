"""An agent that nobody acknowledges says so once, and then rarely; one that waits in a crowd keeps its place."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation, ProcessState, Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import Acknowledgement
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.reporter import Reporter


class Monitors:
    """As a caller would reach them; ``answers``: whether one acknowledges."""

    def __init__(self) -> None:
        self.answers = False

    async def post(self, _url: str, _body: object, _shape: object, _seconds: float) -> Acknowledgement:
        if not self.answers:
            raise Unavailable("the cluster is not registered")
        return Acknowledgement(watcher="mon1", watcher_url="https://mon1")


def report(sequence: int) -> Observation:
    return Observation(
        cluster="orders",
        node="db1",
        incarnation=1,
        sequence=sequence,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
    )


def test_that_nobody_acknowledges_is_said_at_once_and_then_at_every_hundredth_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    monitors = Monitors()
    reporter = Reporter(cast(Caller, monitors), ("https://mon1", "https://mon2"), 1.0, lambda _terms, _asked_at: None)

    def send(first: int, last: int) -> list[str]:
        caplog.clear()
        for sequence in range(first, last + 1):
            assert asyncio.run(reporter.send(report(sequence))) is monitors.answers
        return [entry.getMessage() for entry in caplog.records if entry.levelno >= logging.WARNING]

    assert send(1, 1) == ["no monitor acknowledged report 1"]
    assert send(2, 99) == []
    assert send(100, 150) == ["no monitor acknowledged report 100, nor the 99 before it"]
    monitors.answers = True
    assert send(151, 152) == []
    monitors.answers = False
    assert send(153, 160) == ["no monitor acknowledged report 153"]


class Slow:
    """Monitors that let a question wait until told to answer. ``asked``: by URL, which reports they were sent."""

    def __init__(self, *slow: str) -> None:
        self._slow, self.let, self.asked = slow, asyncio.Event(), dict[str, list[int]]()

    async def post(self, url: str, body: Observation, _shape: object, _seconds: float) -> Acknowledgement:
        self.asked.setdefault(url.removesuffix("/v1/report"), []).append(body.sequence)
        if url.startswith(self._slow):
            await self.let.wait()
        return Acknowledgement(watcher="mon1", watcher_url="")


def test_an_attempt_that_is_not_answered_in_time_is_let_go_on_and_no_second_one_is_begun() -> None:
    async def story() -> None:
        monitors, heard = Slow("https://mon1"), list[float]()
        reporter = Reporter(cast(Caller, monitors), ("https://mon1",), 0.02, lambda _terms, at: heard.append(at))
        for sequence in (1, 2, 3):
            assert await reporter.send(report(sequence)) is False
        assert monitors.asked == {"https://mon1": [1]}
        assert heard == []
        monitors.let.set()
        assert await reporter.send(report(4)) is True
        assert monitors.asked == {"https://mon1": [1, 4]}
        assert len(heard) == 2
        assert heard[0] < heard[1], "each counts from when it was asked"

    asyncio.run(story())


def test_another_monitor_is_asked_while_one_does_not_answer_and_the_slow_one_is_not_asked_again() -> None:
    async def story() -> None:
        monitors = Slow("https://mon1")
        reporter = Reporter(
            cast(Caller, monitors), ("https://mon1", "https://mon2"), 0.02, lambda _terms, _asked_at: None
        )
        assert await reporter.send(report(1)) is True
        assert await reporter.send(report(2)) is True
        assert monitors.asked == {"https://mon1": [1], "https://mon2": [1, 2]}
        monitors.let.set()

    asyncio.run(story())


def test_news_is_told_to_every_monitor_at_once_whatever_else_waits_there() -> None:
    async def story() -> None:
        monitors = Slow("https://mon1")
        reporter = Reporter(
            cast(Caller, monitors), ("https://mon1", "https://mon2"), 0.02, lambda _terms, _asked_at: None
        )
        await reporter.send(report(1))
        assert await reporter.send_to_all(report(2)) is True
        assert sorted(monitors.asked["https://mon1"]) == [1, 2]
        monitors.let.set()

    asyncio.run(story())
