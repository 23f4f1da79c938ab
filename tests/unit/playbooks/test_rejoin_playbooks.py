"""The playbooks rejoin and rebuild: Ansible takes them, and every argument is one of the module's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest
import yaml

from tests.unit.playbooks.test_failover_playbook import LOAD, OURS
from tests.unit.tree.source import TREE, text

FILES = ("playbooks/rejoin.yml", "playbooks/rebuild.yml", "playbooks/steps/rebuild_node.yml")
# Given to all tasks by the play's module_defaults.
DEFAULTS = {"cluster", "zookeeper_hosts", "zookeeper_root"}


def tasks(path: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = yaml.safe_load(text(path))
    return loaded[0]["tasks"] if "hosts" in loaded[0] else loaded


def ours(path: str) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The module, its arguments and the task."""
    return [(key.removeprefix(OURS), task[key], task) for task in tasks(path) for key in task if key.startswith(OURS)]


@pytest.mark.parametrize("name", ["rejoin", "rebuild"])
def test_ansible_takes_the_playbook(name: str) -> None:
    places = {"ANSIBLE_COLLECTIONS_PATH": str(TREE / "build" / "collections"), "ANSIBLE_LOCALHOST_WARNING": "False"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(TREE / "playbooks" / f"{name}.yml"), json.dumps({})],
        env={**os.environ, **places},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    actions = [task[0] for task in json.loads(done.stdout.splitlines()[-1])]
    assert f"{OURS}rejoin" in actions


@pytest.mark.parametrize("path", FILES)
def test_every_argument_is_one_of_the_modules_own_and_none_that_is_required_is_missing(path: str) -> None:
    assert ours(path)
    for module, arguments, _task in ours(path):
        spec = import_module(f"ansible_collections.altair.mysql_ha.plugins.modules.{module}").ARGUMENT_SPEC
        required = {name for name, one in spec.items() if one.get("required")}
        assert required - DEFAULTS <= set(arguments) <= set(spec)


@pytest.mark.parametrize("path", FILES)
def test_the_group_that_the_defaults_go_to_has_the_modules(path: str) -> None:
    group = yaml.safe_load(text("meta/runtime.yml"))["action_groups"]["altair"]
    assert {module for module, _arguments, _task in ours(path)} <= set(group)


def test_nothing_is_initialized_but_a_node_that_does_not_answer_and_was_named_twice() -> None:
    look, initialize, _rebuild = tasks("playbooks/rebuild.yml")
    assert look["check_mode"] is True
    conditions = initialize["when"]
    assert "altair_looked_at.course == 'unreachable'" in conditions
    assert "confirm | default('') == node" in conditions
    assert "not ansible_check_mode" in conditions


def test_no_password_stands_on_a_command_line() -> None:
    for path in FILES:
        assert not [name for _module, arguments, _task in ours(path) for name in arguments if "password" in name]
