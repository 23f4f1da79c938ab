"""How a node is, in one sentence for people."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.explain import node_sentence
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    Heartbeat,
    Observation,
    ProcessState,
    Reach,
    ServerState,
    Vitals,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Breach, Raised
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import NodeHealth

WELL = "mysqld runs and answers"
FULL = Raised(breach=Breach.DISK, because="it is full", raised_at=0.0)


def sentence(
    *breaches: Raised, asked: bool = True, heart: tuple[float, bool] | None = None, told: float | None = None
) -> str:
    health = NodeHealth(
        node="db2", health=Health.HEALTHY, because=WELL, monitor="mon1", changed_at=0.0, breaches=breaches
    )
    channel = Channel(
        name="",
        source_host="h",
        source_port=1,
        source_uuid="",
        receiver_running=True,
        applier_running=True,
        gtid_retrieved="",
        lag_seconds=told,
    )
    seen = Observation(
        cluster="orders",
        node="db2",
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
        server=ServerState(
            server_uuid="",
            version="9.7.4",
            read_only=True,
            super_read_only=True,
            gtid_executed="",
            channels=(channel,),
        ),
        vitals=Vitals(disk_bytes_used=41, disk_bytes_total=100),
        heartbeat=Heartbeat(primary="db1", lag_seconds=heart[0], sure=heart[1]) if heart else None,
    )
    return node_sentence(health, seen if asked else None)


@pytest.mark.parametrize(
    ("heart", "told", "said"),
    [
        ((3.2, True), 9.0, "; 3 s behind"),
        ((3.2, False), 9.0, "; at least 3 s behind"),
        (None, 9.0, "; 9 s behind by its own word"),
        (None, None, ""),
    ],
)
def test_the_lag_is_told_with_where_it_is_from(heart: tuple[float, bool] | None, told: float | None, said: str) -> None:
    assert sentence(heart=heart, told=told) == f"{WELL}{said}; disk 41% full"


@pytest.mark.parametrize(
    ("reach", "working", "said"),
    [
        (Reach.TIMED_OUT, True, f"{WELL}; its agent got no answer for 12 s, and its process works"),
        (Reach.TIMED_OUT, False, f"{WELL}; its agent got no answer for 12 s, and its process does not work"),
        (Reach.TIMED_OUT, None, f"{WELL}; its agent got no answer for 12 s"),
        (Reach.REACHED, True, WELL),
    ],
)
def test_a_mysqld_that_does_not_answer_is_told_with_how_long_and_whether_it_works(
    reach: Reach, working: bool | None, said: str
) -> None:
    health = NodeHealth(node="db1", health=Health.HEALTHY, because=WELL, monitor="mon1", changed_at=0.0)
    seen = Observation(
        cluster="orders",
        node="db1",
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=reach,
        unanswered_seconds=12.4,
        working=working,
    )
    assert node_sentence(health, seen) == said


def test_a_node_whose_agent_is_silent_is_told_by_its_monitors_word_and_its_breaches() -> None:
    assert sentence(asked=False) == WELL
    assert sentence(FULL, asked=False) == f"{WELL}; breach 'disk': it is full"
