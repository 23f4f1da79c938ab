"""What a monitor makes of reports and of their absence, by a clock that the test moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Observation,
    ProcessState,
    Reach,
    ServerState,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.register import Key, Register

BEAT = 10.0
DB1: Key = ("orders", "db1")
DB2: Key = ("orders", "db2")


def report(
    sequence: int,
    *,
    key: Key = DB1,
    incarnation: int = 1,
    process: ProcessState = ProcessState.RUNNING,
    reach: Reach = Reach.REACHED,
    read_only: bool | None = None,
    super_read_only: bool = True,
) -> Observation:
    server = None
    if read_only is not None:
        server = ServerState(
            server_uuid="u",
            version="9.7.0",
            read_only=read_only,
            super_read_only=read_only and super_read_only,
            gtid_executed="",
        )
    return Observation(
        cluster=key[0],
        node=key[1],
        incarnation=incarnation,
        sequence=sequence,
        process=process,
        reach=reach,
        server=server,
    )


@pytest.fixture
def register() -> Register:
    made = Register(BEAT)
    made.watch_only(frozenset({DB1}), 100.0)
    return made


def health(register: Register, now: float, key: Key = DB1) -> Health:
    return register.judge(key, now).health


@pytest.mark.parametrize(("limit", "found"), [(30.0, Health.MYSQLD_OVERLOADED), (12.0, Health.MYSQLD_HUNG)])
def test_how_long_a_mysqld_that_works_need_not_answer_is_its_clusters_choice(
    register: Register, limit: float, found: Health
) -> None:
    late = replace(report(1, reach=Reach.TIMED_OUT), working=True, unanswered_seconds=12.0)
    register.hear(late, 105.0)
    assert register.judge(DB1, 106.0, 1, limit).health is found
    assert register.judge(DB1, 106.0).health is Health.MYSQLD_HUNG, "without a policy nobody is given time"


def test_a_node_taken_over_is_unknown_and_silent_only_three_and_a_half_beats_later(register: Register) -> None:
    assert health(register, 100.0) is Health.UNKNOWN
    assert health(register, 100.0 + 3.5 * BEAT - 0.001) is Health.UNKNOWN
    assert health(register, 100.0 + 3.5 * BEAT) is Health.HOST_SILENT


def test_a_report_ends_the_silence_and_three_missing_ones_begin_it(register: Register) -> None:
    assert register.hear(report(1), 129.0)
    assert health(register, 129.0 + 3 * BEAT - 0.001) is Health.HEALTHY
    assert health(register, 129.0 + 3 * BEAT) is Health.HOST_SILENT
    assert register.hear(report(2), 200.0)
    assert health(register, 200.0) is Health.HEALTHY


def test_an_exit_is_judged_by_its_own_report_without_any_silence(register: Register) -> None:
    register.hear(report(1), 100.0)
    register.hear(report(2, process=ProcessState.EXITED, reach=Reach.REFUSED), 101.0)
    assert health(register, 101.0) is Health.MYSQLD_EXITED


@pytest.mark.parametrize("late", [(1, 5), (1, 4), (0, 9)], ids=["the same", "an older", "of an earlier start"])
def test_a_report_that_is_not_newer_changes_nothing_but_is_a_sign_of_life(
    register: Register, late: tuple[int, int]
) -> None:
    newest = report(5, process=ProcessState.EXITED, reach=Reach.REFUSED)
    register.hear(newest, 100.0)
    incarnation, sequence = late
    assert not register.hear(report(sequence, incarnation=incarnation), 110.0)
    assert register.last(DB1) == newest
    assert health(register, 110.0 + 3 * BEAT - 0.001) is Health.MYSQLD_EXITED


def test_an_agent_that_was_started_again_counts_from_one_and_is_heard(register: Register) -> None:
    register.hear(report(900, incarnation=1), 100.0)
    assert register.hear(report(1, incarnation=2), 101.0)
    assert register.last(DB1) == report(1, incarnation=2)


def test_a_report_of_a_node_that_is_not_ours_is_not_taken(register: Register) -> None:
    assert not register.hear(report(1, key=DB2), 100.0)
    assert register.last(DB2) is None
    assert register.keys == {DB1}


def test_the_share_changes_without_forgetting_what_stays(register: Register) -> None:
    register.hear(report(1), 105.0)
    register.watch_only(frozenset({DB1, DB2}), 110.0)
    assert register.last(DB1) == report(1)
    assert health(register, 110.0 + 3 * BEAT - 0.001, DB2) is Health.UNKNOWN
    register.watch_only(frozenset({DB2}), 120.0)
    assert register.keys == {DB2}
    register.watch_only(frozenset({DB1, DB2}), 130.0)
    assert register.last(DB1) is None, "what was known before the node was let go is of no use any more"
    assert health(register, 130.0 + 3 * BEAT - 0.001) is Health.UNKNOWN


def test_after_our_own_absence_nobodys_silence_counts_and_what_was_known_stays(register: Register) -> None:
    register.hear(report(1), 100.0)
    register.restart_silence(1000.0)
    assert health(register, 1000.0 + 3.5 * BEAT - 0.001) is Health.HEALTHY
    assert health(register, 1000.0 + 3.5 * BEAT) is Health.HOST_SILENT


def hear_read_only(register: Register, count: int, *, super_read_only: bool = True) -> float:
    """Reports of one beat after another, the first at 100; the time of the last one."""
    for number in range(count):
        seen = report(1 + number, read_only=True, super_read_only=super_read_only)
        assert register.hear(seen, 100.0 + number * BEAT)
    return 100.0 + (count - 1) * BEAT


@pytest.mark.parametrize("super_read_only", [True, False])
def test_the_third_report_in_a_row_that_shows_a_primary_read_only_makes_it_suspicious(
    register: Register, super_read_only: bool
) -> None:
    assert register.judge(DB1, 100.0, epoch=1).health is Health.UNKNOWN
    now = hear_read_only(register, 2, super_read_only=super_read_only)
    assert register.judge(DB1, now + 2.9 * BEAT, epoch=1).health is Health.HEALTHY, "time alone is no report"
    register.hear(report(3, read_only=True, super_read_only=super_read_only), now + BEAT)
    assert register.judge(DB1, now + BEAT, epoch=1).health is Health.PRIMARY_READ_ONLY


def test_a_replica_may_be_read_only_for_ever(register: Register) -> None:
    now = hear_read_only(register, 20)
    assert register.judge(DB1, now).health is Health.HEALTHY


def test_what_a_new_primary_reported_before_it_was_one_does_not_count(register: Register) -> None:
    now = hear_read_only(register, 20)
    assert register.judge(DB1, now, epoch=2).health is Health.HEALTHY
    register.hear(report(21, read_only=True), now + 1.0)  # on its way while it was promoted
    register.hear(report(22, read_only=False), now + BEAT)
    assert register.judge(DB1, now + BEAT, epoch=2).health is Health.HEALTHY
    register.hear(report(23, read_only=True), now + 2 * BEAT)
    assert register.judge(DB1, now + 2 * BEAT, epoch=2).health is Health.HEALTHY


def test_a_new_epoch_counts_anew(register: Register) -> None:
    register.judge(DB1, 100.0, epoch=1)
    now = hear_read_only(register, 20)
    assert register.judge(DB1, now, epoch=1).health is Health.PRIMARY_READ_ONLY
    assert register.judge(DB1, now, epoch=2).health is Health.HEALTHY


def test_a_look_that_does_not_get_in_is_no_proof_of_being_read_only(register: Register) -> None:
    register.judge(DB1, 100.0, epoch=1)
    now = hear_read_only(register, 3)
    register.hear(report(9, reach=Reach.DUBIOUS, read_only=True), now + BEAT)
    assert register.judge(DB1, now + BEAT, epoch=1).health is Health.MYSQLD_DUBIOUS
    register.hear(report(10, read_only=True), now + 2 * BEAT)
    assert register.judge(DB1, now + 2 * BEAT, epoch=1).health is Health.HEALTHY


def test_while_others_arrive_late_who_was_never_heard_is_waited_for_36_beats_longer_and_no_more() -> None:
    register = Register(BEAT)
    crowd = [("orders", f"db{number}") for number in range(2, 200)]
    register.watch_only(frozenset([DB1, *crowd]), 100.0)
    for number, (_cluster, node) in enumerate(crowd):
        now = 100.0 + BEAT * (1.1 + 0.25 * number)
        register.hear(report(1, key=("orders", node)), now)
        assert (health(register, now) is Health.HOST_SILENT) == (now >= 100.0 + 39.5 * BEAT)


def test_who_arrives_in_the_first_beat_makes_nobody_wait() -> None:
    register = Register(BEAT)
    register.watch_only(frozenset([DB1, ("orders", "db2")]), 100.0)
    register.hear(report(1, key=DB2), 100.0 + BEAT)
    assert health(register, 100.0 + 3.5 * BEAT) is Health.HOST_SILENT


def test_the_time_in_which_the_monitor_itself_did_not_run_is_nobodys_silence() -> None:
    register = Register(BEAT)
    register.watch_only(frozenset([DB1, DB2]), 100.0)
    register.hear(report(1), 105.0)
    register.hear(report(1, key=DB2), 129.0)
    register.forgive(20.0, 130.0)
    assert health(register, 130.0) is Health.HEALTHY
    assert health(register, 154.999) is Health.HEALTHY
    assert health(register, 155.0) is Health.HOST_SILENT
    assert health(register, 159.999, DB2) is Health.HEALTHY, "what was heard after it is not put into the future"
    assert health(register, 160.0, DB2) is Health.HOST_SILENT
