"""The dead-man's rules under random partitions and an agent that dies at a random moment."""

from __future__ import annotations

import pytest

from tests.simulation.deadman_model import ByAnswersAlone, Guarded, Unguarded
from tests.simulation.lease_model import run

SCHEDULES = 2000


def test_no_schedule_promotes_before_the_dead_man_has_fenced_what_a_dead_agent_left() -> None:
    runs = [run(seed, kind=Guarded) for seed in range(SCHEDULES)]
    assert [each.seed for each in runs if each.overlap] == []
    assert sum(each.promoted_at is not None for each in runs) > SCHEDULES / 10
    assert sum(each.fenced_at is None for each in runs) > SCHEDULES / 10


@pytest.mark.parametrize("kind", [Unguarded, ByAnswersAlone])
def test_without_a_dead_man_or_with_one_that_asks_for_no_vouch_a_promotion_overlaps(kind: type[Unguarded]) -> None:
    assert any(run(seed, kind=kind).overlap for seed in range(3 * SCHEDULES))
