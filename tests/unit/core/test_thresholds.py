"""A breach is raised and ended as its row says, stays where nobody can tell, and never raises a suspicion."""

from __future__ import annotations

import inspect
from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import health as health_module
from ansible_collections.altair.mysql_ha.plugins.module_utils._core import thresholds
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Thresholds
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    Heartbeat,
    LeaseState,
    Observation,
    ProcessState,
    Reach,
    ServerState,
    Vitals,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import (
    THRESHOLDS,
    Breach,
    Look,
    Watch,
    watch,
)

POLICY = Thresholds(looks=3)
Channels = tuple[tuple[bool, bool, float | None], ...]


def server(channels: Channels) -> ServerState:
    return ServerState(
        server_uuid="u",
        version="9.7.4",
        read_only=True,
        super_read_only=True,
        gtid_executed="",
        channels=tuple(
            Channel(
                name=str(number),
                source_host="10.0.0.1",
                source_port=3306,
                source_uuid="s",
                receiver_running=receiver,
                applier_running=applier,
                gtid_retrieved="",
                lag_seconds=lag,
            )
            for number, (receiver, applier, lag) in enumerate(channels)
        ),
    )


def look(  # noqa: PLR0917 - in the order of the rows
    health: Health = Health.HEALTHY,
    vitals: Vitals | None = None,
    channels: Channels = ((True, True, 0.0),),
    heartbeat: Heartbeat | None = None,
    primary: bool = False,
    reach: Reach = Reach.REACHED,
    lease: LeaseState = LeaseState.NONE,
) -> Look:
    report = Observation(
        cluster="orders",
        node="db2",
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=reach,
        lease=lease,
        server=server(channels),
        vitals=vitals or Vitals(),
        heartbeat=heartbeat,
    )
    return Look(health=health, primary=primary, report=report, new=True)


def disk(share: float) -> Look:
    return look(vitals=Vitals(disk_bytes_used=int(share * 1000), disk_bytes_total=1000, disk_writable=True))


def lag(seconds: float, *, sure: bool = True, told: float | None = 0.0) -> Look:
    found = Heartbeat(primary="db1", lag_seconds=seconds, sure=sure)
    return look(channels=((True, True, told),), heartbeat=found)


def after(*looks: Look, policy: Thresholds = POLICY, before: Watch | None = None) -> Watch:
    """Each look shows another report."""
    now = before or Watch()
    for number, each in enumerate(looks):
        now = watch(now, each, policy, now_at=float(number))
    return now


def raised(found: Watch) -> set[Breach]:
    return {each.breach for each in found.raised}


WORST: dict[Breach, Look] = {
    Breach.SILENCE: Look(health=Health.HOST_SILENT, primary=True, report=None, new=False),
    Breach.PROCESS: look(Health.MYSQLD_HUNG, reach=Reach.TIMED_OUT),
    Breach.DISK: disk(0.95),
    Breach.INODES: look(vitals=Vitals(inodes_used=9, inodes_total=10)),
    Breach.READ_ONLY_DISK: look(vitals=Vitals(disk_writable=False, disk_detail="/data is mounted read-only")),
    Breach.REPLICATION: look(channels=((True, False, None),)),
    Breach.LAG: lag(60.0),
    Breach.WRITABLE: look(lease=LeaseState.USURPED),
}
WELL = look(
    vitals=Vitals(disk_bytes_used=0, disk_bytes_total=1, inodes_used=0, inodes_total=1, disk_writable=True),
    heartbeat=Heartbeat(primary="db1", lag_seconds=0.0, sure=True),
)
BLIND = Look(health=Health.UNKNOWN, primary=False, report=None, new=False)


def test_every_breach_has_one_row_and_every_row_can_win_alone() -> None:
    assert [row.breach for row in THRESHOLDS] == list(Breach)
    for breach, worst in WORST.items():
        assert raised(after(worst, worst, worst)) == {breach}


@pytest.mark.parametrize("breach", list(Breach))
def test_a_breach_is_raised_after_its_looks_stays_where_nobody_can_tell_and_ends_when_all_is_well(
    breach: Breach,
) -> None:
    patient = breach in (Breach.REPLICATION, Breach.LAG)
    first = after(WORST[breach])
    assert (breach in raised(first)) is not patient
    found = after(WORST[breach], WORST[breach], WORST[breach])
    assert after(BLIND, BLIND, before=found).raised == found.raised
    assert raised(after(WELL, before=found)) == set()


@pytest.mark.parametrize("breach", [Breach.REPLICATION, Breach.LAG])
def test_looks_must_be_in_a_row_and_the_same_report_is_no_second_look(breach: Breach) -> None:
    worst = WORST[breach]
    assert raised(after(worst, worst, WELL, worst, worst)) == set()
    twice = after(worst, worst)
    for _again in range(5):
        twice = watch(twice, replace(worst, new=False), POLICY, now_at=0.0)
    assert raised(twice) == set()
    assert raised(after(worst, before=twice)) == {breach}


@pytest.mark.parametrize("share", [number / 1000 for number in range(840, 960, 5)])
def test_a_share_raises_at_its_limit_and_ends_only_below_it_by_the_margin(share: float) -> None:
    assert (raised(after(disk(share))) == {Breach.DISK}) is (share >= 0.9)
    full = after(disk(0.95))
    assert (raised(after(disk(share), before=full)) == {Breach.DISK}) is (share >= 0.9 * 0.95)


def test_what_is_raised_keeps_its_first_sentence_so_that_the_record_is_written_once() -> None:
    found = after(disk(0.91), disk(0.93), disk(0.99), disk(0.89))
    assert [(each.because, each.raised_at) for each in found.raised] == [
        ("the data folder's file system is 91.0% full, the limit is 90.0%", 0.0)
    ]


@pytest.mark.parametrize(
    ("health", "breaches"),
    [
        (Health.HEALTHY, set()),
        (Health.UNKNOWN, set()),
        (Health.MYSQLD_DUBIOUS, set()),
        (Health.SELF_FENCED, set()),
        (Health.HOST_SILENT, {Breach.SILENCE}),
        (Health.MYSQLD_EXITED, {Breach.PROCESS}),
        (Health.MYSQLD_HUNG, {Breach.PROCESS}),
        (Health.MYSQLD_OVERLOADED, {Breach.PROCESS}),
    ],
)
def test_silence_and_a_missing_mysqld_are_breaches_at_once(health: Health, breaches: set[Breach]) -> None:
    assert raised(after(replace(WELL, health=health))) == breaches


@pytest.mark.parametrize(
    "channels", [(), ((False, True, None),), ((True, False, None),), ((True, True, 0.0), (False, True, None))]
)
def test_a_replica_does_not_replicate_when_one_thread_stands_or_no_channel_is_there_but_a_primary_need_not(
    channels: Channels,
) -> None:
    replica, primary = look(channels=channels), look(channels=channels, primary=True)
    assert raised(after(replica, replica, replica)) == {Breach.REPLICATION}
    assert raised(after(primary, primary, primary)) == set()


def test_a_silence_ends_with_a_report_and_not_because_a_monitor_counts_anew() -> None:
    silent = after(WORST[Breach.SILENCE])
    assert after(replace(WELL, new=False), before=silent).raised == silent.raised
    assert raised(after(WELL, before=silent)) == set()


@pytest.mark.parametrize(("heart", "sure", "told"), list(product((0.0, 59.9, 61.0), (True, False), (None, 0.0, 61.0))))
def test_the_heartbeats_lag_counts_where_it_is_sure_and_the_larger_one_where_it_is_not(
    heart: float, sure: bool, told: float | None
) -> None:
    counts = heart if sure else max(heart, told or 0.0)
    seen = lag(heart, sure=sure, told=told)
    assert (raised(after(seen, seen, seen)) == {Breach.LAG}) is (counts >= 60)


def test_without_a_heartbeat_the_servers_own_lag_counts_and_with_neither_nobody_can_tell() -> None:
    far, blind = look(channels=((True, True, 61.0),)), look(channels=((True, True, None),))
    found = after(far, far, far)
    assert raised(found) == {Breach.LAG}
    assert raised(after(blind, before=found)) == {Breach.LAG}


def test_without_a_limit_there_is_no_breach_and_one_on_record_ends() -> None:
    none = Thresholds(disk_share_max=None, inodes_share_max=None, lag_seconds_max=None)
    for breach in (Breach.DISK, Breach.INODES, Breach.LAG):
        found = after(WORST[breach], WORST[breach], WORST[breach])
        assert raised(after(WORST[breach], before=found, policy=none)) == set()


def test_what_raises_a_suspicion_knows_nothing_of_breaches_or_vitals() -> None:
    source = inspect.getsource(health_module)
    assert thresholds.__name__.rpartition(".")[2] not in source
    assert "vitals" not in source
