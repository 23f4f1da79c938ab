"""Until when a maintenance lasts, and when a run changes anything."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import MaintenancePlan
from ansible_collections.altair.mysql_ha.plugins.modules.maintenance import changed_plan, until_at
from tests.unit.core.worlds import MAINTENANCE, NOW

GIVEN: dict[str, Any] = {"state": "present", "node": None, "until": None, "duration_minutes": None, "reason": "a disk"}


@pytest.mark.parametrize(
    ("until", "minutes", "at"),
    [
        (None, 1.5, NOW + 90),
        ("1970-01-12T14:46:40Z", None, NOW + 3600),
        ("1970-01-12T15:46:40+01:00", None, NOW + 3600),
    ],
)
def test_an_end_may_be_named_or_a_duration(until: str | None, minutes: float | None, at: float) -> None:
    assert until_at(until, minutes, NOW) == at


@pytest.mark.parametrize(
    ("until", "minutes", "sentence"),
    [
        (None, None, "say either with 'until' or with 'duration_minutes'"),
        ("1970-01-12T14:46:40Z", 5.0, "say either with 'until' or with 'duration_minutes'"),
        ("tomorrow", None, "until 'tomorrow' is no time such as"),
        ("1970-01-12T14:46:40", None, "has no offset from UTC"),
        ("1970-01-01T00:00:00Z", None, "would have ended already"),
        (None, 0.0, "would have ended already"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(until: str | None, minutes: float | None, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        until_at(until, minutes, NOW)


def test_without_a_reason_nobody_is_kept_from_acting() -> None:
    with pytest.raises(InvalidInput, match="say with 'reason' why"):
        changed_plan(MaintenancePlan(), {**GIVEN, "duration_minutes": 5.0, "reason": None}, NOW)


def test_a_named_end_changes_nothing_the_second_time_and_a_duration_begins_anew() -> None:
    named = {**GIVEN, "until": "1970-01-12T14:46:40Z"}
    plan, sentence = changed_plan(MaintenancePlan(), named, NOW)
    assert sentence == "the cluster is in maintenance until 1970-01-12T14:46:40Z: a disk"
    assert changed_plan(plan, named, NOW + 60) == (plan, sentence)
    longer, _sentence = changed_plan(plan, {**GIVEN, "duration_minutes": 90.0}, NOW)
    assert [each.until_at for each in longer.entries] == [NOW + 5400]


def test_its_end_before_its_time_is_said_and_nothing_is_changed_where_there_was_none() -> None:
    plan = MaintenancePlan(entries=(MAINTENANCE,))
    absent = {**GIVEN, "state": "absent"}
    assert changed_plan(plan, absent, NOW) == (MaintenancePlan(), "the maintenance of the cluster is over")
    of_db1 = {**absent, "node": "db1"}
    assert changed_plan(plan, of_db1, NOW) == (plan, "no maintenance of node db1 is on record")
