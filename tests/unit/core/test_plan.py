"""The steps of a failover, interrupted at every prefix."""

from __future__ import annotations

from itertools import combinations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import (
    FAILOVER,
    step_named,
    steps_left,
    steps_missing_before,
)

NAMES = [step.name for step in FAILOVER]
SUBSETS = [set(some) for count in range(len(NAMES) + 1) for some in combinations(NAMES, count)]


def test_the_order_is_the_one_that_loses_nothing() -> None:
    order = {name: index for index, name in enumerate(NAMES)}
    assert order["pause_monitoring"] == 0
    assert order["fence"] < order["catch_up"] < order["choose_candidate"] < order["promote"]
    assert order["promote"] < order["switch_dns"]
    assert order["promote"] < order["repoint"]
    # Who is disconnected before the name leads elsewhere only comes back, and replicas wait longer than clients may.
    assert order["switch_dns"] < order["repoint"] < order["disconnect_clients"]


def test_every_step_has_its_own_name_stage_and_sentence() -> None:
    for texts in ([s.name for s in FAILOVER], [s.stage for s in FAILOVER], [s.does for s in FAILOVER]):
        assert len(set(texts)) == len(FAILOVER)
        assert all(texts)


def test_a_step_is_named_as_a_module_can_be() -> None:
    assert all(name.isidentifier() and name == name.lower() for name in NAMES)


@pytest.mark.parametrize("count", range(len(NAMES) + 1))
def test_a_successor_goes_on_where_its_predecessor_stopped(count: int) -> None:
    assert [step.name for step in steps_left(NAMES[:count])] == NAMES[count:]


def test_whatever_is_on_record_nothing_that_is_missing_is_passed_over() -> None:
    for done in SUBSETS:
        left = [step.name for step in steps_left(done)]
        assert set(NAMES) - done <= set(left)
        assert left == NAMES[len(NAMES) - len(left) :]
        assert not left or left[0] not in done


def test_a_step_is_held_back_by_each_earlier_one_that_is_missing() -> None:
    for done in SUBSETS:
        for index, name in enumerate(NAMES):
            assert list(steps_missing_before(name, done)) == [one for one in NAMES[:index] if one not in done]


def test_the_first_step_that_is_left_is_never_held_back() -> None:
    for done in SUBSETS:
        for step in steps_left(done)[:1]:
            assert steps_missing_before(step.name, done) == ()


def test_a_step_of_another_name_is_refused_and_those_there_are_are_named() -> None:
    with pytest.raises(InvalidInput, match="'shoot' is no step of a failover; the steps are pause_monitoring, fence"):
        step_named("shoot")


def test_a_step_is_found_by_its_name() -> None:
    assert [step_named(name) for name in NAMES] == list(FAILOVER)
