"""A voter's promises, by a clock that the test moves and looks that the test answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Probe
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach, ServerState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    ExpiryRequest,
    LeaseTerms,
    VoterWord,
    VouchRequest,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.voting import Voting
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.https import Peer

BEAT = 10.0
START = 1000.0
DB1 = Peer("db1", "agent")
NODES = {name: Node(name=name, address=f"10.0.0.{name[-1]}") for name in ("db1", "db2", "db3")}
T = TypeVar("T")


def wait(work: Coroutine[None, None, T]) -> T:
    async def whole() -> T:
        done = await work
        # A look that was begun for the next who asks ends before the loop does.
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            await task
        return done

    return asyncio.run(whole())


class World:
    """One voter, db2, which sees db1 as ``reach`` and ``writable`` say."""

    def __init__(self) -> None:
        self.clock = START
        self.reach = Reach.REACHED
        self.writable = True
        self.looks = 0
        self.voting = Voting("db2", 7, BEAT, self._look, lambda: self.clock)

    async def _look(self, _address: str, _port: int) -> Probe:
        self.looks += 1
        if self.reach is not Reach.REACHED:
            return Probe(self.reach, "x")
        state = ServerState(
            server_uuid="u",
            version="9.7.0",
            read_only=not self.writable,
            super_read_only=not self.writable,
            gtid_executed="",
        )
        return Probe(Reach.REACHED, "", state)

    def vouches(self, node: str = "db1") -> bool:
        asked = VouchRequest(cluster="orders", node=node, address="10.0.0.1", port=3306)
        try:
            return wait(self.voting.serve_vouch(Peer(node, "agent"), asked)).voter == "db2"
        except Unavailable:
            return False

    def word(self, epoch: int = 2) -> VoterWord:
        asked = ExpiryRequest(
            cluster="orders", node="db1", address="10.0.0.1", port=3306, job=f"orders-{epoch}", epoch=epoch
        )
        return wait(self.voting.expiry(asked))

    def told(self, epoch: int, *, settled: bool, primary: str = "db1") -> None:
        self.voting.adopt(LeaseTerms(epoch=epoch, primary=NODES[primary], settled=settled))


@pytest.fixture
def world() -> World:
    return World()


def test_it_vouches_for_a_primary_that_it_has_just_reached(world: World) -> None:
    assert world.vouches()
    assert world.looks >= 1


@pytest.mark.parametrize("reach", [Reach.REFUSED, Reach.TIMED_OUT, Reach.UNKNOWN])
def test_it_does_not_vouch_for_one_that_it_did_not_reach(world: World, reach: Reach) -> None:
    world.reach = reach
    assert not world.vouches()


def test_a_look_that_is_two_beats_old_is_worth_nothing(world: World) -> None:
    assert world.vouches()
    world.reach = Reach.TIMED_OUT
    world.clock += 2.001 * BEAT
    assert not world.vouches()


def test_only_the_node_itself_may_ask_for_its_vouch(world: World) -> None:
    asked = VouchRequest(cluster="orders", node="db1", address="10.0.0.1", port=3306)
    with pytest.raises(Refused):
        wait(world.voting.serve_vouch(Peer("db3", "agent"), asked))


def test_it_does_not_vouch_where_another_is_primary(world: World) -> None:
    world.told(2, settled=True, primary="db2")
    assert not world.vouches()
    world.told(3, settled=True, primary="db1")
    assert world.vouches()


def test_it_answers_against_the_primary_only_three_beats_after_its_last_vouch(world: World) -> None:
    world.clock += 100 * BEAT
    assert world.vouches()
    world.reach = Reach.TIMED_OUT
    world.clock += 3.0 * BEAT
    assert not world.word().against
    world.clock += 0.001
    word = world.word()
    assert (word.voter, word.incarnation, word.against) == ("db2", 7, True)


def test_its_own_start_counts_as_a_vouch_because_it_may_have_given_one_before(world: World) -> None:
    world.reach = Reach.TIMED_OUT
    world.clock += 3.0 * BEAT
    assert not world.word().against
    world.clock += 0.001
    assert world.word().against


@pytest.mark.parametrize("reach", [Reach.REACHED, Reach.DUBIOUS, Reach.UNKNOWN])
def test_who_reaches_it_or_could_not_try_does_not_answer_against_it(world: World, reach: Reach) -> None:
    world.clock += 100 * BEAT
    world.writable = False
    world.reach = reach
    assert not world.word().against
    world.reach = Reach.REACHED
    world.clock += 3 * BEAT
    assert world.vouches()


def test_after_its_word_it_vouches_no_more_until_that_job_or_a_later_one_has_ended(world: World) -> None:
    world.clock += 100 * BEAT
    world.reach = Reach.REFUSED
    assert world.word(epoch=5).against
    world.reach = Reach.REACHED
    for epoch, settled in ((4, True), (5, False), (4, True), (6, False), (5, True)):
        world.told(epoch, settled=settled)  # a monitor that has not heard of the newer epoch yet is not listened to
        world.clock += 10 * BEAT
        assert not world.vouches()
    world.told(6, settled=True)
    assert world.vouches()


def test_a_refused_word_is_no_promise(world: World) -> None:
    assert world.vouches()
    assert not world.word().against
    assert world.vouches()


def test_a_primary_seen_writable_when_it_could_hold_no_lease_is_never_called_fenced(world: World) -> None:
    world.clock += 3.001 * BEAT
    assert not world.word().against  # it is reached, and writable: its agent does not fence it
    world.reach = Reach.TIMED_OUT
    world.clock += 100 * BEAT
    assert not world.word().against
    world.reach = Reach.REACHED
    world.clock += 3 * BEAT
    assert world.vouches()  # its agent is back
    world.reach = Reach.TIMED_OUT
    world.clock += 3.001 * BEAT
    assert world.word().against


def test_one_seen_read_only_then_has_been_fenced(world: World) -> None:
    world.writable = False
    world.clock += 3.001 * BEAT
    assert not world.word().against
    world.reach = Reach.TIMED_OUT
    assert world.word().against


def test_a_look_that_began_earlier_does_not_overrule_a_later_one(world: World) -> None:
    world.voting.note("db1", Probe(Reach.TIMED_OUT, "x"), START + 10.0)
    world.voting.note("db1", Probe(Reach.REACHED, "", None), START + 9.0)
    world.clock = START + 11.0
    assert not world.vouches()


def test_what_is_promised_of_one_node_binds_nothing_about_another(world: World) -> None:
    world.clock += 100 * BEAT
    world.reach = Reach.REFUSED
    assert world.word(epoch=5).against
    world.reach = Reach.REACHED
    world.told(6, settled=False, primary="db3")
    assert world.vouches("db3")
    assert not world.vouches("db1")
