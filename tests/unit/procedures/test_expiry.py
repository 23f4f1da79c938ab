"""Two rounds of the voters' words, by a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from threading import Event

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import VoterWord
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Suspicion, Voters
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.expiry import Proof, rounds_for

BEAT = 10.0
Answer = Callable[[str, int], tuple[int, bool]]  # voter, number of the round → incarnation, against


class Votes:
    """Answers by ``answer``; each round takes a beat of the clock."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: dict[str, int] = {}
        self.rounds = 0
        self.elsewhere = Event()
        self.mute = False  # nobody answers, and then something else proves the fence

    def now(self) -> float:
        return 1000.0 + self.rounds * BEAT

    async def word(self, voter: str) -> VoterWord:
        if self.mute:
            self.elsewhere.set()
            await asyncio.Event().wait()
        self.asked[voter] = self.asked.get(voter, 0) + 1
        self.rounds = max(self.asked.values())
        incarnation, against = self.answer(voter, self.asked[voter])
        return VoterWord(voter=voter, incarnation=incarnation, against=against, because="x")

    def prove(
        self,
        names: tuple[str, ...] = ("db2", "db3"),
        former: tuple[str, ...] | None = None,
        health: Health = Health.HOST_SILENT,
    ) -> Proof:
        suspicion = Suspicion(
            cluster="orders",
            primary="db1",
            epoch=1,
            health=health,
            because="x",
            monitor="mon1",
            raised_at=0.0,
            beat_seconds=BEAT,
        )
        voters = Voters(primary="db1", version=2, names=names, former=former)
        rounds = replace(rounds_for(suspicion, voters, 1.0, self.elsewhere, self.now), pause_seconds=0.0)
        everybody = sorted({*names, *(former or ())})
        return asyncio.run(rounds.run(everybody, self.word))


def always(against: bool) -> Answer:
    return lambda _voter, _round: (1, against)


def test_two_rounds_against_the_primary_prove_it_and_one_does_not() -> None:
    votes = Votes(always(True))
    proven, words = votes.prove()
    assert proven
    assert votes.asked == {"db2": 2, "db3": 2}
    assert sorted(word.voter for word in words) == ["db2", "db3"]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_voter_that_is_not_against_begins_the_two_rounds_anew(turn: int) -> None:
    votes = Votes(lambda voter, number: (1, voter == "db2" or number != turn))
    proven, _words = votes.prove()
    assert proven
    assert votes.rounds == (turn + 2 if turn < 3 else 2)


def test_a_voter_that_restarts_between_the_rounds_has_forgotten_its_promise() -> None:
    votes = Votes(lambda voter, number: (number if voter == "db2" else 1, True))
    assert votes.prove()[0] is False
    votes = Votes(lambda voter, number: (min(number, 2) if voter == "db2" else 1, True))
    assert votes.prove()[0] is True
    assert votes.rounds == 3


def test_one_of_two_voters_is_never_enough() -> None:
    votes = Votes(lambda voter, _number: (1, voter == "db2"))
    proven, words = votes.prove()
    assert not proven
    assert [word.against for word in words] == [True, False]
    assert votes.now() > 1000.0 + 3.5 * BEAT, "it was asked until the bound was over"


def test_three_of_four_voters_are_enough() -> None:
    names = ("db2", "db3", "db4", "db5")
    assert Votes(lambda voter, _number: (1, voter != "db5")).prove(names)[0] is True
    assert Votes(lambda voter, _number: (1, voter < "db4")).prove(names)[0] is False


def test_until_the_agent_goes_by_the_new_set_both_sets_need_their_quorum() -> None:
    only_new = Votes(lambda voter, _number: (1, voter == "db2"))
    assert only_new.prove(("db2",), former=("db2", "db3"))[0] is False
    both = Votes(always(True))
    assert both.prove(("db2",), former=("db2", "db3"))[0] is True
    assert both.asked.keys() == {"db2", "db3"}
    assert Votes(always(True)).prove(("db2",), former=())[0] is False, "nobody can tell for an agent that said nothing"


def test_a_suspicion_that_is_not_of_silence_is_waited_for_until_acknowledgements_are_old() -> None:
    votes = Votes(always(True))
    assert votes.prove(health=Health.MYSQLD_HUNG)[0] is True
    assert votes.now() >= 1000.0 + 3.0 * BEAT


def test_who_has_proven_it_otherwise_is_not_kept_waiting() -> None:
    votes = Votes(always(False))
    votes.elsewhere.set()
    proven, words = votes.prove()
    assert not proven
    assert words == []


def test_a_voter_that_does_not_answer_is_given_up_when_the_fence_is_proven_otherwise() -> None:
    votes = Votes(always(True))

    votes.mute = True
    assert votes.prove() == (False, [])
