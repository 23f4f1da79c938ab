#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the first step of a switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: open_switchover
short_description: Choose the target of a switchover and open its job, unless something speaks against it
description:
  - Asks all servers of the cluster and refuses, before anything is changed, when the primary does not answer or is
    read-only, when the target is unknown, unreachable, no candidate, in maintenance, lagging, not replicating or has
    transactions that the primary lacks, when the cluster's name does not lead to the primary, or when a job has not
    ended. No cool-down and no maintenance of the cluster as a whole forbids it.
  - Then raises the cluster's epoch by one and puts the plan on record. The steps are M(altair.mysql_ha.run_steps).
  - An orchestrator ends the job if nobody is at work on it for some seconds.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  target:
    description: The node that becomes the primary. The best of the replicas unless it is given.
    type: str
    default: ""
  replication_config_file:
    description:
      - As in M(altair.mysql_ha.demote). It must hold an account, which is better known now than after the promotion.
    type: path
    required: true
  tsig_key_file:
    description: When given, it must hold a TSIG key.
    type: path
  accept_newer:
    description:
      - Whether a target of a newer release series than the primary's is taken, as in an upgrade of MySQL. The old
        primary then has to follow a newer server, for which there is no warrant before it is upgraded, too.
    type: bool
    default: false
attributes:
  check_mode:
    description: Says the steps, the target and why not the others, what is in the way right now, and changes nothing.
    support: full
  diff_mode:
    description: Shows the primary, where the name leads and who follows whom, before and after.
    support: full
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
"""

EXAMPLES = r"""
- name: Open a switchover to db2
  altair.mysql_ha.open_switchover:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    target: db2
    config_file: /etc/altair/mysql.cnf
    replication_config_file: /etc/altair/replication.cnf
  register: job
"""

RETURN = r"""
msg:
  description: What was concluded, in one sentence.
  returned: always
  type: str
epoch:
  description: The job's epoch, which every step has to be given. V(0) in check mode.
  returned: success
  type: int
job:
  description: The job's name; empty in check mode.
  returned: success
  type: str
target:
  description: The node that becomes the primary.
  returned: success
  type: str
passed_over:
  description: For each of the other replicas that could not, why.
  returned: success
  type: dict
lag_seconds:
  description: How far the target lags, by its own word.
  returned: success
  type: float
lacking:
  description: How many of the primary's transactions the target had not executed when it was asked.
  returned: success
  type: int
open_transactions:
  description: Those of the primary that have changed or locked rows and not ended, when it was asked.
  returned: success
  type: list
  elements: str
pause_seconds:
  description: For how long nobody will be able to write, as far as that can be told.
  returned: success
  type: float
lost:
  description: What could be lost. Nothing, since the primary takes no write before the target has everything.
  returned: success
  type: str
steps:
  description: Each step of the plan and what it does.
  returned: success
  type: list
  elements: str
"""

import getpass
import socket
import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import read_channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import read_key_file
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import SWITCHOVER as PLAN
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.switchover import (
    chosen,
    pause_seconds,
    refusal,
    why_chosen,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    DNS_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    login,
    main,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    SWITCHOVER,
    Record,
    open_job,
    read_record,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.prospects import Sight, look
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import REHEARSAL

ARGUMENT_SPEC = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **DNS_SPEC,
    "target": {"type": "str", "default": ""},
    "replication_config_file": {"type": "path", "required": True},
    "accept_newer": {"type": "bool", "default": False},
}
NOTHING = "nothing: the primary takes no write before the target has all it has committed"


def _owner() -> str:
    return f"{SWITCHOVER}:{getpass.getuser()}@{socket.gethostname()}"


def _diff(record: Record, sight: Sight, target: str) -> Result:
    old, spec = record.state.value.primary, record.spec
    sources = dict(sight.survey.sources) if sight.survey else {}
    moved = {name: target if source == old else source for name, source in sources.items() if name != target}
    return {
        "before": {
            "primary": old,
            "dns": {spec.dns.name: spec.node(old).address},
            "sources": {name: source for name, source in sources.items() if name != old},
        },
        "after": {
            "primary": target,
            "dns": {spec.dns.name: spec.node(target).address},
            "sources": {**{name: source for name, source in moved.items() if name != old}, old: target},
        },
    }


def _told(record: Record, sight: Sight) -> Result:
    now, target = sight.outlook, chosen(sight.outlook)
    one = now.prospects[target]
    return {
        "changed": True,
        "target": target,
        "passed_over": {name: fault for name, fault in now.faults.items() if name != target},
        "lag_seconds": one.lag_seconds,
        "lacking": one.lacking,
        "open_transactions": [str(holder) for holder in sight.holders],
        "pause_seconds": round(pause_seconds(one), 1),
        "lost": NOTHING,
        "steps": [f"{step.name}: {step.does}" for step in PLAN],
        "diff": _diff(record, sight, target),
    }


def run(parameters: Parameters, check: bool) -> Result:
    read_channel_account(parameters["replication_config_file"])
    if parameters["tsig_key_file"]:
        read_key_file(parameters["tsig_key_file"])
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        record = read_record(store, parameters["cluster"])
        accept_newer = bool(parameters["accept_newer"])
        sight = look(store, record, login(parameters), parameters["target"], time.time(), accept_newer=accept_newer)
        against = refusal(sight.outlook)
        if against:
            raise Refused(f"no switchover: {against}")
        told, because = _told(record, sight), why_chosen(sight.outlook)
        if check:
            sentence = (
                f"{told['target']} would become the primary in place of {record.state.value.primary}: {because};"
                f" nobody could write for about {told['pause_seconds']:g} s"
            )
            return {**told, "msg": sentence, "epoch": REHEARSAL, "job": ""}
        owner = _owner()
        asked = f"{owner.removeprefix(SWITCHOVER + ':')} asked for it: {because}"
        job = open_job(store, record, owner=owner, because=asked, now_at=time.time(), target=told["target"])
        return {**told, "msg": f"job {job.id} is open: {because}", "epoch": job.epoch, "job": job.id}


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
