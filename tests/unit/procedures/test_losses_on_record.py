"""What counts as reported of an old primary, what a salvage's evidence says, and what an agent's answer may hold."""

from __future__ import annotations

import base64
import stat
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, MysqlError
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.private_file import write_private
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Channel,
    Observation,
    ProcessState,
    Reach,
    ServerState,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence, Job, StepRecord
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.losses import (
    executed_by,
    reported,
    salvaged,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Neighbours
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.tail import unpack
from tests.unit.core.worlds import UUID_A, UUID_B, job


def report(node: str, uuid: str, executed: str, retrieved: str | None = None) -> Observation:
    channel = Channel(
        name="",
        source_host="10.0.0.1",
        source_port=3306,
        source_uuid=UUID_A,
        receiver_running=True,
        applier_running=False,
        gtid_retrieved=retrieved or "",
    )
    return Observation(
        cluster="orders",
        node=node,
        incarnation=1,
        sequence=1,
        process=ProcessState.RUNNING,
        reach=Reach.REACHED,
        server=ServerState(
            server_uuid=uuid,
            version="9.7.4",
            read_only=True,
            super_read_only=True,
            gtid_executed=executed,
            channels=() if retrieved is None else (channel,),
        ),
    )


def test_what_a_replica_had_received_was_once_there_though_its_relay_log_is_gone() -> None:
    seen = {
        "db1": report("db1", UUID_A, f"{UUID_A}:1-10"),
        "db2": report("db2", UUID_B, f"{UUID_A}:1-5", f"{UUID_A}:6-14:tag:1"),
    }
    assert reported(seen, "db1") == GtidSet.parse(f"{UUID_A}:1-14:tag:1")


def test_what_a_replica_has_written_itself_is_no_loss_of_the_primary() -> None:
    seen = {"db1": report("db1", UUID_A, f"{UUID_A}:1-10"), "db2": report("db2", UUID_B, f"{UUID_B}:1-3", "")}
    assert reported(seen, "db1") == GtidSet.parse(f"{UUID_A}:1-10")


def test_without_a_report_of_the_primary_nothing_was_reported() -> None:
    assert reported({"db1": None, "db2": report("db2", UUID_B, f"{UUID_A}:1-3")}, "db1") == GtidSet()


@pytest.mark.parametrize(
    ("evidence", "found"),
    [
        ({}, None),
        ({"known": False, "reason": "silence"}, None),
        ({"known": False, "found": f"{UUID_A}:3", "lost": f"{UUID_A}:3"}, None),
        ({"known": True, "found": "", "applied": ""}, ""),
        ({"known": True, "found": f"{UUID_A}:3-4", "applied": f"{UUID_A}:3", "lost": f"{UUID_A}:4"}, f"{UUID_A}:3-4"),
        ({"known": True, "found": "garbage"}, ""),
    ],
)
def test_only_a_salvage_that_saw_the_end_of_the_logs_says_what_there_was(evidence: Evidence, found: str | None) -> None:
    assert salvaged(evidence) == (None if found is None else GtidSet.parse(found))


def packed(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_an_agents_answer_comes_out_as_it_went_in() -> None:
    assert unpack(packed(zlib.compress(b"text" * 1000))) == b"text" * 1000
    assert unpack(packed(zlib.compress(b""))) == b""


@pytest.mark.parametrize("dump", ["§", packed(b"not packed"), packed(zlib.compress(b"text" * 100)[:-5]), ""])
def test_an_answer_that_is_damaged_or_cut_short_is_refused(dump: str) -> None:
    with pytest.raises(Unavailable, match="the agent's answer is damaged"):
        unpack(dump)


def test_a_manifest_can_be_read_by_its_owner_only_and_replaces_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "orders-7.json"
    path.write_text("an older one")
    path.chmod(0o644)
    write_private(path, b"rows")
    assert path.read_bytes() == b"rows"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["orders-7.json"]


def test_a_manifest_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"absent/orders-7\.json cannot be written: No such file or directory"):
        write_private(tmp_path / "absent" / "orders-7.json", b"rows")


def promoted(executed: str) -> Job:
    done = StepRecord(
        step="promote",
        epoch=2,
        changed=True,
        sentence="db2 is the writable primary",
        evidence={"gtid_executed_before": executed},
        finished_at=1.0,
        seconds=0.1,
    )
    return replace(job(), candidate="db2", steps=(done,))


def test_a_new_primary_that_has_died_since_is_taken_by_what_it_had_when_it_was_promoted() -> None:
    # Nothing listens on this port of our own host, so the answer is a refusal at once.
    nobody = Node(name="db2", address="127.0.0.1", port=1)
    ways = Neighbours(login=Login(user="u", password="p", connect_timeout=2.0))
    assert executed_by(nobody, ways, promoted(f"{UUID_A}:1-9")) == GtidSet.parse(f"{UUID_A}:1-9")
    with pytest.raises(MysqlError):
        executed_by(replace(nobody, name="db3"), ways, promoted(f"{UUID_A}:1-9"))
    with pytest.raises(MysqlError):
        executed_by(nobody, ways, replace(job(), candidate="db2"))
