#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets the limits of the fleet breaker."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_breaker
short_description: How many primaries may be in trouble at once before nobody is promoted any more
description:
  - When a switch or a whole site fails, many primaries look dead at once. Then the fault is likely not theirs, and
    orchestrators promote nobody until a person has looked.
  - The breaker holds while the primaries that were suspected and not refuted, or were replaced, within
    O(window_seconds) are more than O(primaries_max) and more than the share O(share_max) of all registered clusters.
  - The settings are one for the whole fleet. Without them the defaults hold.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  primaries_max:
    description: So many primaries may always be in trouble at once, however small the fleet.
    type: int
    default: 3
  share_max:
    description: And this share of all clusters, from 0 to 1.
    type: float
    default: 0.2
  window_seconds:
    description: How long a primary counts after it was last suspected or replaced, from 10 to 86400.
    type: float
    default: 120.0
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
    description: Says whether anything would change.
    support: full
  diff_mode:
    description: Shows the settings before and after.
    support: full
requirements:
  - kazoo
  - pydantic >= 2
"""

EXAMPLES = r"""
- name: A fleet of thousands, in small racks
  altair.mysql_ha.fleet_breaker:
    zookeeper_hosts: zk1.example.com:2181
    primaries_max: 10
    share_max: 0.01
"""

RETURN = r"""
msg:
  description: The limits that hold, in one sentence.
  returned: always
  type: str
troubled:
  description: The clusters whose primaries count now.
  returned: success
  type: list
  elements: str
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode_plain, plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.fleet_breaker import FleetBreaker
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import CLUSTERS, fleet_breaker_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import breaker, troubled

ARGUMENT_SPEC = {
    **ZOOKEEPER_SPEC,
    "primaries_max": {"type": "int", "default": 3},
    "share_max": {"type": "float", "default": 0.2},
    "window_seconds": {"type": "float", "default": 120.0},
}
SETTINGS = ("primaries_max", "share_max", "window_seconds")


def run(parameters: Parameters, check: bool) -> Result:
    wanted = decode_plain(FleetBreaker, {name: parameters[name] for name in SETTINGS}, "fleet_breaker")
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        before = breaker(store)
        if wanted != before and not check:
            store.put(fleet_breaker_path(), wanted)
        clusters = len(store.children(CLUSTERS))
        names = troubled(store, wanted, time.time())
    return {
        "changed": wanted != before,
        "msg": (
            f"nobody is promoted while more than {wanted.allowed(clusters)} of {clusters} primaries"
            f" are in trouble within {wanted.window_seconds:g} s; now it is {len(names)}"
        ),
        "troubled": names,
        "diff": {"before": plain(before), "after": plain(wanted)},
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
