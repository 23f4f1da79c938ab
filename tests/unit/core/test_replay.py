"""A screening on record is judged anew: the same comes out, and what was changed is noticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.explain import answers, conclusion, outcome
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState, Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import Situation, blockers
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.replay import remember, replay, same_finding, sealed
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.snapshot import Snapshot
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.standing import Standing
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import judge
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    SCREENINGS_MAX,
    Screening,
    ScreeningHistory,
)
from tests.unit.core.worlds import MAINTENANCE, NOW, situation, situations, snapshot, snapshots


def screening(seen: Snapshot | None = None, now: Situation | None = None, at: float = NOW) -> Screening:
    """As an orchestrator would put it on record."""
    seen, now = seen or snapshot(), now or situation()
    rule = judge(seen)
    now = replace(now, verdict=rule.verdict)
    answers_given = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return sealed(
        Screening(
            **answers_given,
            epoch=7,
            verdict=rule.verdict,
            because=rule.because,
            actionable=rule.actionable,
            blockers=blockers(now),
            standings=(Standing(node="db2", live=True, lag_seconds=0.5, transactions_missing=3),),
            situation=now,
            suspected_at=at,
            screened_by="orc1",
            screened_at=at,
            last_at=at,
        )
    )


def test_whatever_was_answered_gives_the_same_verdict_again_after_it_was_stored() -> None:
    for seen in snapshots()[::97]:
        stored = decode(Screening, encode(screening(seen)), "x")
        assert replay(stored).holds
        assert stored == screening(seen)


def test_whatever_forbade_a_failover_forbids_it_again() -> None:
    for now in situations()[::97]:
        assert replay(decode(Screening, encode(screening(now=now)), "x")).holds


def changes(plain: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every single value of a JSON document."""
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    if not isinstance(plain, dict | list):
        yield path
    for key, value in items:
        yield from changes(value, (*path, key))


OTHERS: dict[str, object] = {
    "node": "db9", "verdict": "false_alarm", "suspected": "healthy", "reported": "exited", "agent": "running",
    "voters": ("db9",), "orchestrator": "refused", "reach": "unknown", "host": False, "read_only": True,
    "agent_reach": "refused",
    "lag_seconds_max": 3.0, "transactions_missing_max": 3, "lag_seconds": 3.0, "transactions_missing": 4,
}  # fmt: skip


def other(name: str, value: object) -> object:
    """Another value that fits there too."""
    if name in OTHERS:
        return OTHERS[name]
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}x" if isinstance(value, str) else 1.0


def test_a_record_that_was_changed_anywhere_is_noticed() -> None:
    original = screening(snapshot(replicas=(Reach.TIMED_OUT, Reach.REFUSED)), situation(maintenance=MAINTENANCE))
    places = [place for place in changes(json.loads(encode(original))) if place != ("last_at",)]
    assert len(places) > 40
    for place in places:
        document = json.loads(encode(original))
        spot = document
        for key in place[:-1]:
            spot = spot[key]
        name = next(str(key) for key in reversed(place) if isinstance(key, str))
        spot[place[-1]] = other(name, spot[place[-1]])
        changed = decode(Screening, json.dumps(document).encode(), "x")
        assert not replay(changed).holds, place
        assert "changed after it was written" in replay(changed).sentence


def test_a_record_of_other_rules_is_told_from_one_that_was_changed() -> None:
    found = replay(sealed(replace(screening(), because="the old rules said so")))
    assert not found.holds
    assert found.sentence == (
        "today's rules conclude otherwise: lost_primary, monitors miss its reports, and neither the orchestrator nor"
        " any replica reaches it; nothing against a failover"
    )


def test_a_record_with_a_verdict_its_answers_do_not_give_is_refused_even_when_sealed_anew() -> None:
    for seen in snapshots()[::97]:
        honest = screening(seen)
        for verdict in set(type(honest.verdict)) - {honest.verdict}:
            assert not replay(sealed(replace(honest, verdict=verdict))).holds


def test_the_same_found_again_prolongs_the_last_entry_and_what_differs_is_added() -> None:
    first = screening()
    again = sealed(replace(screening(at=NOW + 9), situation=replace(first.situation, cool_down_seconds_left=0.0)))
    history = remember(remember(ScreeningHistory(), first), again)
    assert history.screenings == (replace(first, last_at=NOW + 9),)
    assert replay(history.screenings[0]).holds
    other_finding = screening(snapshot(Health.MYSQLD_EXITED), at=NOW + 10)
    assert remember(history, other_finding).screenings[1:] == (other_finding,)
    assert not same_finding(first, replace(first, epoch=8))
    assert not same_finding(first, replace(first, blockers=("x",)))


def test_the_history_is_bounded_and_keeps_the_newest() -> None:
    history = ScreeningHistory()
    worlds = [snapshot(Health.HOST_SILENT, agent) for agent in (ProcessState.RUNNING, ProcessState.UNKNOWN)]
    for number in range(3 * SCREENINGS_MAX):
        history = remember(history, screening(worlds[number % 2], at=NOW + number))
    assert len(history.screenings) == SCREENINGS_MAX
    assert [each.screened_at - NOW for each in history.screenings] == list(
        range(2 * SCREENINGS_MAX, 3 * SCREENINGS_MAX)
    )


@pytest.mark.parametrize("seen", snapshots()[::997], ids=lambda seen: f"{seen.suspected}-{seen.orchestrator}")
def test_every_answer_is_told_in_a_sentence(seen: Snapshot) -> None:
    told = answers(screening(seen))
    assert len(told) == 6 + len(seen.replicas) + 1
    assert seen.suspected.value in told[0]
    assert all(any(each.observer in sentence for sentence in told) for each in seen.replicas)
    assert told[-1] == "db2 lives, 0.5 s behind, and lacks 3 of the primary's last known transactions"


def test_the_conclusion_and_what_came_of_it_are_told() -> None:
    found = screening(snapshot(Health.MYSQLD_EXITED), situation(maintenance=MAINTENANCE))
    assert conclusion(found).startswith("dead_primary: its agent saw mysqld exit")
    assert outcome(found) == "not failed over: it is in maintenance (the cluster, by operator:x: a new switch)"
    assert outcome(screening()) == "nothing forbade a failover, and its job was opened"
