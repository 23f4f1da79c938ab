#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Announces work on a cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Announce work on a cluster or one of its nodes, for a limited time
description:
  - While a maintenance holds, failures of the primary are seen and put on record, and nobody is promoted without a
    person's word (O(altair.mysql_ha.open_job#module:force)). A node that is worked on is not promoted either.
  - It ends by itself. What has ended stays on record, and the status shows it, until the next change.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  state:
    description: Whether there is a maintenance.
    type: str
    choices: [present, absent]
    default: present
  node:
    description: The node that is worked on. Without it the maintenance is of the whole cluster.
    type: str
  until:
    description:
      - When it ends, as ISO 8601 with an offset from UTC, for example V(2026-11-27T06:00:00+01:00).
      - This or O(duration_minutes) is required when there is to be one.
    type: str
  duration_minutes:
    description: How long from now it lasts, in minutes. Each run begins anew.
    type: float
  reason:
    description: Why, for those who are woken at night. Required when there is to be one.
    type: str
attributes:
  check_mode:
    description: Says what would change.
    support: full
  diff_mode:
    description: Shows all maintenance of the cluster before and after.
    support: full
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
"""

EXAMPLES = r"""
- name: No failover while the rack is rewired
  altair.mysql_ha.maintenance:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    duration_minutes: 45
    reason: rack 7 gets a new switch

- name: That was quick
  altair.mysql_ha.maintenance:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    state: absent
"""

RETURN = r"""
msg:
  description: What holds now, in one sentence.
  returned: always
  type: str
maintenance:
  description: All that is on record of the cluster.
  returned: success
  type: list
  elements: dict
  contains:
    node:
      description: The node, or nothing for the whole cluster.
      type: str
    until:
      description: When it ends, in UTC.
      type: str
    active:
      description: Whether it holds now.
      type: bool
    reason:
      description: Why.
      type: str
    by:
      description: Who announced it.
      type: str
"""

import time
from datetime import datetime

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, Versioned, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import (
    Maintenance,
    MaintenancePlan,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    cluster_path,
    maintenance_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
    operator_name,
    readable_time,
    show_maintenance,
)

ARGUMENT_SPEC = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "node": {"type": "str"},
    "until": {"type": "str"},
    "duration_minutes": {"type": "float"},
    "reason": {"type": "str"},
}


def until_at(until: str | None, duration_minutes: float | None, now_at: float) -> float:
    """Seconds since 1970; InvalidInput says what is wrong with the two options."""
    if (until is None) is (duration_minutes is None):
        raise InvalidInput("say either with 'until' or with 'duration_minutes' how long the maintenance lasts")
    if duration_minutes is not None:
        ends_at = now_at + duration_minutes * 60
    else:
        try:
            moment = datetime.fromisoformat(until or "")
        except ValueError:
            raise InvalidInput(f"until '{until}' is no time such as 2026-11-27T06:00:00+01:00") from None
        if moment.tzinfo is None:
            raise InvalidInput(f"until '{until}' has no offset from UTC; write it with one, such as +01:00 or Z")
        ends_at = moment.timestamp()
    if ends_at <= now_at:
        raise InvalidInput("the maintenance would have ended already; take a later 'until' or a longer duration")
    return ends_at


def wanted_entry(parameters: Parameters, now_at: float) -> Maintenance:
    if not parameters["reason"]:
        raise InvalidInput("say with 'reason' why, for those who are woken at night")
    return Maintenance(
        node=parameters["node"],
        until_at=until_at(parameters["until"], parameters["duration_minutes"], now_at),
        reason=parameters["reason"],
        by=operator_name(),
        begun_at=now_at,
    )


def _same(found: Maintenance | None, wanted: Maintenance, now_at: float) -> bool:
    if found is None or not found.active(now_at):
        return False
    return (found.until_at, found.reason) == (wanted.until_at, wanted.reason)


def changed_plan(plan: MaintenancePlan, parameters: Parameters, now_at: float) -> tuple[MaintenancePlan, str]:
    """The plan as it should be, the very same when nothing has to change, and the sentence."""
    node = parameters["node"]
    if parameters["state"] == "absent":
        what = f"node {node}" if node else "the cluster"
        if plan.of(node) is None:
            return plan, f"no maintenance of {what} is on record"
        return plan.without(node, now_at), f"the maintenance of {what} is over"
    wanted = wanted_entry(parameters, now_at)
    sentence = f"{wanted.what} is in maintenance until {readable_time(wanted.until_at)}: {wanted.reason}"
    if _same(plan.of(node), wanted, now_at):
        return plan, sentence
    return plan.with_entry(wanted, now_at), sentence


def _write(store: Store, cluster: str, found: Versioned[MaintenancePlan] | None, plan: MaintenancePlan) -> None:
    if found is None:
        store.create(maintenance_path(cluster), plan)
    else:
        store.replace(maintenance_path(cluster), plan, found.version)


def run(parameters: Parameters, check: bool) -> Result:
    cluster, now_at, place = parameters["cluster"], time.time(), keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        spec = store.require(cluster_path(cluster), ClusterSpec).value
        if parameters["node"]:
            spec.node(parameters["node"])
        found = store.read(maintenance_path(cluster), MaintenancePlan)
        before = found.value if found else MaintenancePlan()
        after, sentence = changed_plan(before, parameters, now_at)
        if after != before and not check:
            _write(store, cluster, found, after)
    return {
        "changed": after != before,
        "msg": f"{cluster}: {sentence}",
        "maintenance": show_maintenance(after, now_at),
        "diff": {"before": plain(before), "after": plain(after)},
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
