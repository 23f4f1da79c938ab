"""The gate before promotion: proof, or the owners' word, or a pause."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import UnprovenFence
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.fencing import (
    PROOF_SENTENCES,
    Attempt,
    FenceDecision,
    Rung,
    decide,
)

# Each rung is not tried, tried in vain, or proven.
LADDERS = [
    tuple(
        Attempt(rung=rung, node="db1", proven=outcome, detail="it says so")
        for rung, outcome in zip(Rung, outcomes, strict=True)
        if outcome is not None
    )
    for outcomes in product((None, False, True), repeat=len(Rung))
]


@pytest.mark.parametrize("policy", list(UnprovenFence))
def test_any_one_proof_is_enough_under_every_policy(policy: UnprovenFence) -> None:
    for ladder in LADDERS:
        assert (decide(ladder, policy) is FenceDecision.PROCEED) == (True in [each.proven for each in ladder])


def test_without_proof_the_policy_alone_decides() -> None:
    for ladder in LADDERS:
        if not [each for each in ladder if each.proven]:
            assert decide(ladder, UnprovenFence.PAUSE) is FenceDecision.PAUSE
            assert decide(ladder, UnprovenFence.PROMOTE) is FenceDecision.PROCEED_UNPROVEN


@pytest.mark.parametrize("policy", list(UnprovenFence))
def test_after_the_promotion_nothing_pauses_a_job_any_more(policy: UnprovenFence) -> None:
    for ladder in LADDERS:
        proven = any(each.proven for each in ladder)
        assert decide(ladder, policy, promoted=True) is (FenceDecision.PROCEED if proven else FenceDecision.STANDS)


def test_a_failed_attempt_never_weakens_a_proof() -> None:
    for ladder in LADDERS:
        for policy in UnprovenFence:
            worse = (*ladder, Attempt(rung=Rung.AGENT_STOP, node="db1", proven=False, detail="no answer"))
            assert decide(worse, policy) is decide(ladder, policy)


def test_every_rung_has_a_proof_of_its_own_to_tell() -> None:
    assert set(PROOF_SENTENCES) == set(Rung)
    assert len(set(PROOF_SENTENCES.values())) == len(Rung)


@pytest.mark.parametrize("rung", list(Rung))
def test_an_attempt_tells_its_proof_or_the_neighbours_own_word(rung: Rung) -> None:
    proven = Attempt(rung=rung, node="db1", proven=True, detail="")
    failed = Attempt(rung=rung, node="db1", proven=False, detail="connection refused")
    assert proven.sentence == f"db1 is fenced: {PROOF_SENTENCES[rung]}"
    assert failed.sentence == f"db1 is not proven fenced by {rung.value}: connection refused"
