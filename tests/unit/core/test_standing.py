"""How a replica stands: whether it lives, how far behind it is, and what it lacks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    Heartbeat,
    Observation,
    ProcessState,
    Reach,
    ServerState,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.standing import Standing, least, standing_of
from tests.unit.core.worlds import UUID_A


def seen(
    executed: str,
    *retrieved: tuple[str, float | None],
    process: ProcessState = ProcessState.RUNNING,
    reach: Reach = Reach.REACHED,
) -> Observation:
    channels = tuple(
        Channel(
            name=str(number),
            source_host="10.0.0.1",
            source_port=3306,
            source_uuid=UUID_A,
            receiver_running=False,
            applier_running=True,
            gtid_retrieved=f"{UUID_A}:{gtids}" if gtids else "",
            lag_seconds=lag,
        )
        for number, (gtids, lag) in enumerate(retrieved)
    )
    server = ServerState(
        server_uuid="u",
        version="9.7.4",
        read_only=True,
        super_read_only=True,
        gtid_executed=f"{UUID_A}:{executed}",
        channels=channels,
    )
    return Observation(
        cluster="orders", node="db2", incarnation=1, sequence=1, process=process, reach=reach, server=server
    )


@pytest.mark.parametrize(
    ("observation", "lag", "missing"),
    [
        (seen("1-10", ("1-10", None)), 0.0, 2),  # with a dead source a server that has applied all tells no lag
        (seen("1-10", ("1-12", 4.0)), 4.0, 0),
        (seen("1-10", ("1-12", None)), None, 0),
        (seen("1-8", ("1-11", 4.0), ("1-9", 9.0)), 9.0, 1),
        (seen("1-8", ("1-11", 4.0), ("1-9", None)), None, 1),
        (seen("1-14"), 0.0, 0),
    ],
)
def test_a_replicas_lag_and_what_it_lacks(observation: Observation, lag: float | None, missing: int) -> None:
    assert standing_of("db2", observation, f"{UUID_A}:1-12") == Standing(
        node="db2", live=True, lag_seconds=lag, transactions_missing=missing
    )


@pytest.mark.parametrize(
    ("observation", "heart", "sure", "lag"),
    [
        (seen("1-10", ("1-10", None)), 7200.0, True, 7200.0),  # a receiver that stopped two hours ago
        (seen("1-10", ("1-12", 900.0)), 3.0, True, 3.0),  # a clock that jumped
        (seen("1-10", ("1-12", 4.0)), 2.0, False, 4.0),
        (seen("1-10", ("1-12", 4.0)), 6.0, False, 6.0),
        (seen("1-10", ("1-10", None)), 6.0, False, 6.0),
        (seen("1-10", ("1-12", None)), 6.0, False, None),
    ],
)
def test_the_heartbeats_lag_counts_where_it_is_sure_else_the_larger_one_of_both(
    observation: Observation, heart: float, sure: bool, lag: float | None
) -> None:
    heard = replace(observation, heartbeat=Heartbeat(primary="db1", lag_seconds=heart, sure=sure))
    assert standing_of("db2", heard, None).lag_seconds == lag


def test_where_the_primarys_transactions_are_not_known_nobody_can_tell_what_is_missing() -> None:
    assert standing_of("db2", seen("1-10"), None).transactions_missing is None


@pytest.mark.parametrize("observation", [None, seen("1", process=ProcessState.EXITED), seen("1", reach=Reach.DUBIOUS)])
def test_a_replica_that_does_not_answer_its_agent_does_not_live(observation: Observation | None) -> None:
    assert standing_of("db2", observation, "") == Standing(node="db2", live=False)


def test_the_least_of_what_is_known_is_none_when_nothing_is() -> None:
    assert least([None, 3, 2]) == 2
    assert least([None]) is None
    assert least([]) is None
