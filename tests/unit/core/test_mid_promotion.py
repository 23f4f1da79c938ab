"""What a job that is run again does about its candidate: every case there is."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.fencing import Attempt, Rung
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.mid_promotion import (
    ROWS,
    Case,
    Turn,
    row_for,
    sentence_of,
)


def attempt(rung: Rung, proven: bool) -> Attempt:
    return Attempt(rung=rung, node="db2", proven=proven, detail="it says so")


ATTEMPTS = (
    (),
    (attempt(Rung.AGENT_WORD, False),),
    (attempt(Rung.AGENT_WORD, True),),
    (attempt(Rung.AGENT_WORD, False), attempt(Rung.AGENT_STOP, True)),
    (attempt(Rung.AGENT_WORD, False), attempt(Rung.AGENT_STOP, False)),
    (attempt(Rung.OPERATOR_WORD, True),),
)
CASES = [
    Case(
        name="db2",
        fault=fault,
        begun=begun,
        promoted=promoted,
        planned=planned,
        agent_reaches=reaches,
        attempts=attempts,
    )
    for fault, begun, promoted, planned, reaches, attempts in product(
        ("", "refused"), (False, True), (False, True), (False, True), (False, True), ATTEMPTS
    )
]


def proven(case: Case) -> bool:
    return True in [each.proven for each in case.attempts]


def test_one_that_answers_is_kept_whatever_else_is_on_record() -> None:
    assert {row_for(case).turn for case in CASES if not case.fault} == {Turn.KEEP}


def test_nobody_is_chosen_in_place_of_one_that_was_promoted_or_may_take_writes() -> None:
    anew = [case for case in CASES if row_for(case).turn is Turn.CHOOSE_ANEW]
    assert anew
    assert not [case for case in anew if not case.fault or case.promoted or (case.begun and not proven(case))]


def test_a_dead_one_is_replaced_where_nothing_has_begun_or_it_is_proven_to_take_no_write() -> None:
    replaceable = [case for case in CASES if case.fault and not case.promoted and (not case.begun or proven(case))]
    assert {row_for(case).turn for case in replaceable} == {Turn.CHOOSE_ANEW}


def test_a_new_primary_that_its_agent_reaches_is_alive_and_the_job_goes_on() -> None:
    promoted = [case for case in CASES if case.fault and case.promoted]
    assert {row_for(case).turn for case in promoted if case.agent_reaches} == {Turn.KEEP}
    dead = [case for case in promoted if not case.agent_reaches]
    assert {row_for(case).turn for case in dead if not (case.planned and proven(case))} == {Turn.PAUSE}


def test_a_switchover_ends_with_a_new_primary_that_is_proven_to_be_dead_and_with_no_other() -> None:
    ended = [case for case in CASES if row_for(case).turn is Turn.END_JOB]
    assert ended
    assert all(case.planned and case.promoted and case.fault and proven(case) for case in ended)


def test_every_row_wins_somewhere_and_its_sentence_is_whole_and_names_the_node() -> None:
    won = {ROWS.index(row_for(case)) for case in CASES}
    assert won == set(range(len(ROWS)))
    for case in CASES:
        said = sentence_of(row_for(case), case)
        assert "db2" in said
        assert "{" not in said


@pytest.mark.parametrize("row", [row for row in ROWS if row.turn is Turn.PAUSE])
def test_a_pause_says_what_a_person_can_do(row: object) -> None:
    (said, *_more) = [sentence_of(row_for(case), case) for case in CASES if row_for(case) is row]
    assert "start" in said
    assert "resume the job, or" in said


def test_what_was_tried_is_told_proof_or_not() -> None:
    begun = Case(name="db2", fault="refused", begun=True, attempts=ATTEMPTS[4])
    said = sentence_of(row_for(begun), begun)
    assert "db2 is not proven fenced by agent_word: it says so; db2 is not proven fenced by agent_stop" in said
    assert said.endswith("altair_operator_vouches_candidate=db2")
    killed = Case(name="db2", fault="refused", begun=True, attempts=ATTEMPTS[3])
    assert sentence_of(row_for(killed), killed) == (
        "db2 died in the middle of its promotion (refused), and db2 is fenced: its agent killed mysqld and saw it exit,"
        " and a node boots super_read_only"
    )
