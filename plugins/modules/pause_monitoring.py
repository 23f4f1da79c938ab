#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""First step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pause_monitoring
short_description: Stop raising suspicions of the failed node while its job runs
description:
  - Puts the job's old primary on record as paused. Monitors go on watching it and raise no suspicion.
  - The pause ends with the job.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Pause the monitoring of the failed node
  altair.mysql_ha.pause_monitoring:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description: The nodes that are paused.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Change, Create, Replace
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import MonitoringPause, pause_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import STEP_SPEC, main, step_work
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = STEP_SPEC


def act(scene: Scene) -> Outcome:
    node = scene.job.old_primary
    wanted = MonitoringPause(job=scene.job.id, nodes=(node,))
    path = pause_path(scene.spec.cluster)
    found = scene.store.read(path, MonitoringPause)
    if found is None:
        changes: tuple[Change, ...] = (Create(path, wanted),)
    else:
        changes = () if found.value == wanted else (Replace(path, wanted, found.version),)
    return Outcome(
        changed=bool(changes),
        sentence=f"monitors raise no suspicion of {node} until job {scene.job.id} has ended",
        evidence={"nodes": [node]},
        also=changes,  # with the step's own record, so the one is never there without the other
    )


run = step_work("pause_monitoring", act)

if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
