#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eighth step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: repoint
short_description: Let the other replicas follow the new primary
description:
  - On all other replicas at once, changes host and port of their channel's source and keeps its account, TLS and other
    options. Then waits until each receives from the new primary.
  - A replica that cannot be reached does not fail the step; it is recorded as left behind.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  settle_seconds:
    description: How long a replica may take to connect to the new primary.
    type: float
    default: 15.0
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Let the other replicas follow the new primary
  altair.mysql_ha.repoint:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description: For each replica one sentence; C(following) and C(left_behind) list their names.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, Server, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Channel, ServerState
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.parallel import for_each_node
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC, "settle_seconds": {"type": "float", "default": 15.0}}

LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Repoint:
    following: bool
    changed: bool
    sentence: str


def _aims_at(channel: Channel, node: Node) -> bool:
    return (channel.source_host, channel.source_port) == (node.address, node.port)


def _follows(state: ServerState, channel: str, uuid: object) -> bool:
    return any(
        each.name == channel and each.receiver_running and each.applier_running and each.source_uuid == uuid
        for each in state.channels
    )


def _wait(server: Server, channel: str, uuid: object, settle_seconds: float) -> str:
    """Empty when the replica receives from ``uuid`` in time; else what stands in its way."""
    deadline = time.monotonic() + settle_seconds
    while True:
        state = server.state()
        if _follows(state, channel, uuid):
            return ""
        if time.monotonic() > deadline:
            return next((each.error for each in state.channels if each.error), "it does not connect")
        time.sleep(LOOK_SECONDS)


def _repoint(scene: Scene, node: Node, settle_seconds: float) -> Repoint:
    primary = scene.candidate
    uuid = scene.evidence_of("promote").get("server_uuid")
    try:
        with connect(node.address, node.port, scene.neighbours.login) as server:
            state = server.state()
            if not state.channels:
                return Repoint(False, False, f"{node.name} has no replication channel; it has to be rebuilt")
            channel = state.channels[0]
            if _follows(state, channel.name, uuid):
                return Repoint(True, False, f"{node.name} follows {primary.name} already")
            if scene.check:
                return Repoint(True, True, f"{node.name} would follow {primary.name}")
            if not _aims_at(channel, primary) or not channel.receiver_running:
                server.follow(channel.name, primary.address, primary.port)
            fault = _wait(server, channel.name, uuid, settle_seconds)
    except MysqlError as error:
        return Repoint(False, False, f"{node.name} is left behind: {error}")
    if fault:
        return Repoint(False, True, f"{node.name} was pointed at {primary.name} and does not follow: {fault}")
    return Repoint(True, True, f"{node.name} follows {primary.name}")


def act_with(scene: Scene, settle_seconds: float) -> Outcome:
    others = scene.spec.others(scene.job.old_primary, scene.candidate.name)
    done = for_each_node(others, lambda node: _repoint(scene, node, settle_seconds))
    return Outcome(
        changed=any(each.changed for each in done.values()),
        sentence="; ".join(each.sentence for each in done.values()) or "there is no other replica",
        evidence={
            "following": sorted(name for name, each in done.items() if each.following),
            "left_behind": sorted(name for name, each in done.items() if not each.following),
            **{name: each.sentence for name, each in done.items()},
        },
    )


def run(parameters: Parameters, check: bool) -> Result:
    return step_work("repoint", lambda scene: act_with(scene, parameters["settle_seconds"]))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
