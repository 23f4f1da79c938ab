# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that has everything loaded which a failover's playbook needs, and waits for one job on its standard input.

Run by path, not as a module: Ansible's collection loader must be the first to import ``ansible_collections``. No other
file of the daemons imports Ansible, and no other knows ``PlaybookCLI``, which is no stable interface; with
``runner.kind: ansible_playbook`` it is not used.

    hot_spare.py PLAYBOOK VARIABLES_FILE < one line of JSON: the job's own variables

Exit code: that of ``ansible-playbook``; 0 when standard input is closed without a job.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from ansible import context
from ansible.cli.playbook import PlaybookCLI
from ansible.playbook import Playbook
from ansible.plugins import loader as plugins
from ansible.utils.collection_loader._collection_finder import _get_collection_playbook_path

COLLECTION = "ansible_collections.altair.mysql_ha.plugins"
STEPS = (
    "pause_monitoring",
    "fence",
    "catch_up",
    "choose_candidate",
    "promote",
    "switch_dns",
    "repoint",
    "close_job",
)


class NoJob(Exception):
    """Standard input was closed: the orchestrator has no work for us any more."""


def load_plugins() -> None:
    """What every run loads first, and Ansible keeps once it is loaded: half of a cold run's time."""
    for kind in (plugins.connection_loader, plugins.shell_loader, plugins.become_loader):
        list(kind.all(class_only=True))
    list(plugins.callback_loader.all(class_only=True))
    plugins.strategy_loader.get("linear", class_only=True)


def load_steps() -> None:
    """Import each step with the libraries below it and the checks of what it reads: workers are forked with them."""
    import_module(f"{COLLECTION}.action.in_process")
    for step in STEPS:
        import_module(f"{COLLECTION}.modules.{step}")
    import_module(f"{COLLECTION}.module_utils._procedures.jobs").prepare()


def await_job() -> dict[str, Any]:
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = sys.stdin.readline().strip()
    if not line:
        raise NoJob
    job: dict[str, Any] = json.loads(line)
    return job


class Spare(PlaybookCLI):  # type: ignore[misc]
    """``ansible-playbook`` that pauses once inventory, variables and playbook are loaded, and goes on with a job."""

    def _play_prereqs(self) -> tuple[Any, Any, Any]:
        loader, inventory, variables = super()._play_prereqs()
        load_plugins()
        load_steps()
        for playbook in context.CLIARGS["args"]:
            found = _get_collection_playbook_path(playbook)
            # The loader keeps what it has parsed; the run itself then only has to look it up.
            Playbook.load(found[1] if found else playbook, variable_manager=variables, loader=loader)
        variables.extra_vars.update(await_job())
        return loader, inventory, variables


def main() -> int:
    _self, playbook, variables_file = sys.argv
    try:
        return int(Spare(["ansible-playbook", playbook, "--extra-vars", f"@{variables_file}"]).run())
    except NoJob:
        return 0


if __name__ == "__main__":
    sys.exit(main())
