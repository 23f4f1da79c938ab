"""What a failover would come to, asked of real servers and a real record, neither of which that changes; looked at as
root and by the plain client. No agent answers in this lab, so that a dead mysqld is here what a dead host is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import NotFound
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Suspicion,
    Voters,
    cluster_path,
    job_path,
    state_path,
    voters_path,
)
from ansible_collections.altair.mysql_ha.plugins.modules import failover_plan_info
from tests.contract.by_hand import (
    PATIENCE_SECONDS,
    await_caught_up,
    await_that,
    follow_primary,
    globals_set,
    sql,
    value,
    write_row,
)
from tests.contract.fleet_on_record import Json, ansible, maintained
from tests.contract.test_mysql_follow import GONE, NODES, options, status
from tests.contract.test_mysql_repair import job
from tests.contract.test_registry import tree
from tests.lab import daemons
from tests.lab.addresses import HOSTS, ZOOKEEPER_PORT
from tests.lab.lab import Lab

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
EXECUTED = "@@global.gtid_executed"
RECEIVED = (
    "(SELECT NULLIF(RECEIVED_TRANSACTION_SET, '') FROM performance_schema.replication_connection_status"
    " WHERE CHANNEL_NAME = '')"
)
_roots = count(1)


@pytest.fixture
def root() -> str:
    return f"/foretold/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    """Where a cluster is registered whose primary is db1 and whose third node does not answer."""
    assert lab.host("zk1").running("zookeeper")
    spec = ClusterSpec(
        cluster="orders",
        nodes=tuple(NODES.values()),
        dns=Dns(name="p.example.com", zone="example.com", servers=(HOSTS["ns1"],)),
    )
    await_caught_up(lab)
    with open_store(ZOOKEEPER, root) as store:
        store.create(cluster_path("orders"), spec)
        store.create(state_path("orders"), ClusterState(epoch=1, primary="db1"))
        yield store


@pytest.fixture
def plain(store: Store) -> Iterator[Any]:
    """The plain client, to look."""
    assert store.connected
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    yield client
    client.stop()
    client.close()


def foretold(lab: Lab, root: str, *, check: bool = False, **given: object) -> Json:
    """As a playbook would ask."""
    usual = {name: each.get("default") for name, each in failover_plan_info.ARGUMENT_SPEC.items()}
    tls = daemons.tls(lab, "client")
    files = {"agent_ca": tls["ca"], "agent_cert": tls["certificate"], "agent_key": tls["key"]}
    asked = {"zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root, "cluster": "orders", "connect_timeout": 1.0}
    account = {"config_file": str(lab.etc / "altair.cnf"), "agent_timeout": 1.0}
    result: Json = failover_plan_info.run({**usual, **asked, **account, **files, **given}, check)
    return result


def receives_nothing(lab: Lab) -> None:
    sql(lab, "db2", "STOP REPLICA IO_THREAD")


def test_the_replica_that_answers_is_the_candidate_and_why_not_the_other_is_said(
    lab: Lab, store: Store, root: str
) -> None:
    told = foretold(lab, root)
    assert (told["candidate"], list(told["passed_over"]), told["answers"]) == ("db2", ["db3"], True)
    assert told["passed_over"]["db3"].startswith("it cannot be reached: ")
    assert told["steps"] == [f"{step.name}: {step.does}" for step in FAILOVER]
    assert told["diff"]["before"] == {
        "primary": "db1",
        "dns": {"p.example.com": HOSTS["db1"]},
        "sources": {"db2": "db1"},
    }
    assert told["diff"]["after"] == {"primary": "db2", "dns": {"p.example.com": HOSTS["db2"]}, "sources": {}}
    assert store.connected


@pytest.mark.parametrize("check", [False, True])
def test_nothing_is_changed_on_record_or_on_a_server(lab: Lab, plain: Any, root: str, check: bool) -> None:
    for number in range(5):  # troubles that are over, and more than are passed by unread
        plain.create(f"{root}/clusters/c{number}", b"{}", makepath=True)
        trouble = {"cluster": f"c{number}", "primary": "db1", "at": 1.0, "noted_by": "orc1"}
        plain.create(f"{root}/fleet/troubles/c{number}", json.dumps(trouble).encode(), makepath=True)
    before, channel = tree(plain, root), options(lab)
    executed = [value(lab, name, EXECUTED) for name in ("db1", "db2")]
    told = foretold(lab, root, check=check)
    assert told["changed"] is False
    assert tree(plain, root) == before
    assert options(lab) == channel
    assert [value(lab, name, EXECUTED) for name in ("db1", "db2")] == executed
    assert (status(lab)["Replica_IO_Running"], status(lab)["Replica_SQL_Running"]) == ("Yes", "Yes")
    assert not [each for each in told["host_dies"]["forbidden"] if "too many primaries" in each]


def test_what_no_replica_has_received_would_be_lost_and_is_named(lab: Lab, store: Store, root: str) -> None:
    assert foretold(lab, root)["host_dies"]["transactions"] == 0
    receives_nothing(lab)
    before = value(lab, "db1", EXECUTED)
    write_row(lab, 9501)
    write_row(lab, 9502)
    told = foretold(lab, root)["host_dies"]
    assert told["transactions"] == 2
    assert told["gtids"] == value(lab, "db1", f"GTID_SUBTRACT({EXECUTED}, '{before}')")
    assert told["gtids"] in told["lost"]
    assert status(lab)["Replica_IO_Running"] == "No"
    assert store.connected


def test_what_a_replica_has_received_and_not_applied_would_not_be_lost(lab: Lab, store: Store, root: str) -> None:
    sql(lab, "db2", "STOP REPLICA SQL_THREAD")
    executed = write_row(lab, 9503)
    await_that(
        lambda: value(lab, "db2", f"GTID_SUBSET('{executed}', CONCAT_WS(',', {EXECUTED}, {RECEIVED}))") == "1",
        "db2 has received it",
    )
    assert value(lab, "db2", f"GTID_SUBSET('{executed}', {EXECUTED})") == "0"
    told = foretold(lab, root)
    assert (told["candidate"], told["host_dies"]["transactions"]) == ("db2", 0)
    assert [each["part"] for each in told["host_dies"]["gap"]] == ["detection", "deadlines", "apply", "steps"]
    # A server whose applier stands cannot tell its lag; and nobody has started it.
    assert "what db2 takes to apply what it has received, which it cannot tell" in told["host_dies"]["gap_besides"]
    assert status(lab)["Replica_SQL_Running"] == "No"
    assert store.connected


def test_whether_commits_wait_for_a_replica_is_asked_of_the_primary(lab: Lab, store: Store, root: str) -> None:
    assert foretold(lab, root)["semi_synchronous"] is False
    receives_nothing(lab)
    write_row(lab, 9504)
    with globals_set(lab, "db1", rpl_semi_sync_source_timeout=600000, rpl_semi_sync_source_enabled=1):
        told = foretold(lab, root)
    assert told["semi_synchronous"] is True
    assert told["host_dies"]["transactions"] == 1
    assert "none of which a client was told of" in told["host_dies"]["lost"]
    assert store.connected


def test_of_a_primary_that_does_not_answer_nobody_can_tell_what_would_be_lost(
    lab: Lab, store: Store, root: str
) -> None:
    store.put(state_path("orders"), ClusterState(epoch=1, primary="db3"))
    follow_primary(lab, host=GONE)
    told = foretold(lab, root)
    assert (told["answers"], told["semi_synchronous"], told["candidate"]) == (False, None, "db2")
    for death in ("mysqld_dies", "host_dies"):
        assert told[death]["transactions"] is None
        assert "it could not be asked what it has" in told[death]["lost"]
    assert "db3 is primary under epoch 1, and it does not answer: MySQL at " in told["msg"]


def test_what_forbids_a_failover_right_now_is_said(lab: Lab, store: Store, plain: Any, root: str) -> None:
    forbidden = foretold(lab, root)["host_dies"]["forbidden"]
    assert "no monitor is on record, so nobody would notice" in forbidden
    assert "no replica lives that could be promoted" in forbidden  # by the agents' word, and none answers
    assert not [each for each in forbidden if "maintenance" in each or "has not ended" in each]
    maintained(plain, root, "orders", 600)
    store.create(job_path("orders"), job(JobState.RUNNING))
    told = foretold(lab, root)["host_dies"]
    assert "it is in maintenance (the cluster, by ann: a new switch)" in told["forbidden"]
    assert "a job of this cluster has not ended" in told["forbidden"]
    assert told["yields"] is False
    assert told["sentence"].startswith("nobody would be promoted without a person: ")


def test_voters_that_are_silent_leave_the_fence_without_its_proof(lab: Lab, store: Store, root: str) -> None:
    assert "nobody is on record as voting on its lease" in foretold(lab, root)["host_dies"]["held_up"][0]
    store.create(voters_path("orders"), Voters(primary="db1", version=1, names=("db2", "db3")))
    told = foretold(lab, root)["host_dies"]
    assert "of db2, db3 0 answer, 2 have to" in told["held_up"][0]
    assert told["verdict"] == "uncertain"


def test_the_beat_is_taken_from_the_suspicion_that_the_last_job_came_of(lab: Lab, store: Store, root: str) -> None:
    assert "three beats" in foretold(lab, root)["host_dies"]["gap_besides"]
    suspicion = Suspicion(
        cluster="orders",
        primary="db3",
        epoch=1,
        health=Health.HOST_SILENT,
        because="three reports in a row are missing",
        monitor="mon1",
        raised_at=1.0,
        beat_seconds=2.0,
    )
    store.create(job_path("orders"), replace(job(JobState.DONE), suspicion=suspicion))
    (silence,) = [each for each in foretold(lab, root)["host_dies"]["gap"] if each["part"] == "detection"]
    assert silence["seconds"] == 6.0


def test_a_cluster_that_is_not_registered_is_refused_in_a_sentence(lab: Lab, store: Store, root: str) -> None:
    with pytest.raises(NotFound, match="cluster nope is not registered"):
        foretold(lab, root, cluster="nope")
    assert store.connected


def played(lab: Lab, root: str, home: Path, *extra: str, **variables: object) -> str:
    """What the playbook prints."""
    place = {"altair_zookeeper_root": root, "cluster": "orders"}
    given = json.dumps({**daemons.playbook_variables(lab, "client"), **place, **variables})
    code, out, err = ansible("ansible-playbook", "altair.mysql_ha.plan", "-e", given, *extra, home=home)
    assert code == 0, out + err
    assert "changed=0" in out
    return out


def test_the_playbook_prints_the_report_and_with_diff_what_would_be_different(
    lab: Lab, store: Store, root: str, tmp_path: Path
) -> None:
    out = played(lab, root, tmp_path)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "orders: db1 is primary under epoch 1, and it answers" in lines
    assert "if the host of db1 died now:" in lines
    assert all(f"{step.name} {step.does}" in lines for step in FAILOVER)
    assert '"before"' not in out
    differing = played(lab, root, tmp_path, "--check", "--diff")
    assert '"before"' in differing
    assert '"primary": "db2"' in differing
    assert store.connected


def test_the_playbook_gives_the_same_as_json(lab: Lab, store: Store, root: str, tmp_path: Path) -> None:
    out = played(lab, root, tmp_path, altair_output="json")
    found = re.search(r"^ok: \[localhost\] => (\{$.*?^\})$", out, re.MULTILINE | re.DOTALL)
    assert found, out
    told = json.loads(found[1])["msg"]
    assert (told["primary"], told["candidate"], told["answers"]) == ("db1", "db2", True)
    assert told["host_dies"]["transactions"] == 0
    assert told["diff"]["after"]["primary"] == "db2"
    assert "WHAT IT DOES" not in out
    assert store.connected
