"""The states of a job and the ways between them."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import (
    TRANSITIONS,
    JobState,
    check_transition,
)
from tests.unit.tree.source import MODULES, python_files, text

WAYS = {(each.source, each.target) for each in TRANSITIONS}


@pytest.mark.parametrize(("source", "target"), list(product(JobState, JobState)))
def test_exactly_the_ways_of_the_table_are_open(source: JobState, target: JobState) -> None:
    if (source, target) in WAYS:
        found = check_transition(source, target)
        assert (found.source, found.target) == (source, target)
    else:
        with pytest.raises(Refused, match=f"a {source.value} job cannot become {target.value}"):
            check_transition(source, target)


def test_no_way_is_listed_twice_and_every_one_says_why_in_its_own_words() -> None:
    assert len(WAYS) == len(TRANSITIONS) == len({each.because for each in TRANSITIONS})


def test_every_state_can_be_reached_from_a_running_job() -> None:
    reached = {JobState.RUNNING}
    for _step in JobState:
        reached |= {target for source, target in WAYS if source in reached}
    assert reached == set(JobState)


def test_every_job_can_come_to_an_end() -> None:
    ending = {state for state in JobState if state.ended}
    for _step in JobState:
        ending |= {source for source, target in WAYS if target in ending}
    assert ending == set(JobState)


@pytest.mark.parametrize("state", [JobState.DONE, JobState.ABORTED])
def test_a_job_that_is_done_or_given_up_stays_so(state: JobState) -> None:
    assert not [way for way in WAYS if way[0] is state]
    with pytest.raises(Refused, match="it can become: nothing"):
        check_transition(state, JobState.RUNNING)


def test_only_a_persons_word_moves_a_job_that_does_not_run() -> None:
    assert all("an operator" in each.because for each in TRANSITIONS if each.source is not JobState.RUNNING)


def test_every_way_is_taken_by_a_module_that_asks_for_it() -> None:
    assert {f"{MODULES}{each.by}.py" for each in TRANSITIONS} <= set(python_files(MODULES))
    asked = {"close_job": "JobState.DONE", "fence": "pause_job(", "open_job": "take_over(", "job": "intervene("}
    assert {each.by for each in TRANSITIONS} == set(asked)
    assert all(words in text(f"{MODULES}{module}.py") for module, words in asked.items())


def test_a_refusal_names_the_ways_that_are_open() -> None:
    with pytest.raises(Refused, match="from here it can become: aborted, running"):
        check_transition(JobState.PAUSED, JobState.DONE)


def test_a_running_or_paused_job_has_not_ended() -> None:
    assert {state for state in JobState if not state.ended} == {JobState.RUNNING, JobState.PAUSED}
