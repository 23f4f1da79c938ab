#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads what is on record of all clusters."""

from __future__ import annotations

DOCUMENTATION = r"""
module: clusters_info
short_description: All registered clusters at a glance
description:
  - Reads of every registered cluster who is primary and since which epoch, how many of its nodes are healthy, whether
    its primary's lease is guarded, an open job, announced maintenance, and what is wrong. Changes nothing, and asks
    nobody but ZooKeeper.
  - A cluster that cannot be read is named in RV(set_aside), and all others are told.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  report:
    description: Whether to write a report for people, which is shown at once where the module runs on the controller.
    type: bool
    default: true
  zookeeper_hosts:
    description: ZooKeeper servers as C(host:port), separated by commas.
    type: str
    required: true
  zookeeper_root:
    description: Path below which everything of this system is kept.
    type: str
    default: /altair
  zookeeper_timeout:
    description: How long to wait for ZooKeeper, in seconds.
    type: float
    default: 5.0
attributes:
  check_mode:
    description: Nothing is changed anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
requirements:
  - kazoo
  - pydantic >= 2
"""

EXAMPLES = r"""
- name: Look at all clusters
  altair.mysql_ha.clusters_info:
    zookeeper_hosts: zk1.example.com:2181
  register: fleet

- name: Name those where something is wrong
  ansible.builtin.debug:
    msg: "{{ fleet.clusters | selectattr('wrong') | map(attribute='cluster') }}"
"""

RETURN = r"""
msg:
  description: How many clusters there are, in one sentence.
  returned: always
  type: str
clusters:
  description: A row for each cluster, in the order of their names.
  returned: success
  type: list
  elements: dict
  contains:
    cluster:
      description: Its name.
      type: str
    primary:
      description: Its primary by the record.
      type: str
    epoch:
      description: The epoch under which that is so.
      type: int
    nodes:
      description: How many nodes it has.
      type: int
    healthy:
      description: How many of them are healthy.
      type: int
    lease:
      description: Whether the lease of the primary is guarded (V(held)).
      type: str
    job:
      description: The open job and its state, or nothing.
      type: str
    maintenance_until_at:
      description: When the maintenance of it, or of one of its nodes, ends, in seconds since 1970. Null without any.
      type: float
    wrong:
      description: What is wrong with it, each in a sentence.
      type: list
      elements: str
set_aside:
  description: Of each cluster that cannot be read the reason.
  returned: success
  type: dict
report:
  description: All of it for people, line by line.
  returned: when O(report=true)
  type: list
  elements: str
"""

import time
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.overview import Overview
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.status_text import cluster_row, fleet_lines
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
    readable_time,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.overview import read_fleet

ARGUMENT_SPEC: dict[str, Any] = {**ZOOKEEPER_SPEC, "report": {"type": "bool", "default": True}}


def run(parameters: Parameters, _check: bool) -> Result:
    place, now_at = keeper(parameters), time.time()
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        found = read_fleet(store)
    rows = [cluster_row(each, now_at) for each in found.values() if isinstance(each, Overview)]
    set_aside = {name: str(each) for name, each in found.items() if isinstance(each, AltairError)}
    report = {"report": fleet_lines(rows, set_aside, readable_time)} if parameters["report"] else {}
    return {
        **report,
        "changed": False,
        "msg": f"{len(found)} clusters are registered, {len(set_aside)} of them cannot be read",
        "clusters": [plain(each) for each in rows],
        "set_aside": set_aside,
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
