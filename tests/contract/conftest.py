"""One small lab for all contract tests, which themselves run in the network of its client host."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.contract import by_hand
from tests.lab import services
from tests.lab.lab import Lab


@pytest.fixture(scope="session")
def started() -> Iterator[Lab]:
    # The whole process enters, and every thread that it starts from now on is born there.
    with Lab("contract", ["db1", "db2", "zk1", "ns1", "client"]) as lab, lab.inside("client"):
        yield lab


@pytest.fixture
def lab(started: Lab, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The shared lab, put right again after each test: all run, and where the test is about MySQL, db2 follows db1."""
    yield started
    started.heal()
    for host in started.hosts.values():
        for process in host.state().processes:
            if host.running(process):
                host.cont(process)
            else:
                host.start(process)
    services.wait_until("ZooKeeper", partial(services.zookeeper_answers, started.host("zk1")))
    if request.path.name.startswith("test_mysql"):
        for name in ("db1", "db2"):
            services.wait_until(f"mysqld on {name}", partial(services.mysqld_answers, started.host(name)))
        by_hand.put_right(started)
