"""Whom to promote, proved by every pair of replicas and a slow model of what each lacks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import (
    EXCLUSIONS,
    Choice,
    Contender,
    Exclusion,
    choose,
)
from tests.unit.core.worlds import UUID_A, UUID_B, contender, contender_pairs

NEWER = "it runs a newer server than a replica that would follow it"


def transactions(one: Contender) -> set[tuple[str, int]]:
    return {
        (source, number)
        for source, ranges in one.executed.sources
        for first, last in ranges
        for number in range(first, last + 1)
    }


def reason_of(one: Contender, everybody: tuple[Contender, ...]) -> Exclusion | None:
    """The row that the sentence which is told begins with."""
    told = choose(everybody).excluded.get(one.name)
    return next((row for row in EXCLUSIONS if told is not None and told.startswith(row.because)), None)


def lacking(one: Contender, everybody: Iterable[Contender]) -> int:
    """How many transactions of any live replica ``one`` has not, counted one by one."""
    union = set[tuple[str, int]]().union(*(transactions(each) for each in everybody if each.reachable))
    return len(union - transactions(one))


def test_every_exclusion_is_the_reason_somewhere() -> None:
    given = {row for pair in contender_pairs() for one in pair if (row := reason_of(one, pair))}
    assert given == set(EXCLUSIONS)


def test_every_exclusion_says_a_sentence_of_its_own() -> None:
    sentences = [row.because for row in EXCLUSIONS]
    assert not [(one, other) for one in sentences for other in sentences if one != other and one.startswith(other)]
    assert len(set(sentences)) == len(EXCLUSIONS)


def test_everybody_is_promoted_or_eligible_or_excluded_with_a_reason() -> None:
    for pair in contender_pairs():
        choice = choose(pair)
        barred = {one.name for one in pair if not (one.reachable and one.allowed and one.drained) or one.in_maintenance}
        assert barred <= set(choice.excluded)
        assert choice.name not in choice.excluded
        assert (choice.name is None) == (len(choice.excluded) == len(pair))


def test_the_one_promoted_lacks_least_of_all_that_may_be() -> None:
    for pair in contender_pairs():
        choice = choose(pair)
        loss = {one.name: lacking(one, pair) for one in pair}
        if not any(one.server_uuid for one in pair):  # nobody has an errant transaction, which would not count
            assert choice.missing == {one.name: loss[one.name] for one in pair if one.reachable}
        if choice.name:
            assert loss[choice.name] == min(loss[one.name] for one in pair if one.name not in choice.excluded)


def test_nobody_is_promoted_above_an_older_live_replica() -> None:
    for pair in contender_pairs():
        choice = choose(pair)
        oldest = min((one.server_version[:2] for one in pair if one.reachable), default=())
        assert all(one.server_version[:2] == oldest for one in pair if one.name == choice.name)


def test_the_order_in_which_replicas_are_named_changes_nothing() -> None:
    for pair in contender_pairs():
        assert choose(pair) == choose(reversed(pair))


@given(st.lists(st.frozensets(st.integers(1, 12)), min_size=1, max_size=4))
def test_among_equals_the_replica_with_the_most_transactions_wins(histories: list[frozenset[int]]) -> None:
    everybody = [
        contender(f"db{index}", f"{UUID_A}:" + ":".join(map(str, history)) if history else "")
        for index, history in enumerate(histories)
    ]
    choice = choose(everybody)
    union = frozenset[int]().union(*histories)
    fewest = min(len(union - history) for history in histories)
    assert choice.name == next(
        f"db{index}" for index, history in enumerate(histories) if len(union - history) == fewest
    )


def test_a_tie_goes_to_the_first_name() -> None:
    trio = [contender(name) for name in ("db4", "db2", "db3")]
    assert {choose(order).name for order in permutations(trio)} == {"db2"}


def test_a_patch_release_excludes_nobody() -> None:
    pair = [contender("db2", version=(9, 7, 5)), contender("db3", version=(9, 7, 4))]
    assert choose(pair).excluded == {}


def test_a_replica_on_a_newer_server_waits_for_the_others() -> None:
    pair = [contender("db2", version=(9, 8, 0)), contender("db3", version=(9, 7, 4))]
    assert choose(pair) == Choice(
        "db3", {"db2": NEWER}, {"db2": 0, "db3": 0}, "db3 has every transaction that any live replica has", ("db3",)
    )


def test_an_older_server_that_cannot_be_reached_holds_nobody_back() -> None:
    pair = [contender("db2", version=(9, 8, 0)), contender("db3", version=(9, 7, 4), reachable=False)]
    assert choose(pair).name == "db2"


def test_what_only_an_unreachable_replica_has_is_not_counted_as_missing() -> None:
    pair = [contender("db2", f"{UUID_A}:1-5"), contender("db3", f"{UUID_A}:1-9", reachable=False)]
    assert choose(pair).missing == {"db2": 0}


def test_the_sentence_counts_what_the_winner_still_lacks() -> None:
    pair = [contender("db2", f"{UUID_A}:1-5"), contender("db3", f"{UUID_A}:1-9,{UUID_B}:1", allowed=False)]
    choice = choose(pair)
    assert choice.because == "db2 lacks 5 transactions that another replica has; it catches up from it first"


def test_the_replicas_own_word_stands_beside_the_reason() -> None:
    choice = choose([contender("db2", reachable=False, detail="no route to host")])
    assert choice == Choice(None, {"db2": "it cannot be reached: no route to host"}, {}, "no replica can be promoted")


def test_without_any_replica_nobody_is_promoted() -> None:
    assert choose(()) == Choice(None, {}, {}, "no replica can be promoted")
