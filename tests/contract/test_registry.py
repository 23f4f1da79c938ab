"""Registering, changing and deregistering clusters in a real ZooKeeper, while others change it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict, InvalidInput, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures import registry
from ansible_collections.altair.mysql_ha.plugins.modules import cluster
from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.fleet_on_record import ZOOKEEPER, Json, ansible, job, judged, maintained, node, put, register
from tests.lab.lab import Lab

_roots = count(1)
NODES = [node("db1", 1), node("db2", 2), node("db3", 3)]


@pytest.fixture
def root() -> str:
    return f"/registry/{next(_roots)}"


@pytest.fixture
def plain(lab: Lab, root: str) -> Iterator[Any]:
    """Orders is registered, and so is carts, which no test may touch."""
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    for name in ("orders", "carts"):
        register(client, root, name, NODES, "db1")
        for each in NODES:
            judged(client, root, name, each["name"])
        put(client, f"{root}/fleet/troubles/{name}", {"cluster": name, "primary": "db1", "at": 1.0, "noted_by": "orc1"})
    yield client
    client.stop()
    client.close()


def tree(plain: Any, path: str) -> dict[str, tuple[bytes, int]]:
    """Every znode below a path, and it itself, with content and version."""
    try:
        raw, stat = plain.get(path)
    except NoNodeError:
        return {}
    found = {path: (raw, stat.version)}
    for child in plain.get_children(path):
        found.update(tree(plain, f"{path}/{child}"))
    return found


def run(root: str, check: bool = False, **given: object) -> Json:
    usual = {name: each.get("default") for name, each in cluster.ARGUMENT_SPEC.items()}
    place = {"zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root, "cluster": "orders", "dns_timeout": 0.0}
    done: Json = cluster.run({**usual, **place, **given}, check)
    return done


def described(**changes: object) -> Json:
    dns = {"name": "orders-db-primary.example.com", "zone": "example.com", "servers": ["10.0.0.9"]}
    return {"nodes": NODES, "dns": dns, **changes}


def gone(root: str, check: bool = False, confirm: str | None = "orders") -> Json:
    return run(root, check, state="absent", confirm=confirm)


@pytest.fixture
def interfere(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Lets something happen once, between the reading and the transaction."""

    def prepare(act: Callable[[], object]) -> None:
        commit, left = Store.commit, [act]

        def late(store: Store, changes: Any) -> None:
            if left:
                left.pop()()
            commit(store, changes)

        monkeypatch.setattr(Store, "commit", late)

    return prepare


def test_a_policy_is_changed_while_all_goes_on_and_the_difference_is_shown(plain: Any, root: str) -> None:
    before = tree(plain, root)
    given = described(policy={"cool_down_seconds": 5.0})
    rehearsed = run(root, True, **given)
    assert tree(plain, root) == before
    done = run(root, **given)
    assert (rehearsed["changed"], done["changed"], done["diff"]) == (True, True, rehearsed["diff"])
    assert done["diff"]["before"]["policy"]["cool_down_seconds"] == 600.0
    assert done["diff"]["after"]["policy"]["cool_down_seconds"] == 5.0
    changed = {path for path, found in tree(plain, root).items() if before.get(path) != found}
    assert changed == {f"{root}/clusters/orders"}
    assert json.loads(plain.get(f"{root}/clusters/orders")[0])["policy"]["cool_down_seconds"] == 5.0
    after = tree(plain, root)
    assert not run(root, **given)["changed"]
    assert tree(plain, root) == after


@pytest.mark.parametrize(
    ("record", "nodes", "sentence"),
    [
        (None, NODES[1:], "db1 is the primary of cluster orders and cannot be left out"),
        ({"candidate": "db2"}, [NODES[0], NODES[2]], "job orders-4 of cluster orders is open and deals with db2; "),
        ({"candidate": "db3"}, [*NODES[:2], node("db3", 99)], "is open and deals with db3; change its address"),
    ],
)
def test_what_must_not_change_now_is_refused_and_nothing_is(
    plain: Any, root: str, record: Json | None, nodes: list[Json], sentence: str
) -> None:
    if record is not None:
        put(plain, f"{root}/clusters/orders/job", job("orders", 4, "running", **record))
    before = tree(plain, root)
    for check in (True, False):
        with pytest.raises(Refused, match=sentence):
            run(root, check, **described(nodes=nodes))
    assert tree(plain, root) == before


def test_a_bad_description_changes_nothing(plain: Any, root: str) -> None:
    before = tree(plain, root)
    with pytest.raises(InvalidInput, match="quorum_min 3 of cluster orders is more than the replicas it has"):
        run(root, **described(policy={"quorum_min": 3}))
    with pytest.raises(InvalidInput, match="cluster fresh has no node 'db7'; its nodes are db1, db2, db3"):
        run(root, cluster="fresh", primary="db7", **described())
    assert tree(plain, root) == before


def test_a_node_that_a_job_chooses_at_this_very_moment_is_not_left_out(
    plain: Any, root: str, interfere: Callable[[Callable[[], object]], None]
) -> None:
    path = f"{root}/clusters/orders/job"
    put(plain, path, job("orders", 4, "running"))
    interfere(lambda: put(plain, path, job("orders", 4, "running", candidate="db3")))
    with pytest.raises(Refused, match="deals with db3"):
        run(root, **described(nodes=NODES[:2]))
    assert "db3" in [each["name"] for each in json.loads(plain.get(f"{root}/clusters/orders")[0])["nodes"]]


def test_what_a_job_records_meanwhile_does_not_keep_a_policy_from_being_changed(
    plain: Any, root: str, interfere: Callable[[Callable[[], object]], None]
) -> None:
    path = f"{root}/clusters/orders/job"
    put(plain, path, job("orders", 4, "running"))
    interfere(lambda: put(plain, path, job("orders", 4, "running", trouble="it waits")))
    assert run(root, **described(policy={"cool_down_seconds": 5.0}))["changed"]


def test_a_deregistered_cluster_leaves_nothing_and_others_as_they_were(plain: Any, root: str) -> None:
    put(plain, f"{root}/clusters/orders/job", job("orders", 3, "done"))
    put(plain, f"{root}/clusters/orders/history/orders-3", job("orders", 3, "done"))
    put(plain, f"{root}/clusters/orders/losses/orders-3", b"garbage")
    maintained(plain, root, "orders", 600)
    before = tree(plain, root)
    rehearsed = gone(root, check=True)
    assert tree(plain, root) == before
    done = gone(root)
    assert done["changed"]
    assert done["msg"] == "cluster orders is no longer registered"
    assert done["diff"] == rehearsed["diff"]
    after = tree(plain, root)
    assert not [path for path in after if "orders" in path]
    assert {path: found for path, found in before.items() if "carts" in path} == {
        path: found for path, found in after.items() if "carts" in path
    }
    went = {path.removeprefix(f"{root}/") for path in set(before) - set(after)}
    assert set(done["diff"]["before"].split()) == went
    again = gone(root)
    assert (again["changed"], again["msg"]) == (False, "cluster orders is not registered")


def test_without_the_clusters_name_once_more_nothing_is_taken_away(plain: Any, root: str) -> None:
    before = tree(plain, root)
    for confirm in (None, "", "order"):
        with pytest.raises(InvalidInput, match="only with confirm=orders"):
            gone(root, confirm=confirm)
    assert tree(plain, root) == before


@pytest.mark.parametrize("state", ["running", "paused"])
def test_a_cluster_with_an_open_job_stays(plain: Any, root: str, state: str) -> None:
    put(plain, f"{root}/clusters/orders/job", job("orders", 4, state))
    before = tree(plain, root)
    with pytest.raises(Refused, match="cluster orders stays registered: its job orders-4 has not ended"):
        gone(root)
    assert tree(plain, root) == before


def test_a_cluster_at_which_an_orchestrator_is_at_work_stays(
    plain: Any, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "PAUSE_SECONDS", 0.0)
    put(plain, f"{root}/clusters/orders/lock", {"owner": "orc2"})
    before = tree(plain, root)
    with pytest.raises(Conflict, match="orchestrator orc2 is at work on cluster orders; wait for it"):
        gone(root)
    assert tree(plain, root) == before


def test_a_job_that_is_opened_at_this_very_moment_keeps_its_cluster(
    plain: Any, root: str, interfere: Callable[[Callable[[], object]], None]
) -> None:
    def opened() -> None:
        put(plain, f"{root}/clusters/orders/state", {"epoch": 4, "primary": "db1"})
        put(plain, f"{root}/clusters/orders/job", job("orders", 4, "running"))

    interfere(opened)
    with pytest.raises(Refused, match="its job orders-4 has not ended"):
        gone(root)
    assert json.loads(plain.get(f"{root}/clusters/orders/job")[0])["state"] == "running"
    assert plain.exists(f"{root}/health/orders/db3")


def test_what_a_monitor_writes_meanwhile_goes_with_the_rest(
    plain: Any, root: str, interfere: Callable[[Callable[[], object]], None]
) -> None:
    interfere(lambda: put(plain, f"{root}/clusters/orders/suspicion", b"{}"))
    assert gone(root)["changed"]
    assert not [path for path in tree(plain, root) if "orders" in path]


def test_a_cluster_whose_record_is_garbage_can_be_deregistered(plain: Any, root: str) -> None:
    put(plain, f"{root}/clusters/orders", b"garbage")
    put(plain, f"{root}/clusters/orders/state", b"garbage")
    assert gone(root)["changed"]
    assert not plain.exists(f"{root}/clusters/orders")


def test_the_playbook_wants_the_name_twice(plain: Any, root: str, tmp_path: Path) -> None:
    given = {"altair_zookeeper_hosts": ZOOKEEPER, "altair_zookeeper_root": root, "cluster": "orders"}

    def played(**variables: object) -> tuple[int, str]:
        extra = json.dumps({**given, **variables})
        code, out, err = ansible("ansible-playbook", "altair.mysql_ha.deregister", "-e", extra, home=tmp_path)
        return code, out + err

    before = tree(plain, root)
    code, printed = played()
    assert code == 2
    assert "only with confirm=orders" in printed
    assert "Traceback" not in printed
    assert tree(plain, root) == before
    code, printed = played(confirm="orders")
    assert code == 0, printed
    assert "cluster orders is no longer registered" in printed
    assert not plain.exists(f"{root}/clusters/orders")
