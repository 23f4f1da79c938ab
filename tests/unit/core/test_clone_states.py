"""What a server says of its last copy, and what the end of the statement means."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.clone import (
    COMPLETED,
    ENDINGS,
    FAILED,
    IN_PROGRESS,
    NOT_STARTED,
    Copy,
    CopyStage,
    Ending,
    ending_of,
)

NAMES = ("DROP DATA", "FILE COPY", "PAGE COPY", "REDO COPY", "FILE SYNC", "RESTART", "RECOVERY")
MIB = 1024 * 1024


def copy(state: str, done: int, running: int = 0) -> Copy:
    """So many stages completed, so many under way, the others not started."""
    states = [COMPLETED] * done + [IN_PROGRESS] * running
    states += [NOT_STARTED] * (len(NAMES) - len(states))
    stages = tuple(CopyStage(name=name, state=each) for name, each in zip(NAMES, states, strict=True))
    return Copy(state=state, stages=stages)


@pytest.mark.parametrize(("done", "running"), [(0, 1), (1, 0), (1, 1), (6, 1)])
@pytest.mark.parametrize("state", [IN_PROGRESS, FAILED])
def test_from_the_removal_of_data_until_the_end_a_copy_is_unfinished(state: str, done: int, running: int) -> None:
    assert copy(state, done, running).unfinished
    assert not copy(state, done, running).finished


@pytest.mark.parametrize("state", ["", NOT_STARTED, IN_PROGRESS, FAILED])
def test_a_copy_that_has_removed_nothing_has_cost_nothing(state: str) -> None:
    assert not copy(state, 0).unfinished
    assert not Copy(state=state).unfinished


def test_a_copy_is_finished_only_when_the_server_has_recovered_with_it() -> None:
    assert copy(COMPLETED, 7).finished
    assert not copy(COMPLETED, 6).finished
    assert not copy(COMPLETED, 7).unfinished


def test_how_far_it_is_fits_into_a_sentence() -> None:
    stages = (
        CopyStage(name="DROP DATA", state=COMPLETED),
        CopyStage(name="FILE COPY", state=IN_PROGRESS, estimate=200 * MIB, done=50 * MIB, speed=10 * MIB),
    )
    assert Copy(state=IN_PROGRESS, stages=stages).sentence == "file copy: 50 of 200 MiB (25%), 10 MiB/s"
    assert copy(IN_PROGRESS, 1, 1).sentence == "file copy"
    assert copy(COMPLETED, 7).sentence == "completed"
    assert Copy().sentence == "not begun"


def test_more_than_was_estimated_is_not_more_than_all() -> None:
    stage = CopyStage(name="REDO COPY", state=IN_PROGRESS, estimate=MIB, done=3 * MIB)
    assert Copy(state=IN_PROGRESS, stages=(stage,)).sentence == "redo copy: 3 of 1 MiB (100%)"


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (None, Ending.RESTARTS),
        (3707, Ending.TO_START),
        (2013, Ending.UNKNOWN),
        (2006, Ending.UNKNOWN),
        (1053, Ending.UNKNOWN),
        (1317, Ending.FAILED),
        (3862, Ending.FAILED),
        (0, Ending.FAILED),
    ],
)
def test_an_error_is_no_failure_where_it_only_tells_of_the_restart(code: int | None, ending: Ending) -> None:
    assert ending_of(code) is ending


def test_every_ending_has_one_row() -> None:
    assert [row.ending for row in ENDINGS] == list(Ending)
