#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""After the last step of a job."""

from __future__ import annotations

DOCUMENTATION = r"""
module: close_job
short_description: Check that every step of the job is on record, and end it
description:
  - Refuses while a step of the plan is missing. Then ends the job, moves it to the cluster's history and ends its
    monitoring pause.
  - The old primary stays fenced and out of DNS.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: End the job
  altair.mysql_ha.close_job:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
"""

RETURN = r"""
msg:
  description: How the job ended, in one sentence.
  returned: always
  type: str
job:
  description: The whole record of the job.
  returned: success
  type: dict
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    STEP_SPEC,
    Parameters,
    Result,
    keeper,
    main,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    current_job,
    end_job,
    read_record,
    rehearsed_job,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import REHEARSAL

ARGUMENT_SPEC = STEP_SPEC


def run(parameters: Parameters, check: bool) -> Result:
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        record = read_record(store, parameters["cluster"])
        if check and parameters["epoch"] == REHEARSAL:
            job = rehearsed_job(record)
            return {"changed": True, "msg": f"job {job.id} would end here", "job": plain(job)}
        job = current_job(record, parameters["epoch"])
        missing = [step for step in job.plan if step not in job.steps_done]
        if missing:
            raise Refused(f"job {job.id} cannot end: {', '.join(missing)} not done; run the playbook again")
        because = f"{job.candidate} is primary in place of {job.old_primary}"
        if not check:
            job = end_job(store, record, JobState.DONE, because, time.time())
        return {"changed": True, "msg": f"job {job.id} is done: {because}", "job": plain(job)}


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
