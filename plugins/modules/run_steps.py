#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of a job that writers wait for, in one go."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_steps
short_description: Carry out the steps of a job that writers wait for, in one process
description:
  - Carries out one step module after the other, each with its own checks and its own record, as tasks of their own
    would. What is open stays open between them. Stops at the first step that fails.
  - Of a switchover it carries out all that is not on record. If one fails before the promotion has begun, the
    switchover is given up and the old primary is writable again.
  - With O(go_ahead) it waits for its job first. That is how an orchestrator's playbook waits warm.
  - Works on the controller only (connection C(local)).
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  cluster:
    description: Name of the registered cluster. Required without O(go_ahead).
    type: str
  epoch:
    description: The epoch of the job, as M(altair.mysql_ha.open_job) returned it. Required without O(go_ahead).
    type: int
  go_ahead:
    description:
      - A file descriptor of this process, from which the job is read as one line of JSON. When it is closed instead,
        nothing is done.
    type: int
  steps:
    description:
      - The steps, in the order of the plan. By default those that a client that wants to write waits for, and of a
        switchover all.
    type: list
    elements: str
  leave:
    description: Steps to leave out, with all that come after the first of them.
    type: list
    elements: str
    default: []
  zookeeper_hosts:
    description: ZooKeeper servers as C(host:port), separated by commas.
    type: str
    required: true
  zookeeper_root:
    description: Path below which everything of this system is kept.
    type: str
    default: /altair
  zookeeper_timeout:
    description: How long to wait for ZooKeeper, in seconds.
    type: float
    default: 5.0
  operator_vouches:
    description: As in M(altair.mysql_ha.fence).
    type: bool
    default: false
  accept_errant:
    description: As in M(altair.mysql_ha.choose_candidate).
    type: bool
    default: false
  operator_vouches_candidate:
    description: As in M(altair.mysql_ha.choose_candidate).
    type: str
    default: ""
  more_to_try:
    description: As in M(altair.mysql_ha.fence). When nothing is proven, the steps after the fence are left.
    type: bool
    default: false
  replication_config_file:
    description: As in M(altair.mysql_ha.demote).
    type: path
  kept_accounts:
    description: As in M(altair.mysql_ha.disconnect_clients).
    type: list
    elements: str
    default: []
  hold_lock:
    description:
      - Hold the cluster's lock meanwhile, as an orchestrator does for its job. When this process dies it is free after
        some seconds, and an orchestrator takes over.
    type: bool
    default: false
extends_documentation_fragment:
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
  - altair.mysql_ha.dns
attributes:
  check_mode:
    description: Each step says what it would do and changes nothing.
    support: full
  diff_mode:
    description: The evidence of the steps tells what was and what is.
    support: none
"""

EXAMPLES = r"""
- name: Fence, catch up, choose, salvage, promote, switch DNS
  altair.mysql_ha.run_steps:
    cluster: orders
    epoch: 42
    zookeeper_hosts: zk1.example.com:2181
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
    tsig_key_file: /etc/altair/tsig.key
"""

RETURN = r"""
msg:
  description: What was done, in one sentence.
  returned: always
  type: str
given:
  description: Whether there was a job.
  returned: success
  type: bool
cluster:
  description: The cluster whose job it was; empty when there was none.
  returned: success
  type: str
epoch:
  description: The job's epoch; 0 when there was none.
  returned: success
  type: int
kind:
  description: V(failover) or V(switchover); empty when there was no job.
  returned: success
  type: str
steps:
  description: What each step did, by its name.
  returned: success
  type: dict
unproven:
  description: The result of the fence that has proven nothing yet.
  returned: when O(more_to_try) is set and nothing is proven
  type: dict
"""

import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from importlib import import_module
from itertools import takewhile
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    InvalidInput,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import (
    AWAITED,
    CONFIRMED,
    JobKind,
    Order,
    step_named,
    steps_left,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    DNS_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    agent_files,
    keeper,
    login,
    main,
    neighbours,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.attending import (
    SESSION_SECONDS,
    attending,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.keeping import (
    keep_record,
    keeping_open,
    now,
    record_of,
    store_at,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.ready import get_ready
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.way_back import gone_back

ARGUMENT_SPEC = {
    "cluster": {"type": "str"},
    "epoch": {"type": "int"},
    "go_ahead": {"type": "int"},
    "steps": {"type": "list", "elements": "str"},
    "leave": {"type": "list", "elements": "str", "default": []},
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    **DNS_SPEC,
    "operator_vouches": {"type": "bool", "default": False},
    "accept_errant": {"type": "bool", "default": False},
    "operator_vouches_candidate": {"type": "str", "default": ""},
    "more_to_try": {"type": "bool", "default": False},
    "replication_config_file": {"type": "path"},
    "kept_accounts": {"type": "list", "elements": "str", "default": []},
    "hold_lock": {"type": "bool", "default": False},
}

RETURN_SECONDS = 30.0  # may a switchover's new primary that does not answer take to be back, before the job pauses
MODULES = "ansible_collections.altair.mysql_ha.plugins.modules."


def next_line(descriptor: int) -> bytes:
    """Without its end; empty when the other side closed before that, which may have died in the middle of it."""
    line = bytearray()
    while byte := os.read(descriptor, 1):  # nothing beyond the line may be taken from the pipe
        if byte == b"\n":
            return bytes(line)
        line += byte
    return b""


def _ordered(parameters: Parameters) -> Order | None:
    if parameters["go_ahead"] is not None:
        line = next_line(parameters["go_ahead"])
        return decode(Order, line, "the orchestrator's word") if line else None
    if not parameters["cluster"] or parameters["epoch"] is None:
        raise InvalidInput("run_steps needs cluster and epoch, or go_ahead")
    return Order(cluster=parameters["cluster"], epoch=parameters["epoch"])


def _may_begin(parameters: Parameters, order: Order) -> bool:
    """An order that is given ahead is good only once it is confirmed."""
    return not order.ahead or next_line(parameters["go_ahead"]) == CONFIRMED


def _step(name: str, parameters: Parameters, order: Order, check: bool) -> Result:
    module: Any = import_module(MODULES + step_named(name).name)
    given = {**parameters, "cluster": order.cluster, "epoch": order.epoch}
    spec = module.ARGUMENT_SPEC
    checked = ArgumentSpecValidator(spec).validate({key: given[key] for key in spec if given.get(key) is not None})
    if checked.error_messages:
        raise InvalidInput(f"step {name}: {'; '.join(checked.error_messages)}")
    done: Result = module.run(checked.validated_parameters, check)
    return done


def _steps(
    names: list[str], parameters: Parameters, order: Order, check: bool
) -> tuple[dict[str, Result], Result | None]:
    """What each did; and the fence's result, where it has proven nothing and more can be tried."""
    done: dict[str, Result] = {}
    for name in names:
        result = _step(name, parameters, order, check)
        if not result.get("proven", True):
            return done, result
        done[name] = result
    return done, None


def _job(parameters: Parameters, order: Order) -> Job | None:
    """The job of the order, if it is there; the first step goes on from what was read."""
    with store_at(keeper(parameters)) as store:
        asked = now()
        record = record_of(store, order.cluster)
        keep_record(record, asked)
    return record.job.value if record.job is not None and record.job.value.epoch == order.epoch else None


def _names(parameters: Parameters, job: Job | None) -> list[str]:
    """Of a failover what holds already is quick; a switchover's pause must not be begun anew after its promotion."""
    asked = parameters["steps"]
    if asked is None and job is not None and job.kind is JobKind.SWITCHOVER:
        asked = [step.name for step in steps_left(job.steps_done, job.kind)]
    return list(takewhile(lambda name: name not in parameters["leave"], AWAITED if asked is None else asked))


def _carry_out(
    parameters: Parameters, order: Order, job: Job | None, check: bool
) -> tuple[dict[str, Result], Result | None]:
    """A switchover that fails is given up, as long as it can be."""
    try:
        return _steps(_names(parameters, job), parameters, order, check)
    except AltairError as error:
        if check or job is None or job.kind is not JobKind.SWITCHOVER:
            raise
        seconds = 0.0 if parameters["hold_lock"] else RETURN_SECONDS  # a person's playbook leaves it to an orchestrator
        means = neighbours(parameters)
        raise gone_back(keeper(parameters), order.cluster, order.epoch, means, error, seconds=seconds) from error


def run(parameters: Parameters, check: bool) -> Result:
    for name in (*(parameters["steps"] or ()), *parameters["leave"]):
        step_named(name)
    idle = {"changed": False, "msg": "there was no job", "given": False, "cluster": "", "epoch": 0, "kind": ""}
    idle["steps"] = {}
    place = keeper(parameters)
    if parameters["hold_lock"]:
        place = replace(place, session_seconds=SESSION_SECONDS)
    with ExitStack() as kept:
        if parameters["go_ahead"] is not None:  # who waits for an order need not wait for ZooKeeper when it comes
            with suppress(Unavailable):
                kept.enter_context(keeping_open(place))
        order = _ordered(parameters)
        if order is None:
            return idle
        kept.enter_context(keeping_open(place))
        if order.ahead and (parameters["steps"] is None or parameters["steps"]):
            get_ready(place, order.cluster, login(parameters), agent_files(parameters))
        if not _may_begin(parameters, order):
            return idle
        job = _job(parameters, order)
        if parameters["hold_lock"] and not check:
            kept.enter_context(attending(place, order.cluster, order.epoch))
        done, unproven = _carry_out(parameters, order, job, check)
    left = {} if unproven is None else {"unproven": unproven}
    return {
        **left,
        "changed": any(each["changed"] for each in done.values()),
        "msg": "; ".join(each["msg"] for each in done.values()) or f"the job of epoch {order.epoch} is there",
        "given": True,
        "cluster": order.cluster,
        "epoch": order.epoch,
        "kind": (job.kind if job is not None else JobKind.FAILOVER).value,
        "steps": done,
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
