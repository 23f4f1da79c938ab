"""The status of a cluster and of all, from what a real ZooKeeper has on record, garbage included."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, NotFound
from ansible_collections.altair.mysql_ha.plugins.modules import cluster_info, clusters_info
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.fleet_on_record import (
    ZOOKEEPER,
    Json,
    ansible,
    job,
    judged,
    maintained,
    node,
    put,
    register,
    step,
)
from tests.lab.lab import Lab

_roots = count(1)
LOST = "3e11fa47-71ca-11e1-9e33-c80aa9429562:7-9"


@pytest.fixture
def root() -> str:
    return f"/status/{next(_roots)}"


@pytest.fixture
def plain(lab: Lab, root: str) -> Iterator[Any]:
    """One cluster is on record, whose primary is suspected."""
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    register(client, root, "orders", [node("db1", 1), node("db2", 2)], "db2", epoch=14)
    judged(client, root, "orders", "db1", "mysqld_exited")
    judged(client, root, "orders", "db2", lease="held")
    yield client
    client.stop()
    client.close()


def status(root: str, module: Any = cluster_info, **given: object) -> Json:
    usual = {name: each.get("default") for name, each in module.ARGUMENT_SPEC.items()}
    told: Json = module.run({**usual, "zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root, **given}, False)
    return told


def words(lines: list[str]) -> list[str]:
    return [" ".join(line.split()) for line in lines]


def past(plain: Any, root: str, epoch: int, state: str = "done", **account: object) -> None:
    name = f"orders-{epoch}"
    steps = [step("promote", epoch)] if state == "done" else []
    put(plain, f"{root}/clusters/orders/history/{name}", job("orders", epoch, state, candidate="db2", steps=steps))
    if account:
        counted = {"cluster": "orders", "job": name, "old_primary": "db1", "new_primary": "db2", "learned": "by hand"}
        put(plain, f"{root}/clusters/orders/losses/{name}", {**counted, "since_at": 1.0, "counted_at": 2.0, **account})


def test_the_report_and_the_result_tell_the_same_of_each_node(plain: Any, root: str) -> None:
    maintained(plain, root, "orders", 600, "db1")
    told = status(root, cluster="orders")
    assert told["report"][0] == "orders: db2 is primary under epoch 14, the name is orders-db-primary.example.com"
    rows = [line for line in words(told["report"]) if line.startswith("db")]
    assert rows[0].startswith("db1 replica 10.0.0.1:3306 mysqld_exited ? - until ")
    assert rows[0].endswith("Z it is mysqld_exited")
    assert rows[1] == "db2 primary 10.0.0.2:3306 healthy - held - -"
    one, two = told["topology"]
    assert (one["role"], one["health"], one["errors"]) == ("replica", "mysqld_exited", ["it is mysqld_exited"])
    assert (one["maintenance"]["node"], two["maintenance"], two["lease"]) == ("db1", None, "held")
    assert told["maintenance"][0]["active"]
    assert "report" not in status(root, cluster="orders", report=False)


def test_the_history_tells_the_last_jobs_by_their_epochs_with_duration_and_loss(plain: Any, root: str) -> None:
    past(plain, root, 9, "aborted")
    past(plain, root, 10, lost=LOST, transactions=3)
    past(plain, root, 11, unknown="its host is gone")
    past(plain, root, 12)
    told = status(root, cluster="orders", history=3)
    assert [(each["job"], each["seconds"], each["lost"]) for each in told["history"]] == [
        ("orders-12", 4.0, "not counted"),
        ("orders-11", 4.0, "nobody can tell"),
        ("orders-10", 4.0, "3 transactions"),
    ]
    lines = words(told["report"])
    assert "1970-01-01T00:16:44Z orders-10 failover done db1 db2 4.0 s 3 transactions it is done" in lines
    assert "earlier jobs that are not shown: 1" in lines
    assert [each["lost"] for each in status(root, cluster="orders")["history"]][-1] == "nothing promoted"
    assert status(root, cluster="orders", history=0)["history"] == []


def test_an_open_job_is_told_step_by_step(plain: Any, root: str) -> None:
    running = job("orders", 14, "running", steps=[step("fence", 14)], trouble="promote: no")
    put(plain, f"{root}/clusters/orders/job", running)
    told = status(root, cluster="orders")
    assert [(each["step"], each["progress"]) for each in told["steps"]] == [("fence", "done"), ("promote", "next")]
    lines = words(told["report"])
    assert "job orders-14 (failover, epoch 14, orc1) is running since 1970-01-01T00:16:40Z: it is running" in lines
    assert "it does not get on: promote: no" in lines
    assert "fence done 0.5 s fence is done" in lines


@pytest.mark.parametrize("place", ["job", "suspicion", "maintenance", "lock", "screening", "history/orders-9"])
def test_garbage_in_one_place_is_named_and_all_else_is_told(plain: Any, root: str, place: str) -> None:
    past(plain, root, 8)
    put(plain, f"{root}/clusters/orders/{place}", b"garbage")
    told = status(root, cluster="orders")
    (fault,) = told["faults"]
    assert f"{root}/clusters/orders/{place} holds no valid" in fault
    assert f"set aside: {fault}" in told["report"]
    assert [row["health"] for row in told["topology"]] == ["mysqld_exited", "healthy"]
    assert told["history"][-1]["job"] == "orders-8"


def test_a_node_on_its_way_back_is_told_and_garbage_in_its_record_is_named(plain: Any, root: str) -> None:
    back = {"node": "db1", "stage": "copying", "because": "it was asked for", "by": "ann", "at": 1.0, "donor": "db2"}
    put(plain, f"{root}/clusters/orders/returned/db1", back)
    told = status(root, cluster="orders")
    assert list(told["returned"]) == ["db1"]
    assert [row["returned"] for row in told["topology"]] == ["copying", None]
    row = next(line for line in words(told["report"]) if line.startswith("db1"))
    assert "mysqld_exited ? - copying it is mysqld_exited; its rebuild from db2 has not ended" in row
    assert "db1: its rebuild from db2 has not ended" in words(status(root, clusters_info)["report"])[-1]
    plain.set(f"{root}/clusters/orders/returned/db1", b"garbage")
    told = status(root, cluster="orders")
    assert told["returned"] == {}
    assert f"{root}/clusters/orders/returned/db1 holds no valid ReturnedNode" in told["faults"][0]


def test_garbage_in_a_nodes_health_leaves_that_node_unknown(plain: Any, root: str) -> None:
    put(plain, f"{root}/health/orders/db1", b"{}")
    told = status(root, cluster="orders")
    assert [row["health"] for row in told["topology"]] == ["unknown", "healthy"]
    assert f"{root}/health/orders/db1 holds no valid NodeHealth" in told["faults"][0]


def test_a_cluster_whose_description_or_primary_cannot_be_told_is_refused_in_a_sentence(plain: Any, root: str) -> None:
    with pytest.raises(NotFound, match=f"cluster nope is not registered at {root} in ZooKeeper at "):
        status(root, cluster="nope")
    put(plain, f"{root}/clusters/orders/state", {"epoch": 1, "primary": "db9"})
    with pytest.raises(InvalidInput, match="names db9 as primary, which is no node of it"):
        status(root, cluster="orders")
    plain.delete(f"{root}/clusters/orders/state")
    with pytest.raises(InvalidInput, match="has no clusters/orders/state; deregister cluster orders, and register it"):
        status(root, cluster="orders")
    put(plain, f"{root}/clusters/orders", {**job("x", 1, "done"), "nodes": []})
    with pytest.raises(InvalidInput, match="clusters/orders holds no valid ClusterSpec"):
        status(root, cluster="orders")


def test_all_clusters_are_told_in_a_line_each_and_one_that_is_garbage_hides_no_other(plain: Any, root: str) -> None:
    for number in range(120):  # more than are read at once
        register(plain, root, f"c{number:03}", [node("db1", 1), node("db2", 2)], "db1")
    put(plain, f"{root}/clusters/broken", b"garbage")
    told = status(root, clusters_info)
    assert told["msg"] == "122 clusters are registered, 1 of them cannot be read"
    assert [each["cluster"] for each in told["clusters"]] == [*(f"c{number:03}" for number in range(120)), "orders"]
    orders = told["clusters"][-1]
    assert (orders["healthy"], orders["nodes"], orders["lease"], orders["primary"]) == (1, 2, "held", "db2")
    assert words(told["report"])[-2] == "orders db2 14 1/2 held db1: it is mysqld_exited"
    assert told["report"][-1].startswith(f"set aside: broken: {root}/clusters/broken holds no valid ClusterSpec")
    assert list(told["set_aside"]) == ["broken"]
    plain.delete(f"{root}/clusters", recursive=True)
    assert status(root, clusters_info)["report"] == ["no cluster is registered"]


def played(root: str, home: Path, **variables: object) -> str:
    """What the playbook prints."""
    given = json.dumps({"altair_zookeeper_hosts": ZOOKEEPER, "altair_zookeeper_root": root, **variables})
    code, out, err = ansible("ansible-playbook", "altair.mysql_ha.status", "-e", given, home=home)
    assert code == 0, out + err
    assert "changed=0" in out
    return out


def test_the_playbook_prints_the_report_line_by_line_or_the_same_as_json(plain: Any, root: str, tmp_path: Path) -> None:
    past(plain, root, 12)
    out = played(root, tmp_path, cluster="orders")
    lines = words(out.splitlines())
    assert "db2 primary 10.0.0.2:3306 healthy - held -" in lines
    assert "1970-01-01T00:16:44Z orders-12 failover done db1 db2 4.0 s not counted it is done" in lines
    assert '"topology"' not in out
    out = played(root, tmp_path, cluster="orders", altair_output="json")
    found = re.search(r"^ok: \[localhost\] => (\{$.*?^\})$", out, re.MULTILINE | re.DOTALL)
    assert found, out
    told = json.loads(found[1])["msg"]
    assert (told["primary"], told["epoch"], told["job"], told["steps"]) == ("db2", 14, "none", [])
    assert [row["health"] for row in told["topology"]] == ["mysqld_exited", "healthy"]
    assert [each["job"] for each in told["history"]] == ["orders-12"]
    assert "NODE" not in out


def test_without_a_cluster_the_playbook_tells_of_all(plain: Any, root: str, tmp_path: Path) -> None:
    register(plain, root, "carts", [node("db1", 1), node("db2", 2)], "db1")
    lines = words(played(root, tmp_path).splitlines())
    assert "carts db1 3 0/2 none -" in lines
    assert "orders db2 14 1/2 held db1: it is mysqld_exited" in lines
    assert '"set_aside": {}' in played(root, tmp_path, altair_output="json")
