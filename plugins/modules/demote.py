#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sixth step of a switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: demote
short_description: Let the old primary of a switchover follow the new one
description:
  - Gives the old primary a replication channel with the options that the target's had, and the account of
    O(replication_config_file), and starts it. It stays super_read_only. Sessions with open transactions are killed
    before, because their locks would hold up what is to be applied.
  - Never fails for what the old primary does. One that cannot be reached, or has transactions that the new primary
    lacks, is recorded as following nobody.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  replication_config_file:
    description:
      - MySQL option file with C(user) and C(password) of the replication account in its C([client]) group, as in
        M(altair.mysql_ha.rejoin). The channel's other options are those of the target's former one.
      - Without it the old primary follows nobody.
    type: path
  settle_seconds:
    description: How long the old primary may take to connect to the new one.
    type: float
    default: 15.0
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Let the old primary follow the new one
  altair.mysql_ha.demote:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
    replication_config_file: /etc/altair/replication.cnf
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description: C(following) says whether the old primary replicates.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import read_channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.demotion import Demotion, demote
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    "replication_config_file": {"type": "path"},
    "settle_seconds": {"type": "float", "default": 15.0},
}


def act_with(scene: Scene, file: str | None, settle_seconds: float) -> Outcome:
    old, new = scene.old_primary, scene.candidate
    if scene.check:
        return Outcome(changed=True, sentence=f"{old.name} would follow {new.name}")
    shown = scene.evidence_of("quiesce").get("channel")
    done = demote(
        Demotion(
            node=old,
            primary=new,
            uuid=str(scene.evidence_of("promote").get("server_uuid", "")),
            shown=shown if isinstance(shown, dict) else {},
            login=scene.neighbours.login,
            account=read_channel_account(file) if file else None,
            seconds=settle_seconds,
        )
    )
    return Outcome(changed=done.changed, sentence=done.sentence, evidence={"following": done.following})


def run(parameters: Parameters, check: bool) -> Result:
    file, seconds = parameters["replication_config_file"], parameters["settle_seconds"]
    return step_work("demote", lambda scene: act_with(scene, file, seconds))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
