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
  - A replica that is delayed on purpose is not waited for, nor is one whose applier stops again after it was started
    once. One that must not be promoted is waited for only as far as it has received what no candidate has.
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
  description:
    - For each replica one sentence; C(drained) lists those that have applied everything.
    - C(sources) tells which server a replica follows. Empty means the old primary, for as long as the job lasts.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from dataclasses import replace

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, Server, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_facts import facts_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import left_to_apply, received
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.draining import Drain, Halt, spared_of, wanted_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import PostconditionFailed
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import MYSQL_SPEC, STEP_SPEC, main, step_work
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.candidates import Known, known_of, strays_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.parallel import for_each_node
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC}

LOOK_SECONDS = 0.5


def _halt(scene: Scene, node: Node, known: Known) -> Halt:
    try:
        with connect(node.address, node.port, scene.neighbours.login) as server:
            state = server.state()
            receiving = any(channel.receiver_running for channel in state.channels)
            if receiving and not scene.check:
                server.stop_receivers()
                state = server.state()
            return Halt(
                held=received(state) | GtidSet.parse(state.gtid_executed),
                left=left_to_apply(state),
                delay_seconds=facts_of(server).delay_seconds,
                source=strays_of(scene.spec, scene.old_primary.name, node.name, state, known),
                changed=receiving,
            )
    except MysqlError as error:
        return Halt(fault=str(error))


def drain(server: Server, name: str, wanted: GtidSet, seconds_max: float, answer_seconds: float) -> Drain:
    """Apply what is wanted; waits in slices shorter than the read timeout, so that a frozen server is noticed.

    An applier that stands is started once. One that stops again waits for a person, and nobody waits for it.
    """
    deadline = time.monotonic() + seconds_max
    started = False
    while True:
        state = server.state()
        if not all(channel.applier_running for channel in state.channels):
            if started:
                fault = facts_of(server).applier_error or "nothing says why"
                return Drain(False, True, f"{name} does not get any further, its applier has stopped again: {fault}")
            server.start_appliers()
            started = True
        slice_seconds = min(LOOK_SECONDS, answer_seconds / 2, deadline - time.monotonic())
        if slice_seconds <= 0:
            waiting = len(wanted - GtidSet.parse(state.gtid_executed))
            return Drain(False, True, f"{name} has {waiting} transactions left to apply after {seconds_max:g} s")
        if server.wait_applied(str(wanted), slice_seconds):
            return Drain(True, True, f"{name} has applied all it received ({len(wanted)} were left)")


def _drain_node(scene: Scene, node: Node, halt: Halt, wanted: GtidSet) -> Drain:
    spared, login = spared_of(node, halt, wanted), scene.neighbours.login
    if spared is not None:
        return spared
    if scene.check:
        return Drain(False, True, f"{node.name} has {len(halt.left)} transactions left to apply")
    try:
        with connect(node.address, node.port, login) as server:
            done = drain(server, node.name, wanted, scene.spec.policy.catch_up_seconds_max, login.read_timeout)
            return replace(done, drained=done.drained and not left_to_apply(server.state()))
    except MysqlError as error:
        return Drain(False, halt.changed, str(error))


def sources_of(halts: dict[str, Halt], recorded: object) -> dict[str, str]:
    """Who once followed the old primary in this job stays one of its replicas: since that was put on record it may have
    been pointed at another one, to be fed."""
    found = {name: halt.source for name, halt in halts.items() if halt.source is not None}
    kept = recorded if isinstance(recorded, dict) else {}
    return {**found, **{name: source for name, source in kept.items() if not source}}


def act(scene: Scene) -> Outcome:
    if "promote" in scene.job.steps_done:  # the others follow the new primary by now: nothing to stop any more
        return Outcome(changed=False, sentence="the promotion is done", evidence=scene.evidence_of("catch_up"))
    known = known_of(scene.store, scene.spec, (), time.time(), heritage=scene.job.heritage)
    halts = for_each_node(scene.replicas, lambda node: _halt(scene, node, known))
    wanted = wanted_of(scene.spec, scene.old_primary.name, known.in_maintenance, halts)
    drains = for_each_node(scene.replicas, lambda node: _drain_node(scene, node, halts[node.name], wanted[node.name]))
    drained = sorted(name for name, done in drains.items() if done.drained)
    evidence: Evidence = {
        "drained": drained,
        "sources": sources_of(halts, scene.evidence_of("catch_up").get("sources")),
        **{name: done.sentence for name, done in drains.items()},
    }
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
