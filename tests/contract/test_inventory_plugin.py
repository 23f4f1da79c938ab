"""The inventory, by the real ansible-inventory, of what a real ZooKeeper has on record."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from kazoo.client import KazooClient

from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.fleet_on_record import (
    NOBODY,
    ZOOKEEPER,
    Json,
    ansible,
    job,
    judged,
    maintained,
    node,
    put,
    register,
)
from tests.contract.test_agent_caller import Certificates, serving
from tests.lab.lab import Lab

_roots = count(1)
WARNING = "[WARNING]: "


@pytest.fixture
def root() -> str:
    return f"/inventory/{next(_roots)}"


@pytest.fixture
def plain(lab: Lab) -> Iterator[Any]:
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    yield client
    client.stop()
    client.close()


@pytest.fixture
def source(tmp_path: Path, root: str) -> Callable[..., Path]:
    """Writes the plugin's file, with further options; it is the same file each time."""

    def write(**options: object) -> Path:
        path = tmp_path / "fleet.altair.yml"
        usual = {"plugin": "altair.mysql_ha.clusters", "zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root}
        path.write_text(yaml.safe_dump({**usual, **options}))
        return path

    return write


@pytest.fixture
def fleet(plain: Any, root: str) -> None:
    """Orders is well; of web-shop db5 is dead, its job is paused, and db4 is in maintenance."""
    register(plain, root, "orders", [node("db1", 1, zone="north"), node("db2", 2, port=3307, zone="south side")], "db1")
    judged(plain, root, "orders", "db1", lease="held")
    judged(plain, root, "orders", "db2")
    register(plain, root, "web-shop", [node("db4", 4, candidate=False), node("db5", 5)], "db5", epoch=8)
    judged(plain, root, "web-shop", "db4")
    judged(plain, root, "web-shop", "db5", "mysqld_exited")
    put(plain, f"{root}/clusters/web-shop/job", job("web-shop", 8, "paused", paused_at=1001.0))
    maintained(plain, root, "web-shop", 600, "db4")
    maintained(plain, root, "orders", -60)


def listed(path: Path, *extra: str, **environment: str) -> tuple[dict[str, set[str]], dict[str, Json], str]:
    """Groups and the variables of each host, and what was said on standard error."""
    code, out, err = ansible("ansible-inventory", "-i", str(path), "--list", *extra, home=path.parent, **environment)
    assert code == 0, err
    # The legacy form in which strings that are no templates are shown.
    found = json.loads(out, object_hook=lambda each: each.get("__ansible_unsafe", each))
    variables = found.pop("_meta").get("hostvars", {})
    return {name: set(group.get("hosts", ())) for name, group in found.items() if name != "all"}, variables, err


def hosts(path: Path, pattern: str) -> set[str]:
    code, out, err = ansible("ansible", "-i", str(path), "--list-hosts", pattern, home=path.parent)
    assert code == 0, err
    return {line.strip() for line in out.splitlines()[1:]}


def said(err: str) -> str:
    """Without the breaks of its lines."""
    return " ".join(err.split())


@pytest.mark.usefixtures("fleet")
def test_clusters_roles_zones_health_maintenance_and_paused_jobs_are_groups(source: Callable[..., Path]) -> None:
    groups, variables, err = listed(source())
    assert groups == {
        "cluster_orders": {"db1", "db2"},
        "cluster_web_shop": {"db4", "db5"},
        "primary": {"db1", "db5"},
        "replica": {"db2", "db4"},
        "zone_north": {"db1"},
        "zone_south_side": {"db2"},
        "health_healthy": {"db1", "db2", "db4"},
        "health_mysqld_exited": {"db5"},
        "in_maintenance": {"db4"},
        "paused_job": {"db4", "db5"},
    }
    assert WARNING not in err
    two, five = variables["db2"], variables["db5"]
    assert (two["ansible_host"], two["altair_mysql_port"], two["altair_zone"]) == ("10.0.0.2", 3307, "south side")
    assert (two["altair_primary"], two["altair_primary_address"]) == ("db1", "10.0.0.1")
    assert two["altair_lag_seconds"] is None
    assert (variables["db1"]["altair_lease"], variables["db1"]["altair_cluster_epoch"]) == ("held", 3)
    assert (five["altair_errors"], five["altair_open_job_state"]) == (["it is mysqld_exited"], "paused")
    assert (variables["db4"]["altair_candidate"], variables["db1"]["altair_maintenance_until"]) == (False, None)
    assert not [name for name in two if "password" in name or "key" in name]


@pytest.mark.usefixtures("fleet")
def test_patterns_say_which_nodes_a_play_is_for(source: Callable[..., Path]) -> None:
    path = source()
    assert hosts(path, "cluster_orders:&primary") == {"db1"}
    assert hosts(path, "replica:!in_maintenance") == {"db2"}


@pytest.mark.usefixtures("fleet")
def test_garbage_of_a_cluster_sets_that_one_aside_with_a_warning_and_fails_none_of_the_rest(
    plain: Any, root: str, source: Callable[..., Path]
) -> None:
    put(plain, f"{root}/clusters/broken", b"garbage")
    register(plain, root, "strange", [node("db8", 8), node("db9", 9)], "nobody")
    put(plain, f"{root}/clusters/orders/maintenance", b"{")
    put(plain, f"{root}/health/orders/db2", b"[]")
    groups, variables, err = listed(source())
    assert set(variables) == {"db1", "db2", "db4", "db5"}
    assert groups["health_unknown"] == {"db2"}
    for sentence in (
        f"cluster broken is set aside: {root}/clusters/broken holds no valid ClusterSpec",
        "cluster strange is set aside: clusters/strange/state",
        "names nobody as primary, which is no node of it",
        f"of cluster orders: {root}/clusters/orders/maintenance holds no valid MaintenancePlan",
        f"of cluster orders: {root}/health/orders/db2 holds no valid NodeHealth",
    ):
        assert sentence in said(err)
    assert "Traceback" not in err


@pytest.mark.usefixtures("fleet")
def test_hosts_of_one_name_are_called_by_their_clusters_too(plain: Any, root: str, source: Callable[..., Path]) -> None:
    register(plain, root, "carts", [node("db1", 21), node("db7", 22)], "db7")
    assert set(listed(source())[1]) == {"orders_db1", "carts_db1", "db2", "db4", "db5", "db7"}
    assert set(listed(source(clusters=["carts"]))[1]) == {"db1", "db7"}
    groups, _variables, err = listed(source(hostnames="node"))
    assert not groups.get("primary")
    assert "several clusters have a node db1 (carts, orders)" in said(err)
    assert set(listed(source(hostnames="cluster_node", clusters=["orders"]))[1]) == {"orders_db1", "orders_db2"}


@pytest.mark.usefixtures("fleet")
def test_constructed_groups_and_variables_are_made_of_the_hosts_variables(source: Callable[..., Path]) -> None:
    path = source(
        strict=True,
        keyed_groups=[{"key": "altair_lease", "prefix": "lease"}],
        groups={"sick": "altair_errors | length > 0"},
        compose={"ansible_user": "'root'", "shard": "altair_cluster ~ '/' ~ altair_node"},
    )
    groups, variables, _err = listed(path)
    assert (groups["lease_held"], groups["sick"]) == ({"db1"}, {"db5"})
    assert (variables["db2"]["ansible_user"], variables["db2"]["shard"]) == ("root", "orders/db2")


@pytest.mark.usefixtures("fleet")
def test_without_zookeeper_it_fails_in_one_sentence_unless_a_cache_holds(
    plain: Any, root: str, source: Callable[..., Path], tmp_path: Path
) -> None:
    cached = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}
    before = listed(source(**cached))
    put(plain, f"{root}/clusters/orders/state", {"epoch": 4, "primary": "db2"})
    assert listed(source(**cached))[:2] == before[:2]
    silent = source(**cached, zookeeper_hosts=NOBODY, zookeeper_timeout=0.5)
    assert listed(silent)[:2] == before[:2]
    groups, _variables, err = listed(silent, "--flush-cache")
    assert not groups.get("primary")
    assert f"ZooKeeper at {NOBODY} does not answer within 0.5 s" in said(err)
    assert "Traceback" not in err
    assert listed(source(**cached), "--flush-cache")[0]["primary"] == {"db2", "db5"}
    assert listed(silent)[0]["primary"] == {"db2", "db5"}


@pytest.mark.usefixtures("fleet")
def test_zookeeper_may_be_named_by_the_environment(tmp_path: Path, root: str) -> None:
    path = tmp_path / "altair.yml"
    path.write_text("plugin: altair.mysql_ha.clusters\n")
    _groups, variables, _err = listed(path, ALTAIR_ZOOKEEPER_HOSTS=ZOOKEEPER, ALTAIR_ZOOKEEPER_ROOT=root)
    assert set(variables) == {"db1", "db2", "db4", "db5"}


@contextmanager
def answering(certificates: Certificates, answer: Json) -> Iterator[int]:
    """An agent on this host that finds what it is told, on the port that comes out."""
    loop, ports = asyncio.new_event_loop(), []
    up, over = threading.Event(), asyncio.Event()

    async def found(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    async def serve() -> None:
        async with serving(certificates.issue("db1"), found) as url:
            ports.append(int(url.rpartition(":")[2]))
            up.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert up.wait(PATIENCE_SECONDS)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def test_the_lag_is_asked_of_the_agents_and_who_does_not_answer_is_named(
    plain: Any, root: str, source: Callable[..., Path], tmp_path: Path
) -> None:
    certificates = Certificates(tmp_path / "tls")
    server: Json = {
        **{"server_uuid": "", "version": "9.7.4", "read_only": True, "super_read_only": True, "gtid_executed": ""},
        "channels": [],
    }
    answer = {
        **{"cluster": "orders", "node": "db2", "incarnation": 1, "sequence": 1, "process": "running"},
        **{"reach": "reached", "server": server, "heartbeat": {"primary": "db1", "lag_seconds": 12.5, "sure": True}},
    }
    ours = certificates.issue("ops1")
    files = {"agent_ca": ours.ca, "agent_cert": ours.certificate, "agent_key": ours.key, "agent_timeout": 5.0}
    with answering(certificates, answer) as port:
        here = {"name": "db2", "address": "127.0.0.1", "agent_port": port}
        register(plain, root, "orders", [{"name": "db1", "address": "127.0.0.1", "agent_port": 1}, here], "db1")
        judged(plain, root, "orders", "db1")
        judged(plain, root, "orders", "db2")
        _groups, variables, _err = listed(source(**files))
    assert (variables["db2"]["altair_lag_seconds"], variables["db2"]["altair_errors"]) == (12.5, [])
    assert variables["db1"]["altair_errors"] == ["its agent does not answer us"]
    _groups, _variables, err = listed(source(agent_ca=ours.ca))
    assert "agents are asked with all of agent_ca, agent_cert, agent_key; agent_cert, agent_key is missing" in said(err)
