# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets an ordinary ``ansible-playbook`` process start early and wait, warm, for the job it is to run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: await_job
type: notification
short_description: Hold a started playbook until a job comes in on standard input
description:
  - For the orchestrator's hot spare. When the first play starts, everything is loaded (Ansible, inventory, playbook,
    plugins) and nothing has run. Then this plugin imports what the steps need, prints C(ready) and waits for one line
    of JSON on standard input, an object whose members become extra variables.
  - When standard input is closed instead, the process ends with exit code 0 and has done nothing.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
requirements:
  - enabled in configuration, for example C(ANSIBLE_CALLBACKS_ENABLED=altair.mysql_ha.await_job)
"""

import json
import sys
from importlib import import_module
from typing import Any

from ansible.plugins.callback import CallbackBase

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER

COLLECTION = "ansible_collections.altair.mysql_ha.plugins"


def load_steps() -> None:
    """Import each step with the libraries below it and the checks of what it reads: workers are forked with them."""
    for module in (*(step.name for step in FAILOVER), "close_job"):
        import_module(f"{COLLECTION}.modules.{module}")
        import_module(f"{COLLECTION}.action.{module}")
    import_module(f"{COLLECTION}.module_utils._procedures.jobs").prepare()


def await_job() -> dict[str, Any]:
    """The job's variables; ends the process when there will be none."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    line = sys.stdin.readline().strip()
    if not line:
        raise SystemExit(0)
    job: dict[str, Any] = json.loads(line)
    return job


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Waits at the first play, and never again."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "altair.mysql_ha.await_job"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._waited = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if self._waited:
            return
        self._waited = True
        load_steps()
        play.get_variable_manager().extra_vars.update(await_job())
