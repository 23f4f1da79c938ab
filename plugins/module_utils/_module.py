# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules share: argument specs, how arguments become neighbours, the one place where errors become results."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, ClassVar

from ansible.module_utils.basic import AnsibleModule

from ._adapters.agent import TlsFiles
from ._adapters.mysql import Login, read_option_file
from ._core.errors import AltairError, InvalidInput
from ._core.maintenance import MaintenancePlan
from ._core.znodes import Job
from ._procedures.jobs import OPERATOR
from ._procedures.keeping import Keeper
from ._procedures.step import Act, Neighbours, run_step

Parameters = dict[str, Any]
Result = dict[str, Any]
Work = Callable[[Parameters, bool], Result]

ZOOKEEPER_SPEC: dict[str, Any] = {
    "zookeeper_hosts": {"type": "str", "required": True},
    "zookeeper_root": {"type": "str", "default": "/altair"},
    "zookeeper_timeout": {"type": "float", "default": 5.0},
}
CLUSTER_SPEC: dict[str, Any] = {"cluster": {"type": "str", "required": True}}
STEP_SPEC: dict[str, Any] = {**CLUSTER_SPEC, **ZOOKEEPER_SPEC, "epoch": {"type": "int", "required": True}}
MYSQL_SPEC: dict[str, Any] = {
    "login_user": {"type": "str"},
    "login_password": {"type": "str", "no_log": True},
    "config_file": {"type": "path"},
    "connect_timeout": {"type": "float", "default": 2.0},
    "read_timeout": {"type": "float", "default": 5.0},
    "ca_cert": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "check_hostname": {"type": "bool", "default": False},
}
AGENT_SPEC: dict[str, Any] = {
    "agent_ca": {"type": "path", "required": True},
    "agent_cert": {"type": "path", "required": True},
    "agent_key": {"type": "path", "required": True, "no_log": False},
    "agent_timeout": {"type": "float", "default": 3.0},
}
AGENT_IF_ANY_SPEC: dict[str, Any] = {name: {**each, "required": False} for name, each in AGENT_SPEC.items()}
DNS_SPEC: dict[str, Any] = {"tsig_key_file": {"type": "path", "no_log": False}}


def keeper(parameters: Parameters) -> Keeper:
    return Keeper(
        hosts=parameters["zookeeper_hosts"],
        root=parameters["zookeeper_root"],
        connect_seconds=parameters["zookeeper_timeout"],
    )


def login(parameters: Parameters) -> Login:
    """The option file gives user and password; arguments given beside it win."""
    base = Login(
        connect_timeout=parameters["connect_timeout"],
        read_timeout=parameters["read_timeout"],
        ca_cert=parameters["ca_cert"],
        client_cert=parameters["client_cert"],
        client_key=parameters["client_key"],
        check_hostname=parameters["check_hostname"],
    )
    user, password = parameters["login_user"], parameters["login_password"]
    if parameters["config_file"]:
        base = read_option_file(parameters["config_file"], base)
    elif not user:
        raise InvalidInput("no MySQL account was given; set config_file, or login_user and login_password")
    return Login(
        user=user or base.user,
        password=base.password if password is None else password,
        connect_timeout=base.connect_timeout,
        read_timeout=base.read_timeout,
        ca_cert=base.ca_cert,
        client_cert=base.client_cert,
        client_key=base.client_key,
        check_hostname=base.check_hostname,
    )


def operator_name() -> str:
    """Who runs the module, for the record."""
    return f"{OPERATOR}:{getpass.getuser()}@{socket.gethostname()}"


def readable_time(at: float) -> str:
    """Seconds since 1970 as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017 - read as Python 3.8


def show_maintenance(plan: MaintenancePlan, now_at: float) -> list[Result]:
    """For people: what holds, and what has ended and is still on record."""
    return [
        {
            "node": each.node or "",
            "until": readable_time(each.until_at),
            "active": each.active(now_at),
            "reason": each.reason,
            "by": each.by,
        }
        for each in plan.entries
    ]


def show_pause(job: Job) -> Result:
    """For people: since when the job is paused and who has answered; empty when it is not."""
    if job.paused_at is None:
        return {}
    given = job.acknowledged
    return {
        "since": readable_time(job.paused_at),
        "teams": {
            team.name: f"stopped writing, said {given[team.name].by} at {readable_time(given[team.name].at)}"
            if team.name in given
            else "has not answered"
            for team in job.teams
        },
    }


def agent_files(parameters: Parameters) -> TlsFiles:
    return TlsFiles(ca=parameters["agent_ca"], certificate=parameters["agent_cert"], key=parameters["agent_key"])


def _agent_files_if_any(parameters: Parameters) -> TlsFiles | None:
    """None where the module takes none, or was given none; a part of them is a mistake."""
    given = {name: parameters.get(name) for name in ("agent_ca", "agent_cert", "agent_key")}
    if not any(given.values()):
        return None
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise InvalidInput(f"agents are asked with all of {', '.join(given)}; {', '.join(missing)} is missing")
    return agent_files(parameters)


def neighbours(parameters: Parameters) -> Neighbours:
    """Only what the module's own argument spec has."""
    return Neighbours(
        login=login(parameters) if "login_user" in parameters else Login(),
        agents=_agent_files_if_any(parameters),
        tsig_key_file=parameters.get("tsig_key_file"),
        answer_seconds=parameters.get("agent_timeout", 5.0),
    )


def step_work(name: str, act: Act) -> Work:
    """A step's ``run``: its act inside the frame that every step has."""

    def work(parameters: Parameters, check: bool) -> Result:
        done = run_step(
            name,
            act,
            cluster=parameters["cluster"],
            epoch=parameters["epoch"],
            keeper=keeper(parameters),
            neighbours=neighbours(parameters),
            check=check,
        )
        return {"changed": done.changed, "msg": done.sentence, "evidence": done.evidence, "seconds": done.seconds}

    return work


def outcome(work: Work, parameters: Parameters, check: bool) -> Result:
    """The result to show; what the house's errors say becomes a failure with one sentence and no traceback."""
    try:
        return work(parameters, check)
    except AltairError as error:
        return {"failed": True, "changed": False, "msg": str(error), "reason": type(error).__name__}


class Voice:
    """Where a module that takes long says how far it is: nowhere, unless it runs inside Ansible."""

    tell: ClassVar[Callable[[str], None]] = staticmethod(lambda _sentence: None)


def main(argument_spec: dict[str, Any], work: Work) -> None:
    """A module's ``main``: the same ``work`` that the action plugin runs in-process."""
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True)
    result = outcome(work, module.params, module.check_mode)
    if result.pop("failed", False):
        module.fail_json(**result)
    for sentence in result.pop("warnings", ()):
        module.warn(sentence)
    module.exit_json(**result)
