"""GTID arithmetic against the slow and obvious model: Python sets of (source, number)."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from tests.unit.core.worlds import UUID_A, UUID_B

Model = frozenset[tuple[str, int]]

SOURCES = (UUID_A, UUID_B, f"{UUID_A}:tag", f"{UUID_A}:_other_tag9", f"{UUID_B}:tag")
MODELS: st.SearchStrategy[Model] = st.frozensets(st.tuples(st.sampled_from(SOURCES), st.integers(1, 25)), max_size=40)


def by_hand(text: str) -> Model:
    """Every transaction of a canonical text, read by splitting it and nothing else."""
    found = set()
    for item in filter(None, text.split(",")):
        pieces = item.split(":")
        source = ":".join(piece for piece in pieces if "0" not in piece[:1] and not piece[:1].isdigit())
        for piece in pieces:
            if piece[:1].isdigit():
                first, _dash, last = piece.partition("-")
                found |= {(source, number) for number in range(int(first), int(last or first) + 1)}
    return frozenset(found)


def spelled(model: Model, seed: int) -> str:
    """One of the many ways to write a set: out of order, overlapping, in capitals, spread over lines."""
    dice = random.Random(seed)
    items = []
    for source, number in model:
        last = number
        while (source, last + 1) in model and dice.random() < 0.7:
            last += 1
        items.append(f"{source}:{number}-{last}" if last > number or dice.random() < 0.5 else f"{source}:{number}")
    dice.shuffle(items)
    text = dice.choice((",", ",\n", " , ")).join(items)
    return text.upper() if dice.random() < 0.5 else text


@given(MODELS, st.integers())
def test_however_a_set_is_spelled_it_reads_as_the_same_transactions(model: Model, seed: int) -> None:
    parsed = GtidSet.parse(spelled(model, seed))
    assert by_hand(str(parsed)) == model
    assert parsed == GtidSet.parse(spelled(model, seed + 1))
    assert len(parsed) == len(model)
    assert bool(parsed) == bool(model)


@given(MODELS)
def test_what_is_written_is_read_back_as_the_same_set(model: Model) -> None:
    parsed = GtidSet.parse(spelled(model, 0))
    assert GtidSet.parse(str(parsed)) == parsed
    assert str(GtidSet.parse(str(parsed))) == str(parsed)


@given(MODELS, MODELS)
def test_arithmetic_agrees_with_sets_of_single_transactions(one: Model, two: Model) -> None:
    left, right = GtidSet.parse(spelled(one, 1)), GtidSet.parse(spelled(two, 2))
    assert by_hand(str(left | right)) == one | two
    assert by_hand(str(left - right)) == one - two
    assert by_hand(str(left & right)) == one & two
    assert (left <= right) == (one <= two)
    assert (left == right) == (one == two)


@given(MODELS, MODELS)
def test_intervals_stay_sorted_disjoint_and_not_adjacent(one: Model, two: Model) -> None:
    left, right = GtidSet.parse(spelled(one, 3)), GtidSet.parse(spelled(two, 4))
    for result in (left, left | right, left - right, left & right):
        assert [source for source, _ranges in result.sources] == sorted({source for source, _n in by_hand(str(result))})
        for _source, ranges in result.sources:
            assert all(first <= last for first, last in ranges)
            assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


def test_a_tag_makes_transactions_of_one_server_different_ones() -> None:
    plain, tagged = GtidSet.parse(f"{UUID_A}:1-5"), GtidSet.parse(f"{UUID_A}:tag:1-5")
    assert not plain & tagged
    assert len(plain | tagged) == 10


def test_a_tag_holds_for_every_range_up_to_the_next_tag() -> None:
    read = GtidSet.parse(f"{UUID_A}:1-2:one:3:5-6:two:1")
    assert by_hand(str(read)) == {
        *((UUID_A, number) for number in (1, 2)),
        *((f"{UUID_A}:one", number) for number in (3, 5, 6)),
        (f"{UUID_A}:two", 1),
    }


def test_a_tag_before_no_range_names_no_transaction() -> None:
    assert not GtidSet.parse(f"{UUID_A}:tag")
    assert by_hand(str(GtidSet.parse(f"{UUID_A}:1:one:two:1"))) == {(UUID_A, 1), (f"{UUID_A}:two", 1)}


def test_arithmetic_on_a_billion_transactions_needs_no_list_of_them() -> None:
    everything, half = GtidSet.parse(f"{UUID_A}:1-1000000000"), GtidSet.parse(f"{UUID_A}:1-500000000")
    assert str(everything - half) == f"{UUID_A}:500000001-1000000000"
    assert len(everything & half) == 500_000_000


def test_the_empty_set_is_written_as_nothing_and_is_part_of_every_set() -> None:
    assert str(GtidSet()) == ""
    assert GtidSet.parse(" \n ") == GtidSet()
    assert GtidSet() <= GtidSet.parse(f"{UUID_A}:1")
    assert not GtidSet()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nonsense", "nonsense"),
        (UUID_A, UUID_A),
        (f"{UUID_A}:", ""),
        (f"{UUID_A}:0", "0"),
        (f"{UUID_A}:0-5", "0-5"),
        (f"{UUID_A}:5-3", "5-3"),
        (f"{UUID_A}:1-", "1-"),
        (f"{UUID_A}:-1", "-1"),
        (f"{UUID_A}:1-2-3", "1-2-3"),
        (f"{UUID_A}:1;2", "1;2"),
        (f"{UUID_A[:-1]}:1", UUID_A[:-1]),
        (f"{UUID_A}:{'t' * 33}:1", "t" * 33),
        (f"{UUID_A}:1,x:1", "x:1"),
        (f"{UUID_A}:1 2", "1 2"),
        (f"{UUID_A}:9223372036854775807", "9223372036854775807"),
    ],
)
def test_what_is_no_gtid_set_is_refused_and_the_part_at_fault_is_named(text: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=r"GTID|neither") as caught:
        GtidSet.parse(text)
    assert named in str(caught.value)


def test_what_began_on_some_servers_is_told_by_their_identities_whatever_its_tag() -> None:
    here, there = UUID_A, UUID_B
    both = GtidSet.parse(f"{here}:1-5:audit:7,{there}:1-9")
    assert both.of({here}) == GtidSet.parse(f"{here}:1-5:audit:7")
    assert both.of({here, there}) == both
    assert not both.of(set())
