"""The lease: in every small world either the primary holds it or the others may call it expired, never both."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import lease
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import VoterWord

NOW = 100.0
EDGE = 1e-6
SLOW, QUICK = 1 - lease.CLOCK_RATE, 1 + lease.CLOCK_RATE
# True ages on both sides of each bound, as the clocks that are worst for us show them.
BOUNDS = (lease.LEASE_BEATS / QUICK, lease.LEASE_BEATS / SLOW, lease.EXPIRY_BEATS / QUICK, lease.EXPIRY_BEATS / SLOW)
AGES = (0.0, *(bound + side for bound in BOUNDS for side in (-EDGE, 0.0, EDGE)))


def holder(voters: int, acknowledged: float | None, vouched: tuple[float | None, ...], rate: float) -> lease.Holder:
    """A primary's agent that asked so many true beats before NOW, by a clock of that rate."""
    held = lease.Holder(1.0, NOW * rate - 10.0)
    held.adopt(f"v{number}" for number in range(voters))
    if acknowledged is not None:
        held.acknowledged((NOW - acknowledged) * rate)
    for number, age in enumerate(vouched):
        if age is not None:
            held.vouched(f"v{number}", (NOW - age) * rate)
    return held


def word(number: int, age: float | None, reach: Reach, rate: float, incarnation: int = 1) -> VoterWord:
    """What a voter says that vouched so many true beats ago, by a clock of that rate."""
    seen = lease.VoterView(reach=reach, vouch_beats=float("inf") if age is None else age * rate)
    because = lease.expiry_refusal(seen)
    return VoterWord(
        voter=f"v{number}", incarnation=incarnation, against=because is None, because=because or lease.EXPIRED_SENTENCE
    )


def words(ages: tuple[float | None, ...], rate: float, answers: tuple[bool, ...]) -> list[VoterWord]:
    return [
        word(number, age, Reach.TIMED_OUT, rate)
        for number, (age, answer) in enumerate(zip(ages, answers, strict=True))
        if answer
    ]


def test_the_bounds_leave_room_for_the_fence_at_the_worst_clock_rates() -> None:
    written_until = (lease.LEASE_BEATS + lease.FENCE_BEATS) / SLOW
    assert written_until < lease.EXPIRY_BEATS / QUICK
    # After a take-over: the monitor before us may have acknowledged until its proof was too old.
    assert lease.PROOF_BEATS / SLOW + written_until < (lease.EXPIRY_BEATS + lease.TAKE_OVER_BEATS) / QUICK
    # What the voters' bound was at first: their own lease's length.
    assert lease.LEASE_BEATS / SLOW > lease.LEASE_BEATS / QUICK


@pytest.mark.parametrize("voters", range(1, 30))
def test_vouches_and_words_that_are_enough_always_share_a_voter(voters: int) -> None:
    assert lease.vouches_needed(voters) + lease.words_needed(voters) == voters + 1
    assert lease.vouches_needed(voters) == -(-voters // 2)


def test_three_nodes_need_both_replicas_words_and_five_need_three() -> None:
    assert [lease.words_needed(voters) for voters in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]


@pytest.mark.parametrize("voters", [1, 2])
def test_in_every_small_world_of_all_ages_the_lease_is_not_both_held_and_expired(voters: int) -> None:
    both = seen_held = seen_expired = 0
    for ages in product((None, *AGES), repeat=voters):
        for own, others in product((SLOW, 1.0, QUICK), repeat=2):
            for answers in product((True, False), repeat=voters):
                said = words(ages, others, answers)
                over = lease.expired([tuple(f"v{each}" for each in range(voters))], said, said)
                kept = holder(voters, None, ages, own).held(NOW * own)
                both += kept and over
                seen_held += kept
                seen_expired += over
    assert both == 0
    assert seen_held
    assert seen_expired


@pytest.mark.parametrize("voters", [3, 4, 5])
def test_in_every_small_world_of_many_voters_the_lease_is_not_both_held_and_expired(voters: int) -> None:
    """Each voter: vouched just within the lease, between the bounds, beyond them, never; answers or does not."""
    told = (2.5 / SLOW - EDGE, 3.0 / QUICK - EDGE, 3.0 / QUICK + EDGE, None)
    both = seen_expired = 0
    for worlds in product(product(told, (True, False)), repeat=voters):
        ages, answers = tuple(age for age, _ in worlds), tuple(answer for _, answer in worlds)
        said = words(ages, QUICK, answers)
        over = lease.expired([tuple(f"v{each}" for each in range(voters))], said, said)
        both += over and holder(voters, None, ages, SLOW).held(NOW * SLOW)
        seen_expired += over
    assert both == 0
    assert seen_expired


@pytest.mark.parametrize("rate", [SLOW, 1.0, QUICK])
def test_an_acknowledgement_is_over_when_a_monitor_has_counted_three_beats_of_silence(rate: float) -> None:
    for true_age in AGES:
        held = holder(2, true_age, (None, None), rate).held(NOW * rate)
        silent = max(true_age * other for other in (SLOW, 1.0, QUICK)) >= lease.EXPIRY_BEATS
        assert not (held and silent)


def test_what_was_answered_late_is_good_only_from_the_moment_of_asking() -> None:
    held = lease.Holder(10.0, 0.0)
    held.acknowledged(100.0)
    assert held.ends_at == 125.0
    held.acknowledged(90.0)  # overtaken on its way
    assert held.ends_at == 125.0


def test_vouches_of_strangers_and_of_voters_that_left_do_not_count() -> None:
    held = lease.Holder(1.0, 0.0)
    held.adopt(["v0", "v1", "v2"])
    held.vouched("v0", 50.0)
    held.vouched("stranger", 50.0)
    assert not held.held(51.0)
    held.vouched("v2", 50.0)
    assert held.held(51.0)
    assert held.vouching(51.0) == ("v0", "v2")
    held.adopt(["v0", "v1"])
    assert held.held(51.0)
    held.adopt(["v1"])
    assert not held.held(51.0)


def test_an_agent_that_starts_again_has_a_beat_and_a_half_to_ask_and_vouches_only_by_known_voters() -> None:
    held = lease.Holder(10.0, 1000.0)
    assert held.held(1014.9)
    assert not held.held(1015.0)
    held.vouched("v0", 1014.0)
    assert not held.held(1015.0)


def test_a_cluster_without_voters_never_ends_its_lease_and_is_never_called_expired() -> None:
    held = lease.Holder(1.0, 0.0)
    held.adopt([])
    assert held.held(1e9)
    said = [word(0, None, Reach.TIMED_OUT, 1.0)]
    assert not lease.expired([()], said, said)
    assert not lease.expired([], said, said)


def test_until_a_change_of_the_voters_is_acknowledged_both_sets_must_agree() -> None:
    former, present = ("v0", "v1"), ("v0",)
    one = [word(0, None, Reach.TIMED_OUT, 1.0)]
    assert lease.expired([present], one, one)
    assert not lease.expired([present, former], one, one)
    two = [*one, word(1, None, Reach.REFUSED, 1.0)]
    assert lease.expired([present, former], two, two)


def test_whichever_of_two_sets_the_primary_goes_by_the_lease_is_not_both_held_and_expired() -> None:
    names = ("v0", "v1", "v2", "v3")
    sets = [names[:count] for count in range(1, 5)]
    for former, present in product(sets, sets):
        for ages in product((2.5 / SLOW - EDGE, None), repeat=4):
            said = words(ages, QUICK, (True,) * 4)
            if not lease.expired([former, present], said, said):
                continue
            for followed in (former, present):
                held = holder(4, None, ages, SLOW)
                held.adopt(followed)
                assert not held.held(NOW * SLOW)


def test_a_voter_that_restarted_between_the_rounds_does_not_count() -> None:
    first = [word(0, None, Reach.TIMED_OUT, 1.0), word(1, None, Reach.TIMED_OUT, 1.0)]
    again = [word(0, None, Reach.TIMED_OUT, 1.0, incarnation=2), first[1]]
    assert lease.expired([("v0", "v1")], first, first)
    assert not lease.expired([("v0", "v1")], first, again)


@pytest.mark.parametrize("reach", list(Reach))
def test_a_voter_vouches_exactly_when_it_reaches_the_primary_and_has_not_promised_otherwise(reach: Reach) -> None:
    for denied, another in product((True, False), repeat=2):
        view = lease.VoterView(reach=reach, vouch_beats=0.0, denied=denied, primary_is_another=another)
        refusal = lease.vouch_refusal(view)
        assert (refusal is None) == (reach in (Reach.REACHED, Reach.DUBIOUS) and not denied and not another)


@pytest.mark.parametrize("reach", list(Reach))
def test_a_voter_speaks_against_a_primary_only_after_its_own_failed_try(reach: Reach) -> None:
    for age in AGES:
        refusal = lease.expiry_refusal(lease.VoterView(reach=reach, vouch_beats=age))
        assert (refusal is None) == (reach in (Reach.REFUSED, Reach.TIMED_OUT) and age > lease.EXPIRY_BEATS)


def test_a_primary_that_was_seen_to_write_beyond_its_lease_is_never_called_expired() -> None:
    view = lease.VoterView(reach=Reach.TIMED_OUT, vouch_beats=99.0, outlived=True)
    assert "does not protect it" in (lease.expiry_refusal(view) or "")


def test_a_monitor_acknowledges_in_exactly_one_of_all_small_worlds() -> None:
    proofs = (0.0, lease.PROOF_BEATS - EDGE, lease.PROOF_BEATS, 9.0, float("inf"))
    for watches, claimed, proof, doubted in product((True, False), (True, False), proofs, (True, False)):
        view = lease.WatchView(watches=watches, claimed=claimed, proof_beats=proof, doubted=doubted)
        assert (lease.ack_refusal(view) is None) == (watches and claimed and proof < 0.5 and not doubted)


@pytest.mark.parametrize("table", [lease.VOUCH_REFUSALS, lease.EXPIRY_REFUSALS, lease.ACK_REFUSALS])
def test_every_refusal_has_a_sentence_of_its_own(table: tuple[lease.Refusal, ...]) -> None:
    assert len({row.because for row in table}) == len(table)
