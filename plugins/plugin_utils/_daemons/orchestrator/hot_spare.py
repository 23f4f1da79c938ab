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

import sys
from importlib import import_module

from ansible.cli.playbook import PlaybookCLI

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


def warm_up(command: list[str]) -> None:
    """Load what the run will need: the playbook by a syntax check, then each step with the libraries below it."""
    PlaybookCLI([*command, "--syntax-check"]).run()
    for step in STEPS:
        import_module(f"ansible_collections.altair.mysql_ha.plugins.modules.{step}")
    import_module("ansible_collections.altair.mysql_ha.plugins.action.in_process")


def main() -> int:
    _self, playbook, variables_file = sys.argv
    command = ["ansible-playbook", playbook, "--extra-vars", f"@{variables_file}"]
    warm_up([*command, "--extra-vars", '{"cluster": "warm-up", "altair_epoch": 0}'])
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    job = sys.stdin.readline().strip()
    if not job:
        return 0
    return int(PlaybookCLI([*command, "--extra-vars", job]).run())


if __name__ == "__main__":
    sys.exit(main())
