"""The lease's rules under random partitions, whole and with each left out, to show that the model can fail."""

from __future__ import annotations

import pytest

from tests.simulation.lease_model import OFTEN_MISSED, run

SCHEDULES = 2000


def test_no_schedule_promotes_before_the_primary_has_fenced_itself() -> None:
    runs = [run(seed) for seed in range(SCHEDULES)]
    assert [each.seed for each in runs if each.overlap] == []
    # A model in which nothing happens would pass too.
    assert sum(each.promoted_at is not None for each in runs) > SCHEDULES / 10
    assert sum(each.fenced_at is None for each in runs) > SCHEDULES / 10


@pytest.mark.parametrize("rule", OFTEN_MISSED)
def test_leaving_out_a_rule_lets_a_promotion_overlap_the_lease(rule: str) -> None:
    assert any(run(seed, frozenset({rule})).overlap for seed in range(3 * SCHEDULES))


def test_a_schedule_is_told_by_its_seed() -> None:
    assert [run(seed) for seed in range(20)] == [run(seed) for seed in range(20)]
