"""What the machine itself may be blamed for, and what it may not."""

from __future__ import annotations

import pytest

from tests.lab import checker
from tests.lab.acks import Ack
from tests.lab.checker import UNSAFE, Node
from tests.lab.stalls import Processor

BEFORE = "cpu  100 0 50 800 20 0 10 20 999 999\ncpu0 1 1 1 1 1 1 1 1 1 1\n"
AFTER = "cpu  150 0 60 810 20 0 10 50 2000 2000\ncpu0 9 9 9 9 9 9 9 9 9 9\n"


def test_the_share_that_was_stolen_is_of_all_that_went_by() -> None:
    before, after = Processor.read(BEFORE), Processor.read(AFTER)
    assert (before.stolen, before.total) == (20, 1000)
    assert after.stolen_since(before) == pytest.approx(30 / 100)
    assert before.stolen_since(before) == 0.0


def test_this_machine_says_so_too() -> None:
    assert Processor.read().total > 0


def test_two_primaries_and_lost_rows_are_told_by_their_sentences_and_nothing_else_is() -> None:
    two = [Node("db1", "10.0.0.1", "a", writable=True), Node("db2", "10.0.0.2", "b", writable=True)]
    acks = [Ack(1, 1, "a", 0.0, 1.0, 0.0), Ack(1, 2, "b", 1.2, 1.5, 0.0), Ack(1, 3, "a", 2.0, 2.5, 0.0)]
    unsafe = [
        *checker._about_primary(two, [], has_names=False),
        *checker._about_rows([(1, 1)], []),
        *checker._about_overlaps(acks, [], two),
    ]
    safe = [
        *checker._about_primary([], [], has_names=False),
        *checker._about_primary(two[:1], ["10.0.0.9"], has_names=True),
        *checker._about_replicas(two, two[:1], [], []),
    ]
    assert (len(unsafe), len(safe)) == (3, 3)
    assert all(any(sign in sentence for sign in UNSAFE) for sentence in unsafe)
    assert not any(sign in sentence for sign in UNSAFE for sentence in safe)
