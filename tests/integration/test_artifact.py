"""The collection as a user installs it: the artifact, without the tree it was built from."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.lab.addresses import TREE

BIN = Path(sys.executable).parent
MODULES = {path.stem for path in (TREE / "plugins" / "modules").glob("*.py")}


def ansible(program: str, *arguments: str, collections: Path) -> str:
    """What the program printed; fails the test, with that, when it does not end with 0."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))},
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(collections / "home"),
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [str(BIN / program), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        cwd=collections,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("artifact")
    ansible("ansible-galaxy", "collection", "build", str(TREE), "--output-path", str(out), collections=out)
    (built,) = out.glob("altair-mysql_ha-*.tar.gz")
    return built


@pytest.fixture(scope="module")
def installed(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("collections")
    arguments = ["collection", "install", str(artifact), "--offline", "--no-deps", "-p", str(place)]
    ansible("ansible-galaxy", *arguments, collections=place)
    return place


def test_the_artifact_bears_the_version_of_the_tree_and_nothing_that_was_only_built(artifact: Path) -> None:
    version = yaml.safe_load((TREE / "galaxy.yml").read_text())["version"]
    assert artifact.name == f"altair-mysql_ha-{version}.tar.gz"
    with tarfile.open(artifact) as archive:
        names = archive.getnames()
    assert {"README.md", "meta/runtime.yml", "playbooks/failover.yml"} <= set(names)
    assert not [name for name in names if name.startswith(("build/", ".git/")) or "__pycache__" in name]


def test_every_module_of_an_installed_collection_is_documented(installed: Path) -> None:
    listed = ansible("ansible-doc", "--list", "altair.mysql_ha", collections=installed)
    found = {line.split()[0].rpartition(".")[2] for line in listed.splitlines() if line.strip()}
    assert found == MODULES


@pytest.mark.parametrize(("kind", "name"), [("inventory", "clusters"), ("lookup", "primary")])
def test_inventory_and_lookup_of_an_installed_collection_are_documented(installed: Path, kind: str, name: str) -> None:
    printed = ansible("ansible-doc", "--type", kind, f"altair.mysql_ha.{name}", collections=installed)
    assert "zookeeper_hosts" in printed


def test_the_playbooks_of_an_installed_collection_are_found_by_name(installed: Path) -> None:
    for playbook in ("failover", "plan", "switchover", "rejoin", "rebuild", "register", "deregister", "status"):
        printed = ansible("ansible-playbook", "--syntax-check", f"altair.mysql_ha.{playbook}", collections=installed)
        assert f"playbooks/{playbook}.yml" in printed
