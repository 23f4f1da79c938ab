# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets an ordinary ``ansible-playbook`` process start early and wait, warm, for the job it is to run."""

from __future__ import annotations

DOCUMENTATION = r"""
name: await_job
type: notification
short_description: Make a started playbook ready to wait for its job
description:
  - For the orchestrator's hot spare. When the first play starts, everything is loaded (Ansible, inventory, playbook,
    plugins) and nothing has run. Then this plugin imports what the steps need, so that each worker is forked with it,
    and names a copy of standard input in the variable C(altair_go_ahead), where M(altair.mysql_ha.run_steps) waits for
    its job.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
requirements:
  - enabled in configuration, for example C(ANSIBLE_CALLBACKS_ENABLED=altair.mysql_ha.await_job)
"""

import gc
import os
import sys
from importlib import import_module
from typing import Any

from ansible import constants
from ansible.plugins.callback import CallbackBase

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER

COLLECTION = "ansible_collections.altair.mysql_ha.plugins"
POLL_SECONDS = (
    0.01  # how often Ansible looks whether a worker is done; by its own default a waiting one costs 5 % of a core
)


def load_steps() -> None:
    """Import each step with the libraries below it and the checks of what it reads: workers are forked with them."""
    for module in (*(step.name for step in FAILOVER), "run_steps", "close_job"):
        import_module(f"{COLLECTION}.modules.{module}")
        import_module(f"{COLLECTION}.action.{module}")
    import_module(f"{COLLECTION}.module_utils._procedures.jobs").prepare()
    gc.collect()
    gc.freeze()  # what is loaded stays: no collection has to walk over it in the midst of a job


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Acts at the first play, and never again."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "altair.mysql_ha.await_job"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._prepared = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        if self._prepared:
            return
        self._prepared = True
        load_steps()
        constants.DEFAULT_INTERNAL_POLL_INTERVAL = POLL_SECONDS
        # Workers are forked without standard input, and with every other file that is open.
        play.get_variable_manager().extra_vars["altair_go_ahead"] = os.dup(sys.stdin.fileno())
