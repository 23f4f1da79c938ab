"""The failover playbook as Ansible loads it: the plan's steps in order, and a site's own way to change DNS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER
from tests.unit.tree.source import TREE, text

OURS = "altair.mysql_ha."
# In a process of its own: Ansible's loader of collections takes the imports of a whole process over.
LOAD = """
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

init_plugin_loader()
loader = DataLoader()
manager = VariableManager(loader=loader, inventory=InventoryManager(loader=loader, sources=["localhost,"]))
manager._extra_vars = json.loads(sys.argv[2])
(play,) = Playbook.load(sys.argv[1], variable_manager=manager, loader=loader).get_plays()


def flat(items):
    for each in items:
        if hasattr(each, "block"):
            yield from flat(each.block)
        elif not each.action.endswith("meta"):
            yield [each.action, sorted(each.args), bool(each.check_mode), each.args.get("provider")]


print(json.dumps(list(flat(play.compile()))))
"""


@dataclass(frozen=True)
class Task:
    action: str
    arguments: frozenset[str]
    check_mode: bool
    provider: str | None


@cache
def tasks(tasks_file: str = "", playbook: str = "failover") -> tuple[Task, ...]:
    """In the order in which they run, with or without a site's own tasks."""
    variables = {"altair_dns_tasks_file": tasks_file} if tasks_file else {}
    places = {"ANSIBLE_COLLECTIONS_PATH": str(TREE / "build" / "collections"), "ANSIBLE_LOCALHOST_WARNING": "False"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(TREE / "playbooks" / f"{playbook}.yml"), json.dumps(variables)],
        env={**os.environ, **places},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return tuple(Task(action.removeprefix(OURS), frozenset(names), *rest) for action, names, *rest in found)


def actions(tasks_file: str = "") -> list[str]:
    return [task.action for task in tasks(tasks_file)]


OWN_FILE = "/etc/altair/dns.yml"
PLAN = [step.name for step in FAILOVER]


def steps(tasks_file: str = "") -> list[str]:
    return [action for action in actions(tasks_file) if not action.startswith("ansible.builtin.")]


def test_the_playbook_runs_the_steps_of_the_plan_in_its_order_and_nothing_besides() -> None:
    assert steps() == ["open_job", "run_steps", *PLAN, "close_job"]


def test_a_sites_own_tasks_stand_between_a_question_and_the_step_that_waits_and_proves() -> None:
    found, at = actions(OWN_FILE), PLAN.index("switch_dns")
    first = found.index("switch_dns")
    assert found[first : first + 3] == ["switch_dns", "ansible.builtin.include_tasks", "switch_dns"]
    assert steps(OWN_FILE) == ["open_job", "run_steps", *PLAN[:at], "switch_dns", *PLAN[at:], "close_job"]


def test_only_the_question_changes_nothing_and_none_of_both_steps_signs_anything() -> None:
    both = [task for task in tasks(OWN_FILE) if task.action == "switch_dns"]
    assert [task.check_mode for task in both] == [True, False]
    assert {task.provider for task in both} == {"external"}
    assert not [task for task in both if "tsig_key_file" in task.arguments]


def test_a_signed_update_is_what_happens_unless_a_site_says_otherwise() -> None:
    (step,) = [task for task in tasks() if task.action == "switch_dns"]
    assert "tsig_key_file" in step.arguments
    assert step.provider is None
    assert not step.check_mode


@pytest.mark.parametrize("name", ["dns_by_tasks", "dns_by_update"])
def test_the_files_that_the_step_chooses_from_are_the_ones_that_exist(name: str) -> None:
    assert f"'{name}.yml'" in text("playbooks/steps/switch_dns.yml")
    assert isinstance(yaml.safe_load(text(f"playbooks/steps/{name}.yml")), list)
