"""What the tests of status, inventory and lookup share: clusters on record, written by the plain client as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.contract.by_hand import PATIENCE_SECONDS
from tests.lab.addresses import HOSTS, TREE, ZOOKEEPER_PORT

ZOOKEEPER = f"{HOSTS['zk1']}:{ZOOKEEPER_PORT}"
NOBODY = "127.0.0.1:1"
Json = dict[str, Any]


def put(plain: Any, path: str, value: object) -> None:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    if plain.exists(path):
        plain.set(path, raw)
    else:
        plain.create(path, raw, makepath=True)


def node(name: str, last: int, **facts: object) -> Json:
    return {"name": name, "address": f"10.0.0.{last}", **facts}


def register(plain: Any, root: str, cluster: str, nodes: list[Json], primary: str, *, epoch: int = 3) -> None:
    dns = {"name": f"{cluster}-db-primary.example.com", "zone": "example.com", "servers": ["10.0.0.9"]}
    put(plain, f"{root}/clusters/{cluster}", {"cluster": cluster, "nodes": nodes, "dns": dns})
    put(plain, f"{root}/clusters/{cluster}/state", {"epoch": epoch, "primary": primary})


def judged(plain: Any, root: str, cluster: str, name: str, health: str = "healthy", **facts: object) -> None:
    said = {"node": name, "health": health, "because": f"it is {health}", "monitor": "mon1", "changed_at": 1.0}
    put(plain, f"{root}/health/{cluster}/{name}", {**said, **facts})


def maintained(plain: Any, root: str, cluster: str, seconds: float, name: str | None = None) -> None:
    now = time.time()
    entry = {"node": name, "until_at": now + seconds, "reason": "a new switch", "by": "ann", "begun_at": now - 9999}
    put(plain, f"{root}/clusters/{cluster}/maintenance", {"entries": [entry]})


def job(cluster: str, epoch: int, state: str, **facts: object) -> Json:
    """From db1 to db2, opened at 1000; one that is done took four seconds."""
    return {
        **{"id": f"{cluster}-{epoch}", "cluster": cluster, "epoch": epoch, "owner": "orc1", "state": state},
        **{"because": f"it is {state}", "old_primary": "db1", "plan": ["fence", "promote"], "opened_at": 1000.0},
        **({"ended_at": 1004.0} if state in ("done", "aborted") else {}),
        **facts,
    }


def step(name: str, epoch: int) -> Json:
    done = {"step": name, "epoch": epoch, "changed": True, "sentence": f"{name} is done", "evidence": {}}
    return {**done, "finished_at": 1002.0, "seconds": 0.5}


def ansible(program: str, *arguments: str, home: Path, **environment: str) -> tuple[int, str, str]:
    """A program of Ansible as a process of its own: exit code, standard output, standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "ALTAIR_"))}
    places = {
        "ANSIBLE_COLLECTIONS_PATH": str(TREE / "build" / "collections"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [str(Path(sys.executable).with_name(program)), *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        cwd=home,
        env={**kept, **places, **environment},
    )
    return done.returncode, done.stdout, done.stderr
