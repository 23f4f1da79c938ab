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
  - One signed dynamic update (RFC 2136, TSIG) that is carried out only if the record still holds what was read, which
    must be addresses of the cluster's nodes.
  - A server that does not answer, or fails, is tried again until O(settle_seconds) are over. Where the update was sent
    and its answer lost, the record is looked at again.
  - Waits until every authoritative server of the cluster answers with the new address and no other, then proves it by
    connecting to that address and comparing C(server_uuid).
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  settle_seconds:
    description:
      - How long the first server may take to accept the update and the others to follow it.
      - Then the step fails, with the trouble on record, and the job is not done; the new primary stays.
    type: float
    default: 30.0
  provider:
    description:
      - Who changes the record. V(dynamic_update) does it with a signed update.
      - V(external) changes nothing and needs no key; tasks before this one have done it with whatever the provider
        offers. The servers are waited for, and the proof is made, all the same. In check mode it asks no server, and
        the evidence tells what has to be changed.
    type: str
    choices: [dynamic_update, external]
    default: dynamic_update
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

- name: Wait for, and prove, what tasks of your own have changed
  altair.mysql_ha.switch_dns:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
    provider: external
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description:
    - The name, its address before and after, for how long the earlier one may be kept, and the servers that hold the
      new one. C(trouble) is what earlier attempts failed by.
    - In check mode with O(provider=external), C(name), C(zone), C(old_address), C(new_address) and C(ttl_seconds).
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import (
    Answer,
    TsigKey,
    read_key_file,
    record_type,
    replace_address,
    resolve,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.dns_switch import (
    Held,
    Turn,
    may_pass,
    pauses,
    rule_for,
    written,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    Conflict,
    InvalidInput,
    PostconditionFailed,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    DNS_SPEC,
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import current_job, read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

EXTERNAL = "external"
ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    **DNS_SPEC,
    "settle_seconds": {"type": "float", "default": 30.0},
    "provider": {"type": "str", "choices": ["dynamic_update", EXTERNAL], "default": "dynamic_update"},
}

ANSWER_SECONDS = 2.0
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Attempts:
    """``before``: what the name held when it was first seen. ``trouble``: of the last attempt that failed."""

    before: list[Answer] = field(default_factory=list)
    trouble: str = ""


def _new(scene: Scene) -> str:
    return written(scene.candidate.address)


def _ask(scene: Scene, server: str) -> Answer:
    dns = scene.spec.dns
    return resolve(server, dns.port, dns.name, record_type(_new(scene)), ANSWER_SECONDS)


def _key(scene: Scene) -> TsigKey:
    if not scene.neighbours.tsig_key_file:
        raise InvalidInput("switch_dns needs tsig_key_file to sign its update; or set provider=external")
    return read_key_file(scene.neighbours.tsig_key_file)


def _attempt(scene: Scene, key: TsigKey, attempts: Attempts) -> None:
    """One look at the first server and, where it is needed, one compare-and-set."""
    dns, new = scene.spec.dns, _new(scene)
    held = _ask(scene, dns.servers[0])
    attempts.before = attempts.before or [held]
    nodes = tuple(written(node.address) for node in scene.spec.nodes)
    rule = rule_for(Held(addresses=held.addresses, old=written(scene.old_primary.address), new=new, nodes=nodes))
    if rule.turn is Turn.CONFLICT:
        raise Conflict(
            f"{dns.name} on {held.server} holds {', '.join(held.addresses)}, and {rule.because};"
            " find out who changed it, then run this step again"
        )
    if rule.turn is Turn.NOTHING or scene.check:
        return
    if rule.turn is Turn.UPDATE_IF_OURS:  # asked after the look: what a later job has changed since, the update finds
        current_job(read_record(scene.store, scene.spec.cluster), scene.job.epoch)
    try:
        replace_address(
            dns.servers[0],
            dns.port,
            zone=dns.zone,
            name=dns.name,
            old=held.addresses,
            new=new,
            ttl_seconds=dns.ttl_seconds,
            key=key,
            seconds=ANSWER_SECONDS,
        )
    except Conflict:
        # Not by a stranger, if it is what an earlier attempt, whose answer was lost, has just brought about.
        if _ask(scene, dns.servers[0]).addresses != (new,):
            raise


def _update(scene: Scene, deadline: float) -> Attempts:
    """Attempt until one succeeds; what does not pass by itself, or does not in time, is raised."""
    key, attempts = _key(scene), Attempts()
    for pause_seconds in pauses():
        try:
            _attempt(scene, key, attempts)
            break
        except AltairError as error:
            if scene.check or not may_pass(error) or time.monotonic() + pause_seconds > deadline:
                raise
            attempts.trouble = str(error)
        time.sleep(pause_seconds)
    return attempts


def _misses(scene: Scene, server: str) -> str:
    """Empty when the server holds the new address and no other; else what it says."""
    try:
        addresses = _ask(scene, server).addresses
    except Unavailable as error:
        return str(error)
    return "" if addresses == (_new(scene),) else f"{server} holds {', '.join(addresses) or 'nothing'}"


def _wait_for_all(scene: Scene, deadline: float, settle_seconds: float) -> None:
    """Until all servers hold the new address in one and the same look."""
    servers = scene.spec.dns.servers
    with ThreadPoolExecutor(len(servers)) as pool:
        while True:
            missing = list(filter(None, pool.map(lambda server: _misses(scene, server), servers)))
            if not missing:
                return
            if time.monotonic() > deadline:
                raise PostconditionFailed(
                    f"{scene.spec.dns.name} does not lead to {_new(scene)} on every authoritative server after"
                    f" {settle_seconds:g} s: {'; '.join(missing)}"
                )
            time.sleep(LOOK_SECONDS)


def _prove(scene: Scene) -> str:
    """Connect where the name leads by every server's word; returns the server_uuid found there."""
    address = _new(scene)
    with connect(address, scene.candidate.port, scene.neighbours.login, anew=True) as server:
        found = server.state().server_uuid
    wanted = scene.evidence_of("promote").get("server_uuid")
    if found != wanted:
        name = scene.spec.dns.name
        raise PostconditionFailed(f"{name} leads to the server {found} at {address}, the new primary is {wanted}")
    return found


def _settled(scene: Scene, deadline: float, settle_seconds: float, changed: bool, evidence: Evidence) -> Outcome:
    """Wait for all servers, prove it, and say so."""
    dns, new = scene.spec.dns, _new(scene)
    _wait_for_all(scene, deadline, settle_seconds)
    proof: Evidence = {"name": dns.name, "after": new, "servers": list(dns.servers), "server_uuid": _prove(scene)}
    return Outcome(
        changed=changed,
        sentence=f"{dns.name} leads to {scene.candidate.name} ({new}) on every authoritative server",
        evidence={**proof, **evidence},
    )


def act_with(scene: Scene, settle_seconds: float) -> Outcome:
    dns, new, deadline = scene.spec.dns, _new(scene), time.monotonic() + settle_seconds
    attempts = _update(scene, deadline)
    (before,) = attempts.before
    changed = before.addresses != (new,)
    old = ", ".join(before.addresses) or "nothing"
    if scene.check:
        return Outcome(changed=changed, sentence=f"{dns.name} would go from {old} to {new}")
    trouble: Evidence = {"trouble": attempts.trouble} if attempts.trouble else {}
    earlier: Evidence = {} if changed else scene.evidence_of("switch_dns")  # of a run before this one
    evidence: Evidence = {
        "before": earlier.get("before", old),
        "ttl_seconds_before": earlier.get("ttl_seconds_before", before.ttl_seconds),
        **trouble,
    }
    return _settled(scene, deadline, settle_seconds, changed, evidence)


def act_after_others(scene: Scene, settle_seconds: float) -> Outcome:
    """The record was changed by somebody else's tasks; check mode tells what those have to do."""
    dns, old, new = scene.spec.dns, written(scene.old_primary.address), _new(scene)
    if not scene.check:
        deadline = time.monotonic() + settle_seconds
        return _settled(scene, deadline, settle_seconds, False, {"provider": EXTERNAL, "before": old})
    return Outcome(
        changed=True,
        sentence=f"{dns.name} has to go from {old} to {new}, by tasks outside this collection",
        evidence={
            "name": dns.name,
            "zone": dns.zone,
            "old_address": old,
            "new_address": new,
            "ttl_seconds": dns.ttl_seconds,
        },
    )


def run(parameters: Parameters, check: bool) -> Result:
    act = act_after_others if parameters["provider"] == EXTERNAL else act_with
    return step_work("switch_dns", lambda scene: act(scene, parameters["settle_seconds"]))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
