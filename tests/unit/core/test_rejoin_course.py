"""What becomes of a node that comes back, in every small world: nobody is admitted who would differ for ever."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GTIDS_SHOWN_MAX, GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rejoin import (
    RULES,
    Course,
    Returned,
    decide,
)
from tests.unit.core.worlds import UUID_A, UUID_B

NUMBERS = (1, 2, 3)


def gtids(*numbers: int, uuid: str = UUID_A) -> GtidSet:
    return GtidSet.parse(",".join(f"{uuid}:{number}" for number in numbers))


def subsets() -> list[frozenset[int]]:
    return [frozenset(each) for size in range(len(NUMBERS) + 1) for each in combinations(NUMBERS, size)]


def sets() -> list[tuple[frozenset[int], frozenset[int], frozenset[int]]]:
    """What the node holds, what the primary has, and what of that it has purged."""
    return [(held, has, purged) for held, has, purged in product(subsets(), repeat=3) if purged <= has]


def node(held: frozenset[int], has: frozenset[int], purged: frozenset[int], *, follows: bool = False) -> Returned:
    return Returned(
        node="db1", primary="db2", held=gtids(*held), has=gtids(*has), purged=gtids(*purged), follows=follows
    )


WORLDS = [
    (node(held, has, purged, follows=follows), held, has, purged)
    for held, has, purged in sets()
    for follows in (False, True)
]
FINE = node(frozenset({1}), frozenset({1, 2}), frozenset({1}))


def test_one_is_admitted_only_if_the_primary_has_all_of_it_and_can_send_the_rest() -> None:
    admitted = [world for world in WORLDS if decide(world[0]).course is Course.ADMIT]
    assert admitted
    for _one, held, has, purged in admitted:
        assert held <= has
        assert not (has - held) & purged


def test_whatever_the_primary_never_had_is_quarantined_also_of_one_that_replicates() -> None:
    for one, held, has, _purged in WORLDS:
        assert (decide(one).course is Course.QUARANTINE) == bool(held - has)


def test_an_empty_one_is_rebuilt_even_where_all_binary_logs_are_there() -> None:
    empty = node(frozenset(), frozenset({1, 2}), frozenset())
    assert decide(empty).course is Course.REBUILD
    assert "nobody knows whether binary logs hold" in decide(empty).because


def test_one_that_lacks_what_is_purged_is_rebuilt_and_told_what_that_is() -> None:
    decision = decide(node(frozenset({1}), frozenset({1, 2, 3}), frozenset({1, 2})))
    assert decision.course is Course.REBUILD
    assert decision.because == (f"it lacks 1 transactions that the binary logs of db2 have no longer ({UUID_A}:2)")


def test_what_an_interrupted_rebuild_has_left_is_never_admitted_whatever_its_gtid_set_says() -> None:
    for one, _held, _has, _purged in WORLDS:
        assert decide(replace(one, unfinished_copy=True)).course is Course.REBUILD


@pytest.mark.parametrize(
    ("change", "course"),
    [
        ({"job": "orders-3"}, Course.JOB_OPEN),
        ({"primary": "db1"}, Course.PRIMARY),
        ({"unreached": "refused"}, Course.UNREACHABLE),
        ({"twin": "db3"}, Course.SAME_IDENTITY),
        ({"gtid_mode": "OFF"}, Course.NO_GTIDS),
        ({"writable": True}, Course.WRITABLE),
    ],
)
def test_what_somebody_has_to_mend_first_is_refused_before_anything_is_compared(
    change: dict[str, object], course: Course
) -> None:
    for one, _held, _has, _purged in WORLDS:
        decision = decide(replace(one, **change))  # type: ignore[arg-type]
        assert decision.course is course
        assert decision.course.refused


def test_an_open_job_comes_before_all_other_reasons() -> None:
    worst = replace(FINE, job="orders-3", primary="db1", unreached="refused", writable=True)
    assert decide(worst).because.startswith("job orders-3 has not ended")


def test_every_row_wins_somewhere() -> None:
    every = [one for one, *_sets in WORLDS]
    changes: tuple[dict[str, object], ...] = (
        {"job": "orders-3"},
        {"primary": "db1"},
        {"unreached": "refused"},
        {"twin": "db3"},
        {"gtid_mode": "OFF"},
        {"writable": True},
        {"unfinished_copy": True},
    )
    every += [replace(FINE, **change) for change in changes]  # type: ignore[arg-type]
    winners = {id(next(row for row in RULES if row.matches(one))) for one in every}
    assert winners == {id(row) for row in RULES}


def test_a_sentence_stays_short_however_many_pieces_a_set_is_in() -> None:
    pieces = GtidSet.parse(f"{UUID_B}:" + ":".join(str(number) for number in range(1, 4000, 2)))
    decision = decide(replace(FINE, held=FINE.held | pieces))
    assert decision.course is Course.QUARANTINE
    assert "2000 transactions" in decision.because
    assert len(decision.because) < GTIDS_SHOWN_MAX + 100
