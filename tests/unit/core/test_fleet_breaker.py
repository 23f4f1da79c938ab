"""When many primaries are in trouble at once the fault is not theirs."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.fleet_breaker import FleetBreaker
from tests.unit.core.worlds import NOW


@pytest.mark.parametrize(
    ("clusters", "allowed"), [(0, 3), (1, 3), (3, 3), (15, 3), (19, 3), (20, 4), (100, 20), (5000, 1000)]
)
def test_by_default_more_than_three_and_more_than_a_fifth_are_too_many(clusters: int, allowed: int) -> None:
    assert FleetBreaker().allowed(clusters) == allowed


def test_one_cluster_alone_is_never_too_many() -> None:
    for primaries_max in range(1, 5):
        for share in (0.0, 0.5, 1.0):
            assert FleetBreaker(primaries_max=primaries_max, share_max=share).allowed(1) >= 1


def test_trouble_counts_within_the_window_whichever_clock_is_ahead() -> None:
    limits = FleetBreaker(window_seconds=60)
    assert limits.still_counts(NOW, NOW)
    assert limits.still_counts(NOW - 59.9, NOW)
    assert limits.still_counts(NOW + 59.9, NOW)
    assert not limits.still_counts(NOW - 60, NOW)
    assert not limits.still_counts(NOW + 3600, NOW)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("primaries_max", 0), ("share_max", -0.1), ("share_max", 1.1), ("window_seconds", 9), ("window_seconds", 1e6)],
)
def test_settings_that_make_no_sense_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=setting):
        FleetBreaker(**{setting: value})  # type: ignore[arg-type]
