"""Who is told of what, how often, in which words, and what a target that is too slow is not told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import (
    KINDS,
    SUBJECT_CHARACTERS_MAX,
    TOLD_MAX,
    UNWANTED,
    Kind,
    Letter,
    Notice,
    Severity,
    Told,
    Waiting,
    Wants,
    remember,
    unwanted,
)

INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


def notice(
    sentence: str = "its agent saw mysqld exit", severity: Severity = WARNING, kind: Kind = Kind.SUSPICION
) -> Notice:
    return Notice(
        kind=kind, severity=severity, cluster="orders", node="db1", epoch=7, sentence=sentence, at=1.0, by="mon1"
    )


def letter(sentence: str, missed: int = 0) -> Letter:
    return Letter(notice=notice(sentence), when="2026-01-01 00:00:00 UTC", missed=missed)


def test_every_kind_has_one_row() -> None:
    assert Counter(row.kind for row in KINDS) == Counter(Kind)
    assert all(row.title and row.when and row.told_by and row.severity for row in KINDS)


def test_severities_are_ordered_from_info_to_critical() -> None:
    assert INFO.rank < WARNING.rank < CRITICAL.rank


def some(names: tuple[str, ...]) -> list[frozenset[str]]:
    return [frozenset(each) for count in range(len(names) + 1) for each in combinations(names, count)]


def test_a_target_is_told_exactly_what_it_wants() -> None:
    kinds = (Kind.SUSPICION, Kind.JOB_DONE)
    won: set[str] = {unwanted(Wants(addressed_only=True), notice()) or ""}
    for wanted, low, clusters, kind, severity, cluster in product(
        some(kinds), Severity, some(("orders", "users")), kinds, Severity, ("orders", "users")
    ):
        wants = Wants(kinds=frozenset(map(Kind, wanted)), severity_min=low, clusters=clusters)
        found = unwanted(wants, replace(notice(severity=severity, kind=kind), cluster=cluster))
        grave_enough = {INFO: 1, WARNING: 2, CRITICAL: 3}[severity] >= {INFO: 1, WARNING: 2, CRITICAL: 3}[low]
        assert (found is None) is (
            (kind in wanted or not wanted) and grave_enough and (cluster in clusters or not clusters)
        )
        won.add(found or "")
    assert won == {"", *(reason.because for reason in UNWANTED)}


def test_a_target_is_told_what_is_addressed_to_it_whatever_else_it_wants() -> None:
    for wants in (Wants(name="web"), Wants(name="web", addressed_only=True), Wants(name="web", severity_min=CRITICAL)):
        assert unwanted(wants, replace(notice(severity=INFO), to=("billing", "web"))) is None
    nobodys = replace(notice(), to=("billing",))
    assert unwanted(Wants(name="web"), nobodys) is None, "others may hear of it"
    assert unwanted(Wants(name="web", addressed_only=True), nobodys) == "it wants what is addressed to it"


def test_the_same_is_told_once_within_its_time_and_again_after_it() -> None:
    told: Told = {}
    heard = []
    for second in range(35):
        after = remember(told, notice(), float(second), 10.0)
        if after is not None:
            told = after
            heard.append(second)
    assert heard == [0, 10, 20, 30]


@pytest.mark.parametrize(
    "other",
    [
        replace(notice(), sentence="three reports in a row are missing"),
        replace(notice(), cluster="users"),
        replace(notice(), node="db2"),
        replace(notice(), epoch=8),
        replace(notice(), job="orders-8"),
        replace(notice(), kind=Kind.BREACH),
        replace(notice(), severity=CRITICAL),
    ],
)
def test_what_differs_in_anything_that_matters_is_told_at_once(other: Notice) -> None:
    told = remember({}, notice(), 0.0, 10.0)
    assert told is not None
    assert remember(told, other, 0.1, 10.0) is not None


def test_a_number_that_changes_does_not_make_another_topic_where_the_topic_is_named() -> None:
    first, second = (replace(notice(f"the lag is {lag} s"), about="lag") for lag in (31, 32))
    told = remember({}, first, 0.0, 10.0)
    assert told is not None
    assert remember(told, second, 1.0, 10.0) is None


def test_what_is_remembered_stays_small_and_nothing_is_repeated_at_once_with_no_time_set() -> None:
    told: Told = {}
    for number in range(TOLD_MAX + 50):
        told = remember(told, notice(f"sentence {number}"), float(number), 1e9) or {}
        assert len(told) <= TOLD_MAX
    assert remember(told, notice(f"sentence {TOLD_MAX + 49}"), TOLD_MAX + 49.0, 0.0) is not None


@given(st.lists(st.sampled_from(list(Severity)), max_size=12), st.integers(1, 4))
def test_a_full_queue_loses_the_oldest_of_the_least_grave_and_counts_it(severities: list[Severity], most: int) -> None:
    waiting, kept = Waiting(), list[Notice]()
    for number, severity in enumerate(severities):
        one = notice(str(number), severity)
        waiting = waiting.put(one, most)
        kept.append(one)
        if len(kept) > most:
            least = next(each for grade in (INFO, WARNING, CRITICAL) for each in kept if each.severity is grade)
            kept.remove(least)
    assert list(waiting.notices) == kept
    assert waiting.missed == len(severities) - len(kept)


def test_what_was_missed_is_said_once() -> None:
    waiting = Waiting()
    for number in range(5):
        waiting = waiting.put(notice(str(number)), 2)
    assert waiting.missed == 3
    waiting = waiting.taken()
    waiting = waiting.put(notice("5"), 1)  # another is lost while the first is on its way
    assert waiting.delivered(3).missed == 1
    assert waiting.given_up().missed == 5


def test_a_letter_says_everything_in_subject_body_and_json() -> None:
    full = Letter(notice=replace(notice(), job="orders-7"), when="2026-01-01 00:00:00 UTC", missed=2)
    assert full.subject == "[altair] WARNING orders/db1: suspected, its agent saw mysqld exit"
    assert full.body.splitlines() == [
        "its agent saw mysqld exit (earlier notices that did not get here: 2)",
        "",
        "cluster: orders",
        "node: db1",
        "job: orders-7",
        "epoch: 7",
        "kind: suspicion",
        "severity: warning",
        "at: 2026-01-01 00:00:00 UTC",
        "told by: mon1",
    ]
    assert json.loads(json.dumps(full.payload)) == {
        "version": 1,
        "kind": "suspicion",
        "severity": "warning",
        "cluster": "orders",
        "node": "db1",
        "sentence": "its agent saw mysqld exit",
        "job": "orders-7",
        "epoch": 7,
        "at": 1.0,
        "when": "2026-01-01 00:00:00 UTC",
        "by": "mon1",
        "missed": 2,
        "text": full.subject + " (earlier notices that did not get here: 2)",
    }


@given(st.text())
def test_what_came_off_a_wire_cannot_break_a_line_or_grow_without_end(said: str) -> None:
    made = letter(said + "\r\nBcc: x@example.com\x1b[2J\u2028" + "y" * 3000)
    assert made.subject.isprintable()
    assert len(made.subject) <= SUBJECT_CHARACTERS_MAX
    assert len(made.body) < 2500
    assert all(line.isprintable() for line in made.body.split("\n"))
    assert "\nBcc" not in made.body
