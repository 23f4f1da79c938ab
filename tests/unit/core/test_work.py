"""Whether a process works, by every short history of what it used."""

from __future__ import annotations

from itertools import accumulate, product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.work import Effort, works

INTERVAL = 0.5


def looks(*shares: float, dying: bool = False) -> list[Effort]:
    """A look before and one after each interval, in which so much of a core was used; ``dying``: at the last one."""
    spent = list(accumulate((INTERVAL * share for share in shares), initial=10.0))
    found = [Effort(100.0 + INTERVAL * number, seconds) for number, seconds in enumerate(spent)]
    return [*found[:-1], Effort(found[-1].at, found[-1].cpu_seconds, dying)]


HISTORIES = [shares for count in range(1, 6) for shares in product((0.0, 0.1, 0.3, 8.0), repeat=count)]


def test_a_process_works_when_one_of_the_last_three_intervals_shows_it() -> None:
    for shares in HISTORIES:
        assert works(looks(*shares)) is (max(shares[-3:]) > 0.2)


def test_a_fifth_of_a_core_is_work() -> None:
    assert works([Effort(0.0, 0.0), Effort(1.0, 0.2)]) is True
    assert works([Effort(0.0, 0.0), Effort(1.0, 0.199)]) is False


@pytest.mark.parametrize("known", [[], looks()])
def test_one_look_tells_nothing(known: list[Effort]) -> None:
    assert works(known) is None


def test_who_is_dying_does_not_work_however_much_it_uses() -> None:
    assert not any(works(looks(*shares, dying=True)) for shares in HISTORIES)


def test_two_looks_at_one_moment_show_no_work() -> None:
    assert works([Effort(1.0, 5.0), Effort(1.0, 5.0)]) is False
