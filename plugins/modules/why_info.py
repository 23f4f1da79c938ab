#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers "why was it, or was it not, failed over?"."""

from __future__ import annotations

DOCUMENTATION = r"""
module: why_info
short_description: Why a cluster was failed over, or why not
description:
  - Tells of the last screenings what was seen, answer by answer, what was concluded from it, what forbade a failover if
    anything did, when, and by whom. Changes nothing.
  - Each record is judged anew by the rules of this version, and it is said whether they conclude the same. A record
    that was changed by hand after it was written is named as such.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  limit:
    description: How many screenings to tell of, the newest first. Not more than 20 that differ are kept.
    type: int
    default: 20
attributes:
  check_mode:
    description: Nothing is changed anyway.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
"""

EXAMPLES = r"""
- name: Ask why
  altair.mysql_ha.why_info:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
  register: why

- name: Say it
  ansible.builtin.debug:
    var: why.screenings[0]
"""

RETURN = r"""
msg:
  description: The answer, in one sentence.
  returned: always
  type: str
screenings:
  description: The last screenings that differ, the newest first.
  returned: success
  type: list
  elements: dict
  contains:
    at:
      description: When it was made, in UTC.
      type: str
    until:
      description: When the same was last found, in UTC.
      type: str
    by:
      description: The orchestrator or the operator that made it.
      type: str
    primary:
      description: The primary that was screened.
      type: str
    epoch:
      description: The cluster's epoch then.
      type: int
    seen:
      description: Every answer, a sentence each.
      type: list
      elements: str
    concluded:
      description: The verdict and its sentence.
      type: str
    outcome:
      description: What forbade a failover, or that nothing did.
      type: str
    replay:
      description: What the rules of this version conclude from the same answers.
      type: str
    trustworthy:
      description: Whether the record is as it was written and the replay gives the same.
      type: bool
    record:
      description: All of it as it is kept.
      type: dict
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.explain import answers, conclusion, outcome
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.replay import replay
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Screening
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
    readable_time,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import Record, read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import maintenance_plan
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screenings import history

ARGUMENT_SPEC = {**CLUSTER_SPEC, **ZOOKEEPER_SPEC, "limit": {"type": "int", "default": 20}}


def present(screening: Screening) -> Result:
    again = replay(screening)
    return {
        "at": readable_time(screening.screened_at),
        "until": readable_time(screening.last_at),
        "by": screening.screened_by,
        "primary": screening.primary,
        "epoch": screening.epoch,
        "seen": list(answers(screening)),
        "concluded": conclusion(screening),
        "outcome": outcome(screening),
        "replay": again.sentence,
        "trustworthy": again.holds,
        "record": plain(screening),
    }


def answer(record: Record, last: Screening | None) -> str:
    """One sentence about now: the job under way, what forbids one, or that there is no reason for any."""
    cluster, state = record.spec.cluster, record.state.value
    job = record.job.value if record.job else None
    if job is not None and not job.state.ended:
        trouble = f"; {job.trouble}" if job.trouble else ""
        return f"{cluster}: job {job.id} is {job.state.value}: {job.because}{trouble}"
    if last is None or last.epoch != state.epoch:
        return f"{cluster}: {state.primary} has not been screened since it became primary under epoch {state.epoch}"
    return f"{cluster}: {conclusion(last)}; {outcome(last)}"


def _screenings(store: Store, cluster: str) -> tuple[tuple[Screening, ...], str]:
    try:
        return history(store, cluster).screenings, ""
    except InvalidInput as error:
        return (), f"; the record of screenings cannot be read, somebody changed it: {error}"


def run(parameters: Parameters, _check: bool) -> Result:
    place, cluster = keeper(parameters), parameters["cluster"]
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        record = read_record(store, cluster)
        found, fault = _screenings(store, cluster)
        holding = maintenance_plan(store, cluster).covering(record.state.value.primary, time.time())
    newest_first = found[::-1]
    shown = [present(each) for each in newest_first[: max(parameters["limit"], 0)]]
    doubted = "" if all(each["trustworthy"] for each in shown) else "; see 'replay' of what is not trustworthy"
    planned = f"; {holding.what} is in maintenance until {readable_time(holding.until_at)}" if holding else ""
    sentence = answer(record, newest_first[0] if newest_first else None)
    return {"changed": False, "msg": f"{sentence}{planned}{fault}{doubted}", "screenings": shown}


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
