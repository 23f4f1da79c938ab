"""The playbook plan: one look, by a module that changes nothing, and ways to print it."""

from __future__ import annotations

from typing import Any

import yaml

from ansible_collections.altair.mysql_ha.plugins.modules.failover_plan_info import ARGUMENT_SPEC
from tests.unit.playbooks.test_failover_playbook import OURS, tasks
from tests.unit.tree.source import text

PLAYBOOK = "playbooks/plan.yml"


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(text(PLAYBOOK))[0]["tasks"]
    return found


def test_ansible_takes_it_and_nothing_but_the_look_is_more_than_printing() -> None:
    assert [task.action for task in tasks("", "plan")] == ["failover_plan_info", *3 * ["ansible.builtin.debug"]]


def test_every_argument_is_one_of_the_modules_own_and_none_that_is_required_is_missing() -> None:
    given = set(listed()[0][f"{OURS}failover_plan_info"])
    required = {name for name, one in ARGUMENT_SPEC.items() if one.get("required")}
    assert required <= given <= set(ARGUMENT_SPEC)


def test_as_json_nothing_else_is_printed() -> None:
    json = "altair_output | default('table') == 'json'"
    table = "altair_output | default('table') != 'json'"
    look, *printed = listed()
    assert look[f"{OURS}failover_plan_info"]["report"] == "{{ " + table + " }}"
    assert [task["when"] == json or table in task["when"] for task in printed] == [True] * 3


def test_the_differences_are_shown_when_they_are_asked_for() -> None:
    (diff,) = [task for task in listed() if "ansible_diff_mode" in str(task.get("when"))]
    assert set(diff["ansible.builtin.debug"]["msg"]) == {"before", "after"}


def test_the_module_is_given_the_defaults_of_the_group() -> None:
    assert "failover_plan_info" in yaml.safe_load(text("meta/runtime.yml"))["action_groups"]["altair"]
