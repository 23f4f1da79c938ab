"""The switchover playbook as Ansible loads it, and how an orchestrator's playbook sees a switchover through."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.unit.playbooks.test_failover_playbook import OURS, OWN_FILE, tasks
from tests.unit.tree.source import text

STEPS = "playbooks/steps/"


def listed(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(text(f"{STEPS}{name}.yml"))
    return found


@pytest.mark.parametrize("tasks_file", ["", OWN_FILE])
def test_the_target_is_checked_then_all_is_carried_out_and_the_job_is_ended(tasks_file: str) -> None:
    found = [task.action for task in tasks(tasks_file, "switchover") if not task.action.startswith("ansible.builtin.")]
    assert found == ["open_switchover", "run_steps", "close_job"]


def test_the_playbook_holds_the_lock_while_it_is_at_work() -> None:
    (step,) = [task for task in tasks("", "switchover") if task.action == "run_steps"]
    assert "hold_lock" in step.arguments
    assert "steps" not in step.arguments  # what is not on record, whatever that is


def test_in_check_mode_nothing_but_the_check_is_run() -> None:
    play = yaml.safe_load(text("playbooks/switchover.yml"))[0]
    assert [task.get("when") for task in play["tasks"]] == [None, "not ansible_check_mode"]


def test_an_orchestrator_that_finds_a_switchover_runs_no_step_of_a_failover() -> None:
    (see_through,) = [task for task in listed("in_one_go") if "end_of_switchover" in str(task)]
    assert see_through["when"] == "altair_ran.kind == 'switchover'"
    assert listed("end_of_switchover")[-1]["ansible.builtin.meta"] == "end_play"


@pytest.mark.parametrize("name", ["check_target", "carry_out_switchover", "rest_of_switchover", "end_of_switchover"])
def test_what_is_included_exists(name: str) -> None:
    for task in listed(name):
        for how in ("include_tasks", "import_tasks"):
            included = task.get(f"ansible.builtin.{how}")
            assert included is None or yaml.safe_load(text(STEPS + included))


def test_every_argument_that_a_step_of_a_switchover_takes_is_given_in_one_go() -> None:
    (step,) = [task for task in tasks("", "switchover") if task.action == "run_steps"]
    arguments = {"config_file", "agent_ca", "tsig_key_file", "replication_config_file", "kept_accounts"}
    assert arguments <= step.arguments
    (waiting,) = [task for task in listed("in_one_go") if f"{OURS}run_steps" in task]
    assert arguments <= set(waiting[f"{OURS}run_steps"])
