#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers "what would happen if the primary died at this moment?"."""

from __future__ import annotations

DOCUMENTATION = r"""
module: failover_plan_info
short_description: What a failover of a cluster would come to right now
description:
  - Tells of a primary that lives what would come of it if it died at this moment, once for mysqld alone and once for
    all of its host. Who would be promoted and why none of the others, what would forbid a failover or hold it up, for
    how long nobody could write, and what could be lost.
  - Asks the primary first what it has executed, and then the replicas what they have received and applied, and all
    agents whether they answer. No replica is stopped or waited for. Nothing is changed, locked or put on record.
  - It is a look at one moment. The rules are those of the failover itself.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  report:
    description: Whether to write a report for people, which is shown at once where the module runs on the controller.
    type: bool
    default: true
attributes:
  check_mode:
    description: Nothing is changed anyway.
    support: full
  diff_mode:
    description:
      - RV(diff) has the primary, where the name leads and who follows whom, before and after the failover. Since
        nothing is changed, Ansible does not show it by itself.
    support: partial
    details: The playbook C(altair.mysql_ha.plan) shows it with C(--diff).
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.agents
seealso:
  - module: altair.mysql_ha.open_switchover
    description: Says the same of a planned change of the primary, in check mode.
  - module: altair.mysql_ha.why_info
    description: Why a cluster was failed over, or why not.
"""

EXAMPLES = r"""
- name: Ask what would happen
  altair.mysql_ha.failover_plan_info:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    config_file: /etc/altair/mysql.cnf
    agent_ca: /etc/altair/tls/ca.pem
    agent_cert: /etc/altair/tls/host.pem
    agent_key: /etc/altair/tls/host.key
  register: plan

- name: Fail where a dead host would wait for a person
  ansible.builtin.assert:
    that: not plan.host_dies.forbidden and not plan.host_dies.held_up
    fail_msg: "{{ plan.host_dies.sentence }}"
"""

RETURN = r"""
msg:
  description: What would come of both deaths, in one sentence.
  returned: always
  type: str
primary:
  description: The primary by the record.
  returned: success
  type: str
answers:
  description: Whether it answers now.
  returned: success
  type: bool
semi_synchronous:
  description: Whether its commits wait for a replica's word right now. Null where it could not be asked.
  returned: success
  type: bool
candidate:
  description: The replica that would be promoted; empty where none could be.
  returned: success
  type: str
because:
  description: Why that one.
  returned: success
  type: str
passed_over:
  description: For each of the other replicas, why not.
  returned: success
  type: dict
steps:
  description: Each step of the failover and what it does.
  returned: success
  type: list
  elements: str
mysqld_dies:
  description: What would come of it if mysqld died and its host lived.
  returned: success
  type: dict
  contains:
    sentence:
      description: All of it in one sentence.
      type: str
    verdict:
      description: What a screening would conclude.
      type: str
    because:
      description: The verdict's sentence.
      type: str
    forbidden:
      description: Why nobody would be promoted without a person, each in a sentence. Empty where nothing forbids it.
      type: list
      elements: str
    yields:
      description: Whether O(altair.mysql_ha.open_job#module:force) would overrule what forbids it.
      type: bool
    held_up:
      description: What would pause the job or end it on its way, each in a sentence.
      type: list
      elements: str
    risks:
      description: What the cluster's policy accepts, each in a sentence.
      type: list
      elements: str
    gap_seconds:
      description: For how long nobody could write, as far as that can be told in seconds.
      type: float
    gap_besides:
      description: What comes on top and cannot be told in seconds.
      type: list
      elements: str
    gap:
      description: The parts of it, each with C(part), C(seconds) (null where nobody can tell) and C(because).
      type: list
      elements: dict
    lost:
      description: What could be lost, in one sentence.
      type: str
    transactions:
      description: How many transactions that is. Null where nobody can tell.
      type: int
    gtids:
      description: Which ones, as a GTID set.
      type: str
host_dies:
  description: What would come of it if all of its host died; as RV(mysqld_dies).
  returned: success
  type: dict
measured:
  description: What was looked at, and when, in one sentence.
  returned: success
  type: str
diff:
  description: The primary, where the name leads and who follows whom, C(before) and C(after).
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
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.failover_plan import (
    MEASURED,
    FailoverPlan,
    Foretold,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.failover_plan_text import headline, plan_lines
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import FAILOVER
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    AGENT_SPEC,
    CLUSTER_SPEC,
    MYSQL_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    agent_files,
    keeper,
    login,
    main,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.foresight import Asking, failover_plan
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record

ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    **MYSQL_SPEC,
    **AGENT_SPEC,
    "report": {"type": "bool", "default": True},
}


def _case(case: Foretold) -> Result:
    return {
        "sentence": case.sentence,
        "verdict": case.verdict.value,
        "because": case.because,
        "forbidden": list(case.forbidden),
        "yields": case.yields,
        "held_up": list(case.held_up),
        "risks": list(case.risks),
        "gap_seconds": round(case.gap.seconds, 1),
        "gap_besides": list(case.gap.besides),
        "gap": [plain(span) for span in case.gap.spans],
        "lost": case.loss.sentence,
        "transactions": case.loss.transactions,
        "gtids": case.loss.gtids,
    }


def _diff(plan: FailoverPlan) -> Result:
    sight = plan.sight

    def shown(primary: str, sources: dict[str, str]) -> Result:
        return {
            "primary": primary,
            "dns": {sight.spec.dns.name: sight.spec.node(primary).address},
            "sources": sources,
        }

    before = shown(sight.primary, sight.sources)
    candidate = plan.choice.name
    return {"before": before, "after": shown(candidate, sight.sources_after(candidate)) if candidate else before}


def told(plan: FailoverPlan) -> Result:
    return {
        "changed": False,
        "msg": headline(plan),
        "primary": plan.sight.primary,
        "answers": not plan.sight.fault,
        "semi_synchronous": plan.sight.semi_synchronous,
        "candidate": plan.choice.name or "",
        "because": plan.choice.because,
        "passed_over": plan.passed_over,
        "steps": [f"{step.name}: {step.does}" for step in FAILOVER],
        **{case.death.value: _case(case) for case in plan.cases},
        "measured": MEASURED.format(primary=plan.sight.primary),
        "diff": _diff(plan),
    }


def run(parameters: Parameters, _check: bool) -> Result:
    place = keeper(parameters)
    asking = Asking(login=login(parameters), agents=agent_files(parameters), seconds=parameters["agent_timeout"])
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        plan = failover_plan(store, read_record(store, parameters["cluster"]), asking, time.time())
    return {**told(plan), **({"report": plan_lines(plan)} if parameters["report"] else {})}


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
