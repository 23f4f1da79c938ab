"""The lookup of a primary, in a real playbook, of what a real ZooKeeper has on record."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from kazoo.client import KazooClient

from tests.contract.by_hand import PATIENCE_SECONDS
from tests.contract.fleet_on_record import NOBODY, ZOOKEEPER, ansible, node, put, register
from tests.lab.lab import Lab

_roots = count(1)
Evaluate = Callable[..., tuple[int, Any]]


@pytest.fixture
def root() -> str:
    return f"/lookup/{next(_roots)}"


@pytest.fixture
def plain(lab: Lab, root: str) -> Iterator[Any]:
    """Two clusters are on record, and one that is garbage."""
    assert lab.host("zk1").running("zookeeper")
    client = KazooClient(ZOOKEEPER)
    client.start(timeout=PATIENCE_SECONDS)
    register(client, root, "orders", [node("db1", 1), node("db2", 2)], "db2", epoch=7)
    register(client, root, "carts", [node("db3", 3, port=3307), node("db4", 4)], "db3")
    put(client, f"{root}/clusters/broken", b"garbage")
    yield client
    client.stop()
    client.close()


@pytest.fixture
def evaluate(plain: Any, root: str, tmp_path: Path) -> Evaluate:
    """The value of an expression in a playbook that knows where ZooKeeper is; or, where it fails, what was printed."""
    assert plain.connected

    def play(expression: str, **variables: object) -> tuple[int, Any]:
        out = tmp_path / "value.json"
        value = "{{ (" + expression + ") | to_json }}"
        task = {"name": "Keep it", "ansible.builtin.copy": {"content": value, "dest": str(out), "mode": "0600"}}
        book = {"name": "Look up", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
        path = tmp_path / "play.yml"
        path.write_text(yaml.safe_dump([book]))
        given = {"altair_zookeeper_hosts": ZOOKEEPER, "altair_zookeeper_root": root, **variables}
        code, printed, err = ansible("ansible-playbook", str(path), "-e", json.dumps(given), home=tmp_path)
        return code, json.loads(out.read_text()) if code == 0 else " ".join((printed + err).split())

    return play


def test_the_address_of_the_primary_is_told_and_of_several_clusters_in_their_order(evaluate: Evaluate) -> None:
    assert evaluate("lookup('altair.mysql_ha.primary', 'orders')") == (0, "10.0.0.2")
    assert evaluate("query('altair.mysql_ha.primary', 'orders', 'carts')") == (0, ["10.0.0.2", "10.0.0.3"])


def test_another_primary_on_record_is_another_answer(evaluate: Evaluate, plain: Any, root: str) -> None:
    put(plain, f"{root}/clusters/orders/state", {"epoch": 8, "primary": "db1"})
    assert evaluate("lookup('altair.mysql_ha.primary', 'orders')") == (0, "10.0.0.1")


def test_name_port_dns_name_or_all_of_it_may_be_asked_for(evaluate: Evaluate) -> None:
    asked = "query('altair.mysql_ha.primary', 'orders', 'carts', what=what)"
    assert evaluate(asked, what="name") == (0, ["db2", "db3"])
    assert evaluate(asked, what="port") == (0, [3306, 3307])
    assert evaluate(asked, what="dns_name") == (0, [f"{name}-db-primary.example.com" for name in ("orders", "carts")])
    orders = {"cluster": "orders", "name": "db2", "address": "10.0.0.2", "port": 3306, "epoch": 7}
    assert evaluate("lookup('altair.mysql_ha.primary', 'orders', what='all')") == (
        0,
        {**orders, "dns_name": "orders-db-primary.example.com"},
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("'nope'", "cluster nope is not registered at /lookup/"),
        ("'../x'", "cluster name '../x' is not usable: take lower-case letters, digits and inner hyphens"),
        ("'orders', 'broken'", "/clusters/broken holds no valid ClusterSpec"),
        (f"'orders', zookeeper_hosts='{NOBODY}', zookeeper_timeout=0.5", f"ZooKeeper at {NOBODY} does not answer"),
    ],
)
def test_what_cannot_be_told_fails_the_task_in_a_sentence(evaluate: Evaluate, arguments: str, sentence: str) -> None:
    code, printed = evaluate(f"query('altair.mysql_ha.primary', {arguments})")
    assert code == 2
    assert sentence in printed
    assert "Traceback" not in printed
