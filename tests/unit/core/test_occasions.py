"""What happened becomes the right notices: of suspicions, conclusions, and every turn of a job's record."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Team
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Notice, Severity
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import (
    TURNS,
    WEIGHTS,
    news_of_job,
    notice_of_breach,
    notice_of_escalation,
    notice_of_failed_run,
    notice_of_lease_off,
    notice_of_quarantine,
    notice_of_repair,
    notice_of_screening,
    notice_of_suspicion,
    notice_of_test,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Verdict
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    Acknowledgement,
    Evidence,
    Job,
    StepRecord,
    Suspicion,
)
from tests.unit.core import worlds
from tests.unit.core.test_replay import screening

WHO = {"at": 5.0, "by": "orc1"}


def job(state: JobState = JobState.RUNNING, trouble: str = "", epoch: int = 2, number: int = 2) -> Job:
    made = worlds.job(state)
    return replace(made, id=f"orders-{number}", epoch=epoch, trouble=trouble, owner="orc1", because="its reason")


TEAMS = (Team(name="web", target="chat-web"), Team(name="billing", target="pager"), Team(name="batch"))


def asked(*answered: str, state: JobState = JobState.PAUSED) -> Job:
    given = tuple(Acknowledgement(team=name, by="ann", at=9.0) for name in answered)
    return replace(job(state), teams=TEAMS, acknowledgements=given, paused_at=60.0)


def accounted(made: Job, **evidence: str | int | float | bool | list[str] | dict[str, str] | None) -> Job:
    """With the word of the step that names what was lost."""
    done = StepRecord(
        step="account",
        epoch=made.epoch,
        changed=True,
        sentence="what is lost",
        evidence=evidence,
        finished_at=1.0,
        seconds=0.1,
    )
    return replace(made, steps=(*made.steps, done))


def kinds(before: Job | None, now: Job) -> list[Kind]:
    return [each.kind for each in news_of_job(before, now, at=5.0, by="orc1")]


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (None, job(), [Kind.JOB_OPENED]),
        (job(JobState.DONE, number=1), job(), [Kind.JOB_OPENED]),
        (job(), job(), []),
        (job(), job(trouble="no name server"), [Kind.JOB_TROUBLE]),
        (job(trouble="no name server"), job(trouble="no name server"), []),
        (job(trouble="no name server"), job(trouble="no MySQL"), [Kind.JOB_TROUBLE]),
        (job(trouble="no name server"), job(), []),
        (job(), job(epoch=3), [Kind.JOB_OPENED]),
        (job(), job(JobState.PAUSED), [Kind.JOB_PAUSED]),
        (job(JobState.PAUSED), job(JobState.PAUSED), []),
        (job(JobState.PAUSED), job(epoch=3), [Kind.JOB_OPENED]),
        (asked(), asked("web"), [Kind.JOB_ACKNOWLEDGED]),
        (asked("web"), asked("web"), []),
        (None, asked("web"), [Kind.JOB_OPENED, Kind.JOB_PAUSED]),
        (job(), job(JobState.DONE), [Kind.JOB_DONE]),
        (job(JobState.DONE), job(JobState.DONE), []),
        (job(JobState.PAUSED), job(JobState.ABORTED), [Kind.JOB_ABORTED]),
        # Not looked at for a while: what went between is told all the same.
        (None, job(JobState.DONE), [Kind.JOB_OPENED, Kind.JOB_DONE]),
        (job(JobState.DONE, number=1), job(JobState.PAUSED), [Kind.JOB_OPENED, Kind.JOB_PAUSED]),
        (None, job(trouble="no name server"), [Kind.JOB_OPENED, Kind.JOB_TROUBLE]),
    ],
)
def test_each_turn_of_a_job_is_told_once(before: Job | None, now: Job, told: list[Kind]) -> None:
    assert kinds(before, now) == told


def test_of_any_two_looks_at_a_job_no_kind_is_told_twice_and_every_end_is_told() -> None:
    looks = [job(*facts) for facts in product(JobState, ("", "x"), (2, 3), (1, 2))]
    looks += [asked(*answered, state=state) for answered, state in product(((), ("web",)), JobState)]
    looks += [accounted(each, transactions=2) for each in looks if each.state is JobState.DONE]
    won = set()
    for before, now in product([None, *looks], looks):
        told = kinds(before, now)
        assert len(told) == len(set(told))
        new_end = now.state.ended and (before is None or (before.id, before.state) != (now.id, now.state))
        assert (Kind.JOB_DONE in told or Kind.JOB_ABORTED in told) is new_end
        won |= set(told)
    assert won == {turn.kind for turn in TURNS}


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        ({"transactions": 0, "unknown": ""}, []),
        ({"transactions": 2, "unknown": ""}, [Kind.LOSSES]),
        ({"transactions": 0, "unknown": "its host is silent"}, [Kind.LOSSES]),
        ({"transactions": 2, "unknown": "its host is silent"}, [Kind.LOSSES]),
    ],
)
def test_what_a_job_lost_or_cannot_tell_is_told_when_it_is_done(evidence: Evidence, told: list[Kind]) -> None:
    done = accounted(job(JobState.DONE), **evidence)
    assert kinds(accounted(job(), **evidence), done) == [Kind.JOB_DONE, *told]
    for notice in news_of_job(job(), done, at=5.0, by="orc1")[1:]:
        assert (notice.severity, notice.sentence) == (Severity.CRITICAL, "what is lost")


def test_a_notice_of_a_job_names_job_epoch_cluster_and_the_primary_it_replaces() -> None:
    now = job(JobState.PAUSED)
    (told,) = news_of_job(job(), now, at=5.0, by="orc1")
    assert (told.cluster, told.node, told.job, told.epoch) == (now.cluster, now.old_primary, "orders-2", 2)
    assert told.severity is Severity.CRITICAL
    assert "its reason" in told.sentence


def test_when_a_job_pauses_its_teams_are_named_told_to_stop_writing_and_told_by_their_own_targets() -> None:
    (told,) = news_of_job(job(), asked(), at=5.0, by="orc1")
    assert told.sentence.startswith("stop writing to orders, teams web, billing, batch; nothing was promoted")
    assert told.to == ("chat-web", "pager")
    (told,) = news_of_job(job(), job(JobState.PAUSED), at=5.0, by="orc1")
    assert told.sentence.startswith("stop writing to orders, all clients; nothing was promoted")
    (told,) = news_of_job(job(), replace(job(JobState.PAUSED), candidate="db2"), at=5.0, by="orc1")
    assert told.sentence.startswith("stop writing to orders, all clients; the promotion of db2 is not done")
    assert told.to == ()


def test_a_reminder_says_for_how_long_who_is_silent_and_what_to_do_and_no_two_are_the_same() -> None:
    told = notice_of_escalation(asked("billing"), 4, at=60.0 + 20 * 60, by="orc1")
    assert (told.kind, told.severity) == (Kind.JOB_ESCALATED, Severity.CRITICAL)
    said = (
        "reminder 4: paused for 20 min, nothing was promoted, still silent: web, batch;"
        " stop writing to orders, and resume, force or abort the job"
    )
    assert told.sentence.startswith(said)
    assert told.to == ("chat-web",)
    assert told.topic != notice_of_escalation(asked("billing"), 5, at=60.0 + 20 * 60, by="orc1").topic


def test_an_answer_says_who_is_left_and_the_end_tells_the_teams_to_restart() -> None:
    (told,) = news_of_job(asked(), asked("web"), at=5.0, by="orc1")
    assert told.sentence == "web stopped writing; still silent: billing, batch"
    (told,) = news_of_job(asked("web"), asked("web", "billing", "batch"), at=5.0, by="orc1")
    assert told.sentence == "web, billing, batch stopped writing; no team is left to answer"
    (told,) = news_of_job(asked(), asked(state=JobState.DONE), at=5.0, by="orc1")
    assert told.sentence == "its reason; teams web, billing, batch: restart what keeps the old address"
    assert told.to == ("chat-web", "pager")
    (told,) = news_of_job(job(), job(JobState.DONE), at=5.0, by="orc1")
    assert told.sentence == "its reason"


def test_a_conclusion_says_why_nothing_is_done_and_is_graver_where_something_should_be() -> None:
    dead = replace(
        screening(),
        verdict=Verdict.DEAD_PRIMARY,
        actionable=True,
        because="it is dead",
        blockers=("it is in maintenance",),
    )
    told = notice_of_screening(dead)
    assert told.sentence == "dead_primary: it is dead; not failed over because it is in maintenance"
    assert told.severity is Severity.CRITICAL
    assert notice_of_screening(replace(dead, blockers=())).sentence == "dead_primary: it is dead"
    severities = {
        notice_of_screening(
            replace(dead, verdict=verdict, actionable=verdict.actionable, blockers=blockers)
        ).severity: None
        for verdict, blockers in product(Verdict, ((), ("a rule",)))
    }
    assert set(severities) == {weight.severity for weight in WEIGHTS}


@pytest.mark.parametrize("verdict", [each for each in Verdict if each.refutes])
def test_a_primary_that_lives_is_only_worth_an_information(verdict: Verdict) -> None:
    told = notice_of_screening(replace(screening(), verdict=verdict, actionable=False, blockers=("the verdict",)))
    assert told.severity is Severity.INFO
    assert "not failed over" not in told.sentence


def test_where_nobody_can_tell_that_is_a_warning_with_the_reason() -> None:
    told = notice_of_screening(
        replace(screening(), verdict=Verdict.UNCERTAIN, actionable=False, blockers=("nobody can tell",))
    )
    assert told.severity is Severity.WARNING
    assert told.sentence.endswith("not failed over because nobody can tell")


def test_the_other_occasions_say_what_they_are_given() -> None:
    suspicion = Suspicion(
        cluster="orders",
        primary="db1",
        epoch=4,
        health=Health.HOST_SILENT,
        because="three reports in a row are missing",
        monitor="mon1",
        raised_at=9.0,
    )
    assert notice_of_suspicion(suspicion) == Notice(
        kind=Kind.SUSPICION,
        severity=Severity.WARNING,
        cluster="orders",
        node="db1",
        epoch=4,
        sentence="three reports in a row are missing",
        at=9.0,
        by="mon1",
    )
    for critical, over, severity in (
        (False, False, Severity.WARNING),
        (True, False, Severity.CRITICAL),
        (True, True, Severity.INFO),
    ):
        breach = notice_of_breach(
            cluster="orders", node="db1", about="disk", sentence="95 %", at=1.0, by="mon1", critical=critical, over=over
        )
        assert (breach.kind, breach.severity) == (Kind.BREACH, severity)
    assert notice_of_lease_off(cluster="orders", node="db1", at=1.0, by="mon1").kind is Kind.UNPROTECTED
    assert notice_of_quarantine(cluster="orders", sentence="x", at=1.0, by="mon1").severity is Severity.CRITICAL
    assert "ended with 4" in notice_of_failed_run(job(), 4, at=1.0, by="orc1").sentence
    assert notice_of_test(by="orc1", at=1.0).kind is Kind.TEST


def test_a_repair_is_news_and_one_that_cannot_be_done_calls_for_a_person() -> None:
    def notice(repaired: bool) -> Notice:
        return notice_of_repair(
            cluster="orders", node="db3", epoch=2, sentence="db3 follows db2", repaired=repaired, at=1.0, by="orc1"
        )

    assert (notice(True).kind, notice(True).severity) == (Kind.REPLICA_REPAIRED, Severity.INFO)
    assert (notice(False).kind, notice(False).severity) == (Kind.REPLICA_ASTRAY, Severity.CRITICAL)
