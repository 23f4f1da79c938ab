#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person's word on a job."""

from __future__ import annotations

DOCUMENTATION = r"""
module: job
short_description: Resume, force or give up a job, or answer it for a team
description:
  - A job pauses when nothing proves that the old primary can take no write. Then it waits for a person.
  - The first word counts. The same wish again changes nothing and says so; one that cannot be granted is refused in one
    sentence, and nothing is changed.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  state:
    description:
      - With V(resumed) an orchestrator goes on with the paused job. It tries to fence the old primary again and pauses
        again if nothing proves it.
      - With V(forced) it goes on all the same, because you vouch that the old primary can take no write, for example
        after its host was switched off. If you are wrong, there are two primaries. Your name and O(reason) are the
        evidence.
      - With V(aborted) the job ends, paused or running, and the old primary stays as it is. It is refused once the
        promotion has begun. For O(hold_minutes) nobody is promoted without a person's word.
      - A job that has paused because the one that it promoted is dead can be V(aborted), too. That one stays the
        primary by the record, to be replaced by a failover of its own; O(hold_minutes) means nothing then.
      - With V(acknowledged) it is put on record that O(team) has stopped its writes. It resumes nothing.
    type: str
    choices: [resumed, forced, aborted, acknowledged]
    required: true
  job:
    description: The job that is meant. When the cluster's is another by now, nothing is changed.
    type: str
  team:
    description: The team that has stopped its writes, by the name in the cluster's description.
    type: str
  reason:
    description: Why, for the record. Required to force a job, where it is how you know, and to give one up.
    type: str
  by:
    description:
      - Who asks, for the record. Without it the user that runs the module.
    type: str
  hold_minutes:
    description:
      - For how long the cluster is in maintenance after O(state=aborted), so that the next suspicion of the same
        primary opens no other job. A maintenance that is announced already is not shortened. With V(0) there is none.
    type: float
    default: 30.0
attributes:
  check_mode:
    description: Says what would be done, or why it would be refused.
    support: full
  diff_mode:
    description: Shows the job's record before and after.
    support: full
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
"""

EXAMPLES = r"""
- name: The team has stopped its application
  altair.mysql_ha.job:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    state: acknowledged
    team: web

- name: The host is off, go on
  altair.mysql_ha.job:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    state: forced
    job: orders-3
    reason: switched db1 off at its management board

- name: The old primary is back, leave it
  altair.mysql_ha.job:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    state: aborted
    reason: the switch works again
"""

RETURN = r"""
msg:
  description: What came of it, in one sentence.
  returned: always
  type: str
job:
  description: The whole record of the job as it is now.
  returned: success
  type: dict
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.intervention import Wish
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
    operator_name,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.interventions import Request, intervene
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import OPERATOR

ARGUMENT_SPEC = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    "state": {"type": "str", "choices": ["resumed", "forced", "aborted", "acknowledged"], "required": True},
    "job": {"type": "str"},
    "team": {"type": "str"},
    "reason": {"type": "str"},
    "by": {"type": "str"},
    "hold_minutes": {"type": "float", "default": 30.0},
}


def request_of(parameters: Parameters) -> Request:
    """What a template of AWX leaves empty counts as not given."""
    return Request(
        cluster=parameters["cluster"],
        wish=Wish(parameters["state"]),
        by=f"{OPERATOR}:{parameters['by']}" if parameters["by"] else operator_name(),
        job=parameters["job"] or "",
        team=parameters["team"] or "",
        reason=parameters["reason"] or "",
        hold_minutes=parameters["hold_minutes"],
    )


def run(parameters: Parameters, check: bool) -> Result:
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        done = intervene(store, request_of(parameters), now_at=time.time(), check=check)
    return {
        "changed": done.changed,
        "msg": f"{parameters['cluster']}: {done.sentence}",
        "job": plain(done.after),
        "diff": {"before": plain(done.before), "after": plain(done.after)},
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
