#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Seventh step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: switch_dns
short_description: Point the cluster's name at the new primary
description:
  - One signed dynamic update (RFC 2136, TSIG) that is carried out only if the record still holds the old primary's
    address.
  - Waits until every authoritative server of the cluster answers with the new address, then proves it by connecting
    to the address that the name has and comparing C(server_uuid).
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  settle_seconds:
    description: How long the other authoritative servers may take to follow the first.
    type: float
    default: 30.0
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.dns
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Point the cluster's name at the new primary
  altair.mysql_ha.switch_dns:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
    tsig_key_file: /etc/altair/tsig.key
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description: The name, its address before and after, and what each authoritative server answered.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import (
    Answer,
    read_key_file,
    record_type,
    replace_address,
    resolve,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    Conflict,
    PostconditionFailed,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    DNS_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC, **DNS_SPEC, "settle_seconds": {"type": "float", "default": 30.0}}

ANSWER_SECONDS = 2.0
LOOK_SECONDS = 0.1


def _ask(scene: Scene, server: str) -> Answer:
    dns = scene.spec.dns
    return resolve(server, dns.port, dns.name, record_type(scene.candidate.address), ANSWER_SECONDS)


def _update(scene: Scene) -> Answer:
    """Compare-and-set on the first server; returns what it held before."""
    dns, new = scene.spec.dns, scene.candidate.address
    key = read_key_file(scene.neighbours.tsig_key_file or "")
    before = _ask(scene, dns.servers[0])
    if before.addresses == (new,):
        return before
    expected = (scene.old_primary.address,)
    if before.addresses not in ((), expected):
        raise Conflict(
            f"{dns.name} on {before.server} holds {', '.join(before.addresses)}, neither the old primary's address"
            " nor the new one's; find out who changed it, then run this step again"
        )
    if not scene.check:
        replace_address(
            dns.servers[0],
            dns.port,
            zone=dns.zone,
            name=dns.name,
            old=before.addresses,
            new=new,
            ttl_seconds=dns.ttl_seconds,
            key=key,
            seconds=ANSWER_SECONDS,
        )
    return before


def _wait_for_all(scene: Scene, settle_seconds: float) -> None:
    waiting = list(scene.spec.dns.servers)
    deadline = time.monotonic() + settle_seconds
    while True:
        waiting = [server for server in waiting if _ask(scene, server).addresses != (scene.candidate.address,)]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise PostconditionFailed(
                f"{scene.spec.dns.name} still has its old address on {', '.join(waiting)} after {settle_seconds:g} s"
            )
        time.sleep(LOOK_SECONDS)


def _prove(scene: Scene) -> str:
    """Connect where the name leads; returns the server_uuid found there."""
    dns = scene.spec.dns
    (address,) = _ask(scene, dns.servers[-1]).addresses
    with connect(address, scene.candidate.port, scene.neighbours.login) as server:
        found = server.state().server_uuid
    wanted = scene.evidence_of("promote").get("server_uuid")
    if found != wanted:
        raise PostconditionFailed(f"{dns.name} leads to the server {found} at {address}, the new primary is {wanted}")
    return found


def act_with(scene: Scene, settle_seconds: float) -> Outcome:
    dns, new = scene.spec.dns, scene.candidate.address
    before = _update(scene)
    changed = before.addresses != (new,)
    old = ", ".join(before.addresses) or "nothing"
    if scene.check:
        return Outcome(changed=changed, sentence=f"{dns.name} would go from {old} to {new}")
    _wait_for_all(scene, settle_seconds)
    return Outcome(
        changed=changed,
        sentence=f"{dns.name} leads to {scene.candidate.name} ({new}) on every authoritative server",
        evidence={
            "name": dns.name,
            "before": old,
            "after": new,
            "servers": list(dns.servers),
            "server_uuid": _prove(scene),
        },
    )


def run(parameters: Parameters, check: bool) -> Result:
    return step_work("switch_dns", lambda scene: act_with(scene, parameters["settle_seconds"]))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
