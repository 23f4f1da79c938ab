"""The lab that the tests share, whole again before each of them; the daemons' logs are shown when a test fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.world import DAEMONS, World
from tests.lab.daemons import ROLES
from tests.lab.lab import Lab

FAILED = pytest.StashKey[bool]()
LINES = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def shared_world() -> Iterator[World]:
    world = World(Lab("integ"))
    yield world
    world.down()


@pytest.fixture
def world(shared_world: World, request: pytest.FixtureRequest) -> Iterator[World]:
    """Three databases, two monitors, two orchestrators; the primary is whoever the tests before have left it to."""
    shared_world.make_whole()
    yield shared_world
    if request.node.stash.get(FAILED, False):
        print_logs(shared_world)


def print_logs(world: World) -> None:
    for host in DAEMONS:
        for process in (ROLES[host.rstrip("0123456789")], "playbook"):
            tail = world.log(host, process).splitlines()[-LINES:]
            if tail:
                print(f"--- {host} {process}", *tail, sep="\n")
