#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sixth step of a failover, fourth of a switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: promote
short_description: Make the candidate a writable primary
description:
  - Refuses unless the fence of the old primary is on record and everything the candidate received is applied.
  - In a switchover, looks once more that the old primary is super_read_only and has committed nothing that the
    candidate lacks.
  - Stops the candidate's replication, forgets its source, makes it writable and reads that back. Then puts it on
    record as the cluster's primary.
  - Nothing is persisted on the server. It boots super_read_only again, as every node does.
  - When the candidate of a switchover does not answer, and its agent proves that it takes no write, the promotion is
    taken off the record, so that the switchover can be given up. Without proof the job pauses.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  operator_vouches_candidate:
    description: In a switchover, as in M(altair.mysql_ha.choose_candidate).
    type: str
    default: ""
  agent_ca:
    description: Authority that signed the agents' certificates. Without it no agent is asked.
    type: path
  agent_cert:
    description: Our certificate. Its organizational unit must be C(orchestrator) or C(operator).
    type: path
  agent_key:
    description: Key of O(agent_cert). Keep it at mode 0600.
    type: path
  agent_timeout:
    description: Seconds to wait for an agent's answer.
    type: float
    default: 3.0
requirements:
  - aiohttp
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Promote the candidate
  altair.mysql_ha.promote:
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
  description: The new primary, its C(server_uuid) and what it had executed when it became writable.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Paused, PostconditionFailed, Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.mid_promotion import Turn
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ServerState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import JobKind
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_IF_ANY_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.agent_fence import pause_job
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.dead_candidate import (
    examine,
    forget_promotion,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import begin_promotion
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.quiet import refuse_unless_quiet
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    **AGENT_IF_ANY_SPEC,
    "operator_vouches_candidate": {"type": "str", "default": ""},
}


def is_primary(state: ServerState) -> bool:
    return state.writable and not state.channels


def _refuse_undrained(state: ServerState, name: str) -> None:
    """Forgetting the source throws relay logs away; this is the last look before that."""
    executed = GtidSet.parse(state.gtid_executed)
    for channel in state.channels:
        left = GtidSet.parse(channel.gtid_retrieved) - executed
        if left or channel.receiver_running:
            raise Refused(
                f"{name} still has {len(left)} received transactions to apply or still receives;"
                " run catch_up again before promoting it"
            )


def _promote(scene: Scene) -> Outcome:
    node = scene.candidate
    with connect(node.address, node.port, scene.neighbours.login) as server:
        before = server.state()
        if is_primary(before):
            state, changed = before, False
        elif scene.check:
            return Outcome(
                changed=True, sentence=f"{node.name} would become the writable primary", new_primary=node.name
            )
        else:
            _refuse_undrained(before, node.name)
            if scene.job.kind is JobKind.SWITCHOVER:
                refuse_unless_quiet(scene, GtidSet.parse(before.gtid_executed))
            begin_promotion(scene.store, scene.spec.cluster, scene.job.epoch, node.name, scene.record)
            server.forget_source()
            server.set_super_read_only(False)
            state, changed = server.state(), True
    if not is_primary(state):
        raise PostconditionFailed(f"{node.name} was told to become writable and is not; look at its error log")
    return Outcome(
        changed=changed,
        sentence=f"{node.name} is the writable primary",
        evidence={
            "primary": node.name,
            "server_uuid": state.server_uuid,
            "gtid_executed_before": before.gtid_executed,
        },
        new_primary=node.name,
    )


def _conclude(scene: Scene, vouched: str) -> None:
    """Of a switchover's candidate that does not answer: whether the old primary may take writes again."""
    found = examine(scene, vouched, 0.0)
    if found.turn is Turn.CHOOSE_ANEW:
        forget_promotion(scene, found)
        raise Refused(found.sentence)
    if found.turn is Turn.PAUSE:
        pause_job(scene, found.sentence)
        raise Paused(f"job {scene.job.id} is paused: {found.sentence}")


def act_with(scene: Scene, vouched: str) -> Outcome:
    try:
        return _promote(scene)
    except MysqlError:
        if scene.job.kind is JobKind.SWITCHOVER and not scene.check:
            _conclude(scene, vouched)
        raise


def run(parameters: Parameters, check: bool) -> Result:
    vouched = parameters["operator_vouches_candidate"]
    return step_work("promote", lambda scene: act_with(scene, vouched))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
