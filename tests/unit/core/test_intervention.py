"""What a person may do to a job in each of its states."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Team
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.intervention import (
    ROWS,
    Case,
    Wish,
    against,
    sentence_of,
    what_is_left,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import TRANSITIONS, JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    Acknowledgement,
    Job,
    OperatorWord,
    StepRecord,
)
from tests.unit.core import worlds

WORD = OperatorWord(by="ann", reason="it is off", at=1.0)
GIVEN = Acknowledgement(team="web", by="ann", at=1.0)


def step(name: str, sentence: str = "done") -> StepRecord:
    return StepRecord(step=name, epoch=7, changed=True, sentence=sentence, evidence={}, finished_at=0.0, seconds=0.0)


def job(state: JobState = JobState.PAUSED, *steps: str) -> Job:
    made = replace(worlds.job(state), because="its reason", teams=(Team(name="web"), Team(name="billing")))
    return replace(made, steps=tuple(map(step, steps)))


def answer(wish: Wish, now: Job, **facts: object) -> str:
    """``granted``, ``holds`` or the sentence of the refusal."""
    case = Case(wish=wish, job=now, **facts)  # type: ignore[arg-type]
    row = against(case)
    if row is None:
        return "granted"
    return "holds" if row.holds else sentence_of(row, case)


@pytest.mark.parametrize(
    ("wish", "state", "said"),
    [
        (Wish.RESUMED, JobState.PAUSED, "granted"),
        (Wish.RESUMED, JobState.RUNNING, "holds"),
        (Wish.RESUMED, JobState.DONE, "job orders-7 is done, its reason; it cannot be resumed any more"),
        (Wish.RESUMED, JobState.ABORTED, "job orders-7 is aborted, its reason; it cannot be resumed any more"),
        (Wish.FORCED, JobState.PAUSED, "granted"),
        (Wish.FORCED, JobState.RUNNING, "job orders-7 runs and waits for nobody; force it if it pauses"),
        (Wish.FORCED, JobState.DONE, "job orders-7 is done, its reason; it cannot be forced any more"),
        (Wish.ABORTED, JobState.PAUSED, "granted"),
        (Wish.ABORTED, JobState.RUNNING, "granted"),
        (Wish.ABORTED, JobState.ABORTED, "holds"),
        (Wish.ABORTED, JobState.DONE, "job orders-7 is done, its reason; it cannot be aborted any more"),
        (Wish.ACKNOWLEDGED, JobState.PAUSED, "granted"),
        (
            Wish.ACKNOWLEDGED,
            JobState.RUNNING,
            "job orders-7 is running; only a paused job waits for acknowledgements",
        ),
    ],
)
def test_each_wish_is_granted_held_or_refused_by_the_jobs_state(wish: Wish, state: JobState, said: str) -> None:
    assert answer(wish, job(state), team="web") == said


def test_a_job_whose_promotion_has_begun_or_is_done_is_not_given_up() -> None:
    said = "the promotion of job orders-7 has begun or is done; the job has to go to its end"
    assert answer(Wish.ABORTED, job(JobState.RUNNING), promotion_begun=True) == said
    assert answer(Wish.ABORTED, job(JobState.RUNNING, "fence", "promote")) == said
    assert answer(Wish.ABORTED, job(JobState.RUNNING, "fence", "salvage")) == "granted"
    assert answer(Wish.ABORTED, job(JobState.PAUSED, "fence", "salvage"), promotion_begun=True) == said


def test_a_job_that_paused_over_the_one_it_promoted_may_be_given_up_and_names_what_it_leaves() -> None:
    paused = replace(job(JobState.PAUSED, "fence", "promote"), candidate="db1", plan=("fence", "promote", "repoint"))
    assert answer(Wish.ABORTED, paused, promotion_begun=True) == "granted"
    assert what_is_left(paused) == "db1 stays the primary by the record, and what was left is not done (repoint)"


@pytest.mark.parametrize("state", list(JobState))
def test_whoever_means_another_job_is_told_which_it_is_and_nothing_is_granted(state: JobState) -> None:
    for wish in Wish:
        said = answer(wish, job(state), expected="orders-6", team="web")
        assert said == "the job of cluster orders is orders-7, not orders-6; look at the status"
        assert answer(wish, job(state), expected="orders-7", team="web") == answer(wish, job(state), team="web")


def test_a_team_answers_once_and_a_stranger_is_told_who_is_asked() -> None:
    now = replace(job(), acknowledgements=(GIVEN,))
    assert answer(Wish.ACKNOWLEDGED, now, team="web") == "holds"
    assert answer(Wish.ACKNOWLEDGED, now, team="billing") == "granted"
    assert answer(Wish.ACKNOWLEDGED, now, team="x") == "job orders-7 asks no team 'x'; it asks: web, billing"
    assert answer(Wish.ACKNOWLEDGED, replace(now, teams=()), team="x").endswith("it asks: none")
    assert (now.silent_teams, replace(now, teams=()).silent_teams) == (("billing",), ())


@pytest.mark.parametrize("state", [JobState.RUNNING, JobState.DONE])
def test_a_job_that_was_forced_stays_forced(state: JobState) -> None:
    assert answer(Wish.FORCED, replace(job(state), operator_word=WORD)) == "holds"


def test_every_row_answers_somewhere_and_every_sentence_is_whole() -> None:
    won = set()
    jobs = [
        replace(job(state, *steps), operator_word=word, acknowledgements=given)
        for state, steps, word, given in product(JobState, ((), ("promote",)), (None, WORD), ((), (GIVEN,)))
    ]
    for wish, now, expected, team, begun in product(Wish, jobs, ("", "x"), ("web", "x"), (False, True)):
        case = Case(wish=wish, job=now, expected=expected, team=team, promotion_begun=begun)
        row = against(case)
        if row is not None:
            won.add(ROWS.index(row))
            assert "{" not in sentence_of(row, case)
    assert won == set(range(len(ROWS)))


def test_no_wish_is_granted_that_the_lifecycle_does_not_know() -> None:
    targets = {Wish.RESUMED: JobState.RUNNING, Wish.FORCED: JobState.RUNNING, Wish.ABORTED: JobState.ABORTED}
    granted = {
        (state, target)
        for wish, target in targets.items()
        for state in JobState
        if answer(wish, job(state)) == "granted"
    }
    assert granted == {(each.source, each.target) for each in TRANSITIONS if each.by == "job"}


def test_who_gives_a_job_up_is_told_what_is_known_of_the_old_primary() -> None:
    assert what_is_left(job()) == "db3 is left as it is, and nothing proves that it can take no write"
    fenced = replace(job(), steps=(step("fence", "db3 is fenced: it says so"),))
    assert "(db3 is fenced: it says so); the replicas may have to be told START REPLICA" in what_is_left(fenced)
