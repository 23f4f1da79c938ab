#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Third step of a switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: catch_up_target
short_description: Wait until the target of a switchover has every transaction of the old primary
description:
  - The old primary is super_read_only, so what it has executed is all that there will be. The target has to execute it
    within the policy's C(switchover_lag_seconds_max); else the step fails, and the switchover is given up.
  - Then the target's receivers are stopped.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Wait until the target has everything
  altair.mysql_ha.catch_up_target:
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
  description: The C(target) and what it has executed (C(gtid_executed)).
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import left_to_apply
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ServerState
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import MYSQL_SPEC, STEP_SPEC, main, step_work
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.quiet import await_executed
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene, still_ours

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC}


def _level(scene: Scene, wanted: str) -> ServerState:
    """The target's state once it has all of it, or when the time is over; in the first case it receives no more."""
    node, login = scene.candidate, scene.neighbours.login
    seconds = scene.spec.policy.switchover_lag_seconds_max
    with connect(node.address, node.port, login) as server:
        if await_executed(server, wanted, seconds, login.read_timeout, still_ours(scene)):
            server.stop_receivers()
        return server.state()


def act(scene: Scene) -> Outcome:
    old, target = scene.old_primary.name, scene.candidate.name
    if scene.check:
        return Outcome(changed=True, sentence=f"{target} would be waited for until it has all that {old} has")
    wanted = str(scene.evidence_of("quiesce").get("gtid_executed", ""))
    state = _level(scene, wanted)
    executed, needed = GtidSet.parse(state.gtid_executed), GtidSet.parse(wanted)
    lacking, extra, left = needed - executed, executed - needed, left_to_apply(state)
    if lacking:
        raise Refused(f"{target} lacks {len(lacking)} transactions of {old}, and got no further in time ({lacking})")
    if extra or left:
        raise Refused(f"{target} has transactions that {old} has not ({extra | left}); it has to be rebuilt")
    return Outcome(
        changed=True,
        sentence=f"{target} has every transaction of {old}",
        evidence={"target": target, "gtid_executed": state.gtid_executed},
    )


run = step_work("catch_up_target", act)

if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
