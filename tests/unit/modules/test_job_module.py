"""What a person's word on a job needs, and how the status shows who has answered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Team
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.intervention import Wish
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Acknowledgement
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import operator_name, show_pause
from ansible_collections.altair.mysql_ha.plugins.modules.job import ARGUMENT_SPEC, request_of
from tests.unit.core import worlds
from tests.unit.core.worlds import NOW

GIVEN: dict[str, Any] = {
    **{"cluster": "orders", "state": "resumed", "job": None, "team": None, "reason": None, "by": None},
    "hold_minutes": 30.0,
}


def test_the_states_that_may_be_asked_for_are_the_wishes() -> None:
    assert ARGUMENT_SPEC["state"]["choices"] == [each.value for each in Wish]


def test_who_asks_is_a_person_on_record_under_their_own_name_or_that_of_the_account() -> None:
    assert request_of(GIVEN).by == operator_name()
    assert request_of({**GIVEN, "by": "ann"}).by == "operator:ann"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"state": "forced"}, "say with 'reason' why the job is to be forced; it goes on record"),
        ({"state": "forced", "reason": " "}, "say with 'reason' why the job is to be forced"),
        ({"state": "aborted", "reason": ""}, "say with 'reason' why the job is to be aborted"),
        ({"state": "acknowledged"}, "say with 'team' who has stopped writing"),
        ({"state": "acknowledged", "team": ""}, "say with 'team' who has stopped writing"),
        ({"state": "aborted", "reason": "x", "hold_minutes": -1.0}, "hold_minutes -1 is not in 0-10080"),
        ({"state": "aborted", "reason": "x", "hold_minutes": float("nan")}, "hold_minutes nan is not in 0-10080"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        request_of({**GIVEN, **changes}).check()


def test_a_job_may_be_resumed_without_a_word_of_why() -> None:
    request_of(GIVEN).check()
    request_of({**GIVEN, "state": "aborted", "reason": "x", "hold_minutes": 0.0}).check()


def test_the_status_shows_since_when_a_job_is_paused_and_which_team_has_answered() -> None:
    given = Acknowledgement(team="web", by="operator:ann", at=NOW + 60)
    teams = (Team(name="web"), Team(name="billing"))
    job = replace(worlds.job(JobState.PAUSED), paused_at=NOW, teams=teams, acknowledgements=(given,))
    shown = show_pause(job)
    assert shown["since"] == "1970-01-12T13:46:40Z"
    assert shown["teams"] == {
        "web": "stopped writing, said operator:ann at 1970-01-12T13:47:40Z",
        "billing": "has not answered",
    }
    assert show_pause(worlds.job(JobState.DONE)) == {}
