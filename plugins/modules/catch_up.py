#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Third step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: catch_up
short_description: Let every replica apply all it has received
description:
  - On all replicas at once, stops the receivers, leaves the appliers running (or starts them) and waits until
    everything that was received is applied. Nothing that a replica has received is thrown away.
  - A replica that cannot be reached, or that is not done within the cluster's C(catch_up_seconds_max), is recorded as
    not drained and is no candidate. When no replica is drained the step fails.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Let the replicas apply what they have received
  altair.mysql_ha.catch_up:
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
  description: For each replica one sentence; C(drained) lists those that have applied everything.
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
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import PostconditionFailed
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ServerState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import MYSQL_SPEC, STEP_SPEC, main, step_work
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.parallel import for_each_node
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC}


@dataclass(frozen=True, slots=True)
class Drain:
    """How far one replica came."""

    drained: bool
    changed: bool
    sentence: str


def left_to_apply(state: ServerState) -> GtidSet:
    """What was received on any channel and is not executed."""
    received = GtidSet()
    for channel in state.channels:
        received = received | GtidSet.parse(channel.gtid_retrieved)
    return received - GtidSet.parse(state.gtid_executed)


def drain(server: Server, name: str, seconds_max: float, answer_seconds: float) -> Drain:
    """Stop receiving, apply all; waits in slices shorter than the read timeout, so that a frozen server is noticed."""
    before = server.state()
    if any(channel.receiver_running for channel in before.channels):
        server.stop_receivers()
    if any(not channel.applier_running for channel in before.channels):
        server.start_appliers()
    left = left_to_apply(server.state())
    deadline = time.monotonic() + seconds_max
    waiting = left
    while waiting:
        slice_seconds = min(answer_seconds / 2, deadline - time.monotonic())
        if slice_seconds <= 0:
            return Drain(False, True, f"{name} has {len(waiting)} transactions left to apply after {seconds_max:g} s")
        if server.wait_applied(str(left), slice_seconds):
            break
        waiting = left_to_apply(server.state())
    changed = bool(left) or any(channel.receiver_running for channel in before.channels)
    return Drain(True, changed, f"{name} has applied all it received ({len(left)} were left)")


def _drain_node(scene: Scene, node: Node) -> Drain:
    login = scene.neighbours.login
    try:
        with connect(node.address, node.port, login) as server:
            if scene.check:
                left = len(left_to_apply(server.state()))
                return Drain(left == 0, left > 0, f"{node.name} has {left} transactions left to apply")
            return drain(server, node.name, scene.spec.policy.catch_up_seconds_max, login.read_timeout)
    except MysqlError as error:
        return Drain(False, False, str(error))


def act(scene: Scene) -> Outcome:
    if "promote" in scene.job.steps_done:  # the others follow the new primary by now: nothing to stop any more
        return Outcome(changed=False, sentence="the promotion is done", evidence=scene.evidence_of("catch_up"))
    drains = for_each_node(scene.replicas, lambda node: _drain_node(scene, node))
    drained = sorted(name for name, done in drains.items() if done.drained)
    evidence: Evidence = {"drained": drained, **{name: done.sentence for name, done in drains.items()}}
    if not drained and not scene.check:
        raise PostconditionFailed(
            "no replica could be drained: " + "; ".join(done.sentence for done in drains.values())
        )
    return Outcome(
        changed=any(done.changed for done in drains.values()),
        sentence="; ".join(done.sentence for done in drains.values()),
        evidence=evidence,
    )


run = step_work("catch_up", act)

if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
