"""The steps of a failover and of a switchover, interrupted at every prefix."""

from __future__ import annotations

from itertools import combinations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import (
    FAILOVER,
    PLANS,
    SWITCHOVER,
    JobKind,
    names_of,
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
    with pytest.raises(InvalidInput, match="'shoot' is no step of a job; the steps are pause_monitoring, fence"):
        step_named("shoot")


def test_a_step_is_found_by_its_name() -> None:
    assert [step_named(name) for name in NAMES] == list(FAILOVER)


PLANNED = names_of(JobKind.SWITCHOVER)


def test_a_switchovers_order_is_the_one_that_loses_nothing() -> None:
    order = {name: index for index, name in enumerate(PLANNED)}
    assert order["pause_monitoring"] == 0
    assert order["quiesce"] < order["catch_up_target"] < order["promote"] < order["switch_dns"]
    # Who sits on the old primary comes back to it until the name has moved.
    assert order["promote"] < order["demote"] < order["disconnect_clients"]
    assert order["switch_dns"] < order["demote"]


def test_a_writer_waits_for_no_step_of_a_switchover_after_the_name_has_moved() -> None:
    awaited = [step.name for step in SWITCHOVER if step.awaited]
    assert awaited == list(PLANNED[: PLANNED.index("switch_dns") + 1])


@pytest.mark.parametrize("kind", list(JobKind))
@pytest.mark.parametrize("count", range(11))
def test_a_successor_goes_on_where_its_predecessor_stopped_in_either_plan(kind: JobKind, count: int) -> None:
    names = names_of(kind)
    left = [step.name for step in steps_left(names[:count], kind)]
    assert left == list(names[count:])
    for name in names:
        assert steps_missing_before(name, names[:count], kind) == names[count : names.index(name)]


def test_a_step_of_one_plan_is_none_of_the_other() -> None:
    with pytest.raises(InvalidInput, match="'fence' is no step of a switchover; its steps are pause_monitoring"):
        steps_missing_before("fence", (), JobKind.SWITCHOVER)
    with pytest.raises(InvalidInput, match="'quiesce' is no step of a failover"):
        steps_missing_before("quiesce", ())


def test_what_is_common_to_both_plans_is_the_same_step() -> None:
    by_name = {step.name: step for plan in PLANS.values() for step in plan}
    assert all(by_name[step.name] == step for plan in PLANS.values() for step in plan)
    assert {step.stage for step in SWITCHOVER} != {step.stage for step in FAILOVER}
    assert len({step.stage for step in by_name.values()}) == len(by_name)
