"""Copied to an orchestrator's Ansible home, where every playbook loads it: lets a test hold one between two steps.

While the file `hold` beside it names a step, a playbook that is about to begin that step touches `held` and waits. A
playbook that is started while the file is there carries the steps out one by one: between them it can be held.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

HERE = Path(__file__).parent


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "hold"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002
        hold, step = HERE / "hold", task.action.rpartition(".")[2]
        if step == "run_steps" and hold.exists():
            task.args["steps"] = []
        while hold.exists() and hold.read_text() == step:
            (HERE / "held").touch()
            time.sleep(0.02)
