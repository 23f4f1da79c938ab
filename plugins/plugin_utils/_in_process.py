# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a step module's own function inside the Ansible worker, where starting a module process would cost more than the
step. Each module has an action plugin of its name, which is this one.

A task that goes to another host (any connection but ``local``), becomes another user or runs asynchronously is carried
out as the ordinary module it is.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase

from ansible_collections.altair.mysql_ha.plugins.module_utils._module import Voice, outcome

MODULES = "ansible_collections.altair.mysql_ha.plugins.modules."


class ActionModule(ActionBase):  # type: ignore[misc]
    """One body for every step."""

    _supports_async = True

    def run(self, tmp: None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        if self._connection.transport != "local" or self._play_context.become or self._task.async_val:
            ran: dict[str, Any] = self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val)
            return {**result, **ran}
        module = import_module(MODULES + self._task.action.rpartition(".")[2])
        # As a module on another host gets them: Ansible's own subclasses of int and str mean nothing to PyMySQL.
        plain = json.loads(json.dumps(self._task.args, default=str))
        checked = ArgumentSpecValidator(module.ARGUMENT_SPEC).validate(plain)
        if checked.error_messages:
            raise AnsibleActionFail("; ".join(checked.error_messages))
        Voice.tell = self._display.display
        done = outcome(module.run, checked.validated_parameters, self._task.check_mode)
        if not done.get("failed"):  # who runs a step by hand, or in check mode, is told what came of it
            self._display.display("\n".join(done.get("report") or [done["msg"]]))
        return {**result, **remove_values(done, checked._no_log_values)}
