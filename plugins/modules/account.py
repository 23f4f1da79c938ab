#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Last step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: account
short_description: Name what the old primary had and the new one has not
description:
  - Asks the old primary's agent what its binary logs hold beyond what the new primary has by now. Where nobody answers,
    goes by what the step M(altair.mysql_ha.salvage) found, or else by the last reports on record.
  - Puts the account on record in ZooKeeper, below C(losses) of the cluster. It has GTIDs, tables and how many of their
    rows, but no row.
  - An old primary that does not answer does not fail the step. The account says then that there may be more.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  losses_folder:
    description:
      - Folder on the controller for the manifest of what was lost, rows included, as C(JOB.json) of mode 0600. It holds
        the data of your users. It is written only when something is lost or unknown. Without this nothing is written.
    type: path
  account_timeout:
    description: How long the old primary's agent may take to read its binary logs, in seconds.
    type: float
    default: 30.0
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Name what was lost
  altair.mysql_ha.account:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
    losses_folder: /var/lib/altair/losses
"""

RETURN = r"""
msg:
  description: What was lost, in one sentence.
  returned: always
  type: str
evidence:
  description:
    - C(transactions), how many are lost for certain; C(unknown), why there may be more, empty when there are not;
      C(learned), how it is known; C(record), the znode that names them.
    - C(manifest), the file with their rows, or why there is none.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.private_file import write_private
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LossManifest
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState, losses_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.losses import take_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "losses_folder": {"type": "path"},
    "account_timeout": {"type": "float", "default": 30.0},
}


def keep(manifest: LossManifest, folder: str | None) -> str:
    """Write the file; its path, or why there is none. That nobody can write it must not hold the job up."""
    account = manifest.account
    if folder is None:
        return "none: no losses_folder is given"
    if account.complete and not account.transactions:
        return "none: nothing is lost"
    path = Path(folder) / f"{account.job}.json"
    try:
        write_private(path, encode(manifest))
    except Unavailable as error:
        return f"none: {error}"
    return str(path)


def act_with(scene: Scene, folder: str | None, seconds: float) -> Outcome:
    if scene.check:
        return Outcome(
            changed=True, sentence=f"what {scene.old_primary.name} had and nobody has any more would be named"
        )
    manifest = take_account(
        scene.store,
        scene.spec,
        scene.job,
        scene.neighbours,
        state=ClusterState(epoch=scene.job.epoch, primary=scene.candidate.name),
        seconds=seconds,
        now_at=time.time(),
    )
    account, path = manifest.account, losses_path(scene.spec.cluster, scene.job.id)
    file = keep(manifest, folder)
    scene.store.put(path, account)
    return Outcome(
        changed=True,
        sentence=account.sentence,
        evidence={
            "transactions": account.transactions,
            "unknown": account.unknown,
            "learned": account.learned,
            "record": path,
            "manifest": file,
        },
    )


def run(parameters: Parameters, check: bool) -> Result:
    folder, seconds = parameters["losses_folder"], parameters["account_timeout"]
    return step_work("account", lambda scene: act_with(scene, folder, seconds))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
