#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers "what did that failover lose?"."""

from __future__ import annotations

DOCUMENTATION = r"""
module: losses_info
short_description: What a failover lost
description:
  - Reads the account of losses that a job has put on record. Changes nothing.
  - Asks the old primary's agent as well, whose host may have come back since. Compares what its binary logs hold with
    what the primary has now, and reads the rows of the difference.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  job:
    description: Which job, for example C(orders-7). The cluster's last one by default.
    type: str
  rows:
    description:
      - Whether to return the rows, which are data of your users; see C(manifest). Set C(no_log) on the task then.
    type: bool
    default: false
  account_timeout:
    description: How long the old primary's agent may take to read its binary logs, in seconds.
    type: float
    default: 30.0
attributes:
  check_mode:
    description: Nothing is changed anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
"""

EXAMPLES = r"""
- name: Ask what the last failover lost
  altair.mysql_ha.losses_info:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
  register: losses

- name: Say it
  ansible.builtin.debug:
    var: losses.msg
"""

RETURN = r"""
msg:
  description: What is on record and what is known now, in one sentence each.
  returned: always
  type: str
recorded:
  description: The account on record; empty when there is none.
  returned: success
  type: dict
now:
  description: The account as it would be taken now; empty when the primary does not answer.
  returned: success
  type: dict
manifest:
  description:
    - The same with the rows. Columns are named by their number, C(@1) being the first.
    - C(without_rows) names what is lost and could not be read.
  returned: when O(rows) is true and the primary answers
  type: dict
jobs:
  description: The jobs of which an account is on record.
  returned: success
  type: list
  elements: str
"""

import time
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import checked_name
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import NotFound, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LossAccount, LossManifest
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job, history_path, losses_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    CLUSTER_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
    neighbours,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import Record, read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.losses import take_account

ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "job": {"type": "str"},
    "rows": {"type": "bool", "default": False},
    "account_timeout": {"type": "float", "default": 30.0},
}


def job_asked_for(store: Store, record: Record, wanted: str | None) -> Job:
    """The last job, or the one of that name; NotFound when there is none."""
    cluster = record.spec.cluster
    last = record.job.value if record.job else None
    if wanted is None or (last is not None and last.id == wanted):
        if last is None:
            raise NotFound(f"cluster {cluster} has had no job, so nothing was lost by one")
        return last
    found = store.read(history_path(cluster, checked_name(wanted, "job")), Job)
    if found is None:
        raise NotFound(f"cluster {cluster} has no job '{wanted}' in its history")
    return found.value


def sentence(job: str, recorded: LossAccount | None, now: LossAccount | None, fault: str) -> str:
    on_record = recorded.sentence if recorded else "no account of losses was taken"
    at_present = now.sentence if now else f"it cannot be told: {fault}"
    return f"{job}, on record: {on_record}; as it is now: {at_present}"


def run(parameters: Parameters, _check: bool) -> Result:
    place = keeper(parameters)
    manifest: LossManifest | None = None
    fault = ""
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        record = read_record(store, parameters["cluster"])
        cluster = record.spec.cluster
        job = job_asked_for(store, record, parameters["job"])
        kept = store.read(losses_path(cluster, job.id), LossAccount)
        jobs = store.children(losses_path(cluster, "x").rpartition("/")[0])
        try:
            manifest = take_account(
                store,
                record.spec,
                job,
                neighbours(parameters),
                state=record.state.value,
                seconds=parameters["account_timeout"],
                now_at=time.time(),
            )
        except (NotFound, Unavailable) as error:
            fault = str(error)
    recorded, now = kept.value if kept else None, manifest.account if manifest else None
    result: Result = {
        "changed": False,
        "msg": sentence(job.id, recorded, now, fault),
        "recorded": plain(recorded) if recorded else {},
        "now": plain(now) if now else {},
        "jobs": list(jobs),
    }
    if parameters["rows"] and manifest:
        result["manifest"] = plain(manifest)
    return result


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
