"""The lab that the tests share, whole again before each of them; of one that fails, what the daemons said meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.integration.world import DAEMONS, World
from tests.lab.daemons import ROLES
from tests.lab.lab import Lab
from tests.lab.stalls import Stalls, now

FAILED = pytest.StashKey[bool]()
STALLS = Stalls()
# A fifth of what a lease of these tests lasts, a third of a session with ZooKeeper and of an agent's time to answer.
STILL_SECONDS = 1.0
LINES = 25


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test that failed once more, if the machine itself stood still meanwhile. Who fails twice has failed."""
    began = now()
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    still = STALLS.longest_since(began)
    if still > STILL_SECONDS and any(report.failed for report in reports):
        terminal: pytest.TerminalReporter = item.config.pluginmanager.getplugin("terminalreporter")
        why = next(report.longreprtext.rpartition("\n")[2] for report in reports if report.failed)
        terminal.write_line(f"\n{item.nodeid} is run again, the machine stood still for {still:.1f} s: {why}")
        item.stash[FAILED] = False
        item._initrequest()  # type: ignore[attr-defined]  # fixtures anew: pytest has no public way
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


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
    before = logs(shared_world)
    yield shared_world
    if request.node.stash.get(FAILED, False):
        print_logs(shared_world, before)


def logs(world: World) -> dict[tuple[str, str], str]:
    """What each host's daemon, and its playbooks, have said so far."""
    processes = ((host, process) for host in DAEMONS for process in (ROLES[host.rstrip("0123456789")], "playbook"))
    return {(host, process): world.log(host, process) for host, process in processes}


def print_logs(world: World, before: dict[tuple[str, str], str]) -> None:
    """What was said since; all of it, where a log was begun anew."""
    for (host, process), log in logs(world).items():
        tail = log.removeprefix(before[host, process]).splitlines()[-LINES:]
        if tail:
            print(f"--- {host} {process}", *tail, sep="\n")
