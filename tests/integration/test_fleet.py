"""The benchmark of the fleet, at a size for every day: fifty simulated agents, one real monitor, a real ZooKeeper."""

from __future__ import annotations

import pytest

from tests.fleet.trial import HOSTS_NEEDED, Trial, faults
from tests.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.nightly]
NODES = 50


def test_of_fifty_agents_no_beat_is_missed_and_only_the_silent_primaries_are_suspected() -> None:
    with Lab("fleet", HOSTS_NEEDED) as lab:
        trial = Trial(lab, NODES, "altair", 1, print)
        found = trial.run()
    assert faults([found]) == []
    assert found["rest"]["expected"] == NODES
    assert found["rest"]["zookeeper_writes"] == 0
    # Many nodes in a transaction: fewer writes than changes, of which each node had two.
    assert found["take_over"]["zookeeper_writes"] < 2 * NODES
    assert found["silence"]["suspected"] == [spec.cluster for spec in trial.fleet[:2]]
