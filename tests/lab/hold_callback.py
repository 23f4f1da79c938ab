"""Copied to an orchestrator's Ansible home, where every playbook loads it: lets a test hold one between two steps.

While the file `hold` beside it names a step, a playbook that is about to begin that step touches `held` and waits.
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
        hold = HERE / "hold"
        while hold.exists() and hold.read_text() == task.action.rpartition(".")[2]:
            (HERE / "held").touch()
            time.sleep(0.02)
