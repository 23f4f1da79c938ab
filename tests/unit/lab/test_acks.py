"""The client's log and the arithmetic of gaps and overlaps."""

from pathlib import Path

import pytest

from tests.lab import acks
from tests.lab.acks import Ack, overlaps, write_gap_seconds


def ack(server: str, sent: float, acked: float, *, writer: int = 1, n: int = 1, recovered: bool = False) -> Ack:
    return Ack(writer, n, server, sent, acked, 0.0, recovered)


def steady(server: str, begin: float, end: float) -> list[Ack]:
    """A write each 0.1 s, acknowledged after 0.02 s."""
    count = round((end - begin) / 0.1)
    return [ack(server, begin + i * 0.1, begin + i * 0.1 + 0.02, n=i) for i in range(count)]


def test_two_servers_acknowledging_at_the_same_time_are_an_overlap() -> None:
    found = overlaps(steady("a", 0, 2) + steady("b", 1, 3))
    assert [entry[:2] for entry in found] == [("a", "b")]
    begin, end = found[0][2:]
    assert begin == pytest.approx(1.02)
    assert end == pytest.approx(1.9)


def test_a_failover_is_no_overlap() -> None:
    assert overlaps(steady("a", 0, 2) + steady("b", 2.5, 4)) == []


def test_an_answer_that_was_long_on_its_way_is_no_overlap() -> None:
    late = ack("a", 1.9, 3.5)
    assert overlaps([*steady("a", 0, 1.9), late, *steady("b", 2.5, 4)]) == []


def test_one_single_write_on_a_second_server_in_the_middle_is_an_overlap() -> None:
    assert overlaps([*steady("a", 0, 2), ack("b", 1.0, 1.01)]) == [("a", "b", 1.0, 1.01)]


def test_a_recovered_write_says_nothing_about_where_it_was_committed() -> None:
    assert overlaps([*steady("a", 0, 2), ack("b", 1.0, 1.01, recovered=True)]) == []


def test_going_back_to_the_first_server_is_an_overlap_unless_it_was_planned() -> None:
    there_and_back = steady("a", 0, 1) + steady("b", 1.5, 2.5) + steady("a", 3, 4)
    assert len(overlaps(there_and_back)) == 1
    assert overlaps(there_and_back, planned=[2.8]) == []


def test_the_gap_is_the_silence_around_the_event() -> None:
    log = steady("a", 0, 1) + steady("b", 3, 4)
    assert write_gap_seconds(log, event=1.0) == pytest.approx(3.02 - 0.92)


def test_an_acknowledgement_just_after_the_event_does_not_hide_the_gap() -> None:
    log = [*steady("a", 0, 1), ack("a", 0.99, 1.05), *steady("b", 3, 4)]
    assert write_gap_seconds(log, event=1.0) == pytest.approx(3.02 - 1.05)


def test_a_silence_before_the_event_or_long_after_it_is_another_gap() -> None:
    log = steady("a", 0, 1) + steady("a", 5, 7) + steady("b", 11, 12)
    assert write_gap_seconds(log, event=6.0) == pytest.approx(0.1)


def test_a_gap_without_an_end_is_not_a_number() -> None:
    assert write_gap_seconds(steady("a", 0, 1), event=2.0) is None
    assert write_gap_seconds([], event=2.0) is None


def test_a_line_cut_short_by_a_kill_is_no_acknowledgement(tmp_path: Path) -> None:
    log, whole = tmp_path / "acks", ack("a", 1.0, 2.0)
    log.write_bytes(acks.encode(whole) + acks.encode(ack("a", 3.0, 4.0))[:-3])
    assert acks.read(log) == [whole]


def test_a_log_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert acks.read(tmp_path / "none") == []
