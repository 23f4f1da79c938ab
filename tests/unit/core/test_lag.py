"""A replica's lag by what its agent heard of the primary: every short history, against a count by another road."""

from __future__ import annotations

from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lag import MARKS_MAX, Trail
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Heartbeat
from tests.unit.core.worlds import UUID_A, UUID_B

BEAT = 10.0


def upto(last: int, source: str = UUID_A) -> GtidSet:
    return GtidSet.parse(f"{source}:1-{last}")


def trail(*heard: tuple[float, int]) -> Trail:
    made = Trail(BEAT)
    for at, last in heard:
        made.hear("db1", upto(last), at)
    return made


def lag(made: Trail, applied: int, now: float = 100.0) -> Heartbeat:
    found = made.heartbeat(upto(applied), now)
    assert found is not None
    return found


def test_before_anything_was_heard_nobody_can_tell() -> None:
    assert Trail(BEAT).heartbeat(upto(1), 100.0) is None


@pytest.mark.parametrize("growth", list(product((0, 1, 5), repeat=4)))
def test_the_lag_is_the_time_from_the_oldest_set_not_applied_to_the_newest_word(growth: tuple[int, ...]) -> None:
    heard = [(100.0 + BEAT * number, 1 + sum(growth[: number + 1])) for number in range(len(growth))]
    now = heard[-1][0]
    for applied in range(1, heard[-1][1] + 2):
        lacking = [at for at, last in heard if last > applied]
        expected = now - lacking[0] if lacking else 0.0
        assert lag(trail(*heard), applied, now).lag_seconds == expected


def test_a_stopped_applier_lags_more_with_each_word_and_one_that_catches_up_less() -> None:
    made = trail((100.0, 10))
    assert lag(made, 10) == Heartbeat(primary="db1", lag_seconds=0.0, sure=True)
    lags = []
    for beat in range(1, 5):
        made.hear("db1", upto(10 + beat), 100.0 + BEAT * beat)
        lags.append(lag(made, 10, 100.0 + BEAT * beat).lag_seconds)
    assert lags == [0.0, 10.0, 20.0, 30.0]
    assert [lag(made, applied, 140.0).lag_seconds for applied in (11, 13, 14)] == [20.0, 0.0, 0.0]


def test_a_primary_that_writes_nothing_more_does_not_hide_what_is_not_applied() -> None:
    made = trail((100.0, 10), (110.0, 11), (120.0, 11), (500.0, 11))
    assert lag(made, 10, 500.0).lag_seconds == 390.0
    assert lag(made, 11, 500.0).lag_seconds == 0.0


def test_after_the_primarys_last_word_the_lag_grows_no_more() -> None:
    made = trail((100.0, 10), (110.0, 11), (120.0, 12))
    assert lag(made, 10, 120.0).lag_seconds == 10.0
    assert lag(made, 10, 9000.0).lag_seconds == 10.0


def test_it_is_sure_only_once_level_and_while_the_primary_is_heard() -> None:
    made = trail((100.0, 10))
    assert not lag(made, 9).sure, "what came before this agent's start is not known"
    assert lag(made, 10).sure
    made.hear("db1", upto(11), 110.0)
    assert lag(made, 10, 110.0 + 10 * BEAT).sure
    assert not lag(made, 10, 110.0 + 10 * BEAT + 0.1).sure


def test_a_question_that_was_overtaken_changes_nothing() -> None:
    made = trail((100.0, 10), (120.0, 12), (110.0, 11))
    assert lag(made, 10, 120.0).lag_seconds == 0.0


def test_with_another_primary_all_begins_anew() -> None:
    made = trail((100.0, 10), (110.0, 99))
    assert lag(made, 10, 110.0).sure
    made.hear("db2", upto(10) | upto(3, UUID_B), 120.0)
    found = lag(made, 10, 130.0)
    assert (found.primary, found.lag_seconds, found.sure) == ("db2", 0.0, False)
    applied = made.heartbeat(upto(10) | upto(3, UUID_B), 130.0)
    assert applied == Heartbeat(primary="db2", lag_seconds=0.0, sure=True)


def test_a_long_lag_is_told_within_some_hundredths_and_little_is_kept() -> None:
    made = trail((0.0, 1))
    assert lag(made, 1, 0.0).sure
    beats = 8 * MARKS_MAX
    for beat in range(1, beats):
        made.hear("db1", upto(1 + beat), BEAT * beat)
    now = BEAT * (beats - 1)
    for applied in (1, 10, beats // 2, beats - 100, beats - 20, beats - 1, beats):
        true = max(0.0, now - BEAT * applied)
        assert 0 <= true - lag(made, applied, now).lag_seconds <= BEAT + 0.1 * true
