#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fourth step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: choose_candidate
short_description: Pick the replica to promote, and say why not the others
description:
  - Compares what the replicas have executed and picks the allowed one that lacks the least.
  - When another live replica has transactions that the picked one lacks, the picked one follows that replica until it
    has them too.
  - A choice that is on record stays, so that a job that is run again promotes the same node.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Choose the replica to promote
  altair.mysql_ha.choose_candidate:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description: The candidate, and for each excluded replica the reason.
  returned: success
  type: dict
  sample:
    candidate: db2
    excluded: {}
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Choice, Contender
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import PostconditionFailed
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import MYSQL_SPEC, STEP_SPEC, main, step_work
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.candidates import pick
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC}


def _feed(scene: Scene, contenders: dict[str, Contender], choice: Choice) -> str:
    """Let the chosen one follow the most advanced until it has all that one has; returns the donor's name."""
    chosen = scene.spec.node(choice.name or "")
    donor = scene.spec.node(min((n for n in contenders if n in choice.missing), key=lambda name: choice.missing[name]))
    lacking = contenders[donor.name].executed - contenders[chosen.name].executed
    login = scene.neighbours.login
    deadline = time.monotonic() + scene.spec.policy.catch_up_seconds_max
    try:
        with connect(chosen.address, chosen.port, login) as server:
            channel = server.state().channels[0].name
            server.follow(channel, donor.address, donor.port)
            while not server.wait_applied(str(lacking), login.read_timeout / 2):
                if time.monotonic() > deadline:
                    raise PostconditionFailed(
                        f"{chosen.name} could not take {len(lacking)} transactions from {donor.name} in time"
                    )
            server.stop_receivers()
    except MysqlError as error:
        raise PostconditionFailed(f"{chosen.name} could not catch up from {donor.name}: {error}") from None
    return donor.name


def act(scene: Scene) -> Outcome:
    if scene.job.candidate is not None:
        kept = scene.evidence_of("choose_candidate")
        return Outcome(changed=False, sentence=f"{scene.job.candidate} was chosen already", evidence=kept)
    recorded = scene.evidence_of("catch_up").get("drained")
    drained = recorded if isinstance(recorded, list) else []
    if scene.check and recorded is None:  # catch_up has only been rehearsed, too; it would have drained them
        drained = list(scene.spec.names)
    choice, contenders = pick(scene.spec, scene.job.old_primary, scene.neighbours.login, drained)
    fed_by = None
    if choice.missing.get(choice.name or "") and not scene.check:
        fed_by = _feed(scene, contenders, choice)
    return Outcome(
        changed=True,
        sentence=choice.because,
        evidence={"candidate": choice.name, "excluded": choice.excluded, "fed_by": fed_by},
        candidate=choice.name,
    )


run = step_work("choose_candidate", act)

if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
