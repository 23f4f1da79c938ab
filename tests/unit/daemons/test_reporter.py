"""An agent that nobody acknowledges says so once, and then rarely."""

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
