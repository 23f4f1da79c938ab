"""Before a switchover: what is refused, in one sentence, and who is chosen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.switchover import (
    FAULTS,
    REFUSALS,
    Outlook,
    Prospect,
    chosen,
    fault_of,
    pause_seconds,
    refusal,
    why_chosen,
)

GOOD = Prospect(name="db2")
UUID = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
FAULTY = {
    "it cannot be reached: no route": replace(GOOD, excluded="it cannot be reached: no route"),
    "has transactions that the primary has not": replace(GOOD, extra=GtidSet.parse(f"{UUID}:7")),
    "it runs a newer server than the primary": replace(GOOD, newer=True),
    "because its receiver does not run: refused": replace(GOOD, receiving=False, error="refused"),
    "because neither its receiver nor its applier runs": replace(GOOD, receiving=False, applying=False),
    "because its applier does not run: duplicate key": replace(GOOD, applying=False, error="duplicate key"),
    "nobody can tell how far it lags": replace(GOOD, lag_seconds=None),
    "it lags 10.5 s, switchover_lag_seconds_max is 10 s": replace(GOOD, lag_seconds=10.5),
}
FINE = Outlook(
    cluster="orders",
    primary="db1",
    nodes=("db1", "db2", "db3"),
    ranking=("db2", "db3"),
    prospects={"db2": GOOD, "db3": replace(GOOD, name="db3")},
)
ALL_LAG = {name: replace(GOOD, name=name, lag_seconds=99.0) for name in ("db2", "db3")}
REFUSED = {
    "has no node 'db9'; its nodes are db1, db2, db3": replace(FINE, target="db9"),
    "db1 is the primary already": replace(FINE, target="db1"),
    "job orders-7 of cluster orders has not ended": replace(FINE, open_job="orders-7"),
    "the primary db1 is suspected to be dead": replace(FINE, suspected=True),
    "orchestrator orc1 is at work on cluster orders": replace(FINE, busy="orc1"),
    "the primary db1 does not answer (refused)": replace(FINE, primary_fault="refused"),
    "db1 is primary by the record and read-only": replace(FINE, primary_writable=False),
    "the name leads elsewhere; applications would not be led": replace(FINE, name_fault="the name leads elsewhere"),
    "db2 cannot become the primary: it lags 99 s": replace(FINE, target="db2", prospects=ALL_LAG),
    "no replica of orders can become the primary (db2: it lags 99 s": replace(FINE, prospects=ALL_LAG),
}
EARLY = list(REFUSED)[:5]


@pytest.mark.parametrize("words", list(FAULTY))
def test_what_speaks_against_a_replica_is_said(words: str) -> None:
    assert words in fault_of(FAULTY[words])


@pytest.mark.parametrize("words", list(REFUSED))
def test_what_speaks_against_a_switchover_is_said(words: str) -> None:
    assert words in refusal(REFUSED[words])


def test_every_row_of_both_tables_wins_somewhere() -> None:
    won = {next(row.sentence for row in FAULTS if row.matches(one)) for one in FAULTY.values()}
    assert won == {row.sentence for row in FAULTS}
    refused = {next(row.sentence for row in REFUSALS if row.matches(now)) for now in REFUSED.values()}
    assert refused == {row.sentence for row in REFUSALS}


def test_nothing_speaks_against_replicas_that_are_well() -> None:
    assert refusal(FINE) == refusal(replace(FINE, target="db3")) == ""
    assert fault_of(GOOD) == fault_of(replace(GOOD, lag_seconds=10.0)) == ""


@pytest.mark.parametrize("words", list(REFUSED))
def test_only_what_the_record_tells_is_refused_before_anybody_is_asked(words: str) -> None:
    assert bool(refusal(REFUSED[words], early=True)) == (words in EARLY)


def test_who_was_asked_for_is_chosen_and_otherwise_the_best_that_nothing_speaks_against() -> None:
    assert chosen(replace(FINE, target="db3")) == "db3"
    assert chosen(FINE) == "db2"
    lagging = replace(FINE, prospects={**FINE.prospects, "db2": ALL_LAG["db2"]})
    assert refusal(lagging) == ""
    assert chosen(lagging) == "db3"
    assert "db3 is the best" in why_chosen(lagging)
    assert list(lagging.faults) == ["db2"]


def test_a_replica_that_is_no_candidate_is_refused_with_the_candidates_reason() -> None:
    delayed = replace(GOOD, excluded="it is delayed on purpose: 60 s", lag_seconds=60.0)
    now = replace(FINE, target="db2", ranking=("db3",), prospects={**FINE.prospects, "db2": delayed})
    assert refusal(now) == "db2 cannot become the primary: it is delayed on purpose: 60 s"


def test_the_pause_that_is_foretold_grows_with_the_lag() -> None:
    assert pause_seconds(replace(GOOD, lag_seconds=4.0)) - pause_seconds(GOOD) == 4.0
