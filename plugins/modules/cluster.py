#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Registers clusters."""

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster
short_description: Register a cluster, or change its description
description:
  - Puts a cluster's nodes, its DNS name and its policies on record, where monitors and orchestrators find them at once.
  - O(primary) is taken at the first registration only. Later it is the jobs that say who is primary.
  - What is registered already is changed while all goes on. Refused is to leave out the primary, and while a job is
    open to leave out, or to move to another address or port, the node that it replaces or has chosen.
  - Asks the authoritative name servers what they hold, and warns of what would hinder a failover. Nothing depends on
    their answers.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  state:
    description:
      - Whether the cluster is registered. V(absent) takes all that is on record of it away, its history and its
        accounts of losses included, and leaves the databases and the DNS name alone.
      - V(absent) is refused while a job of it has not ended.
    type: str
    choices: [present, absent]
    default: present
  confirm:
    description: The cluster's name once more. Required with O(state=absent).
    type: str
  primary:
    description: The node that is primary when the cluster is registered.
    type: str
  nodes:
    description: The servers of the cluster.
    type: list
    elements: dict
    suboptions:
      name:
        description: Short name, also the common name of its agent's certificate.
        type: str
        required: true
      address:
        description: IP address of the server. A host name is refused, because looking it up may hang.
        type: str
        required: true
      port:
        description: Port of mysqld.
        type: int
        default: 3306
      agent_port:
        description: Port of the agent.
        type: int
        default: 8430
      candidate:
        description: Whether the node may ever be promoted.
        type: bool
        default: true
      zone:
        description:
          - The place where the node stands, in words of your own, for example a data centre.
          - Of replicas that lack equally few transactions one in the old primary's zone is promoted.
        type: str
  dns:
    description: The name that leads applications to the primary.
    type: dict
    suboptions:
      name:
        description: Fully qualified, without a final dot.
        type: str
        required: true
      zone:
        description: The zone that holds it.
        type: str
        required: true
      servers:
        description: IP addresses of the zone's authoritative servers; the first takes the updates.
        type: list
        elements: str
        required: true
      port:
        description: Their port.
        type: int
        default: 53
      ttl_seconds:
        description: Time to live of the record.
        type: int
        default: 5
  policy:
    description: What the cluster's owners decided beforehand.
    type: dict
    default: {}
    suboptions:
      unproven_fence:
        description: What to do when nothing proves that the old primary can take no write.
        type: str
        choices: [pause, promote]
        default: pause
      catch_up_seconds_max:
        description: How long a replica may take to apply what it has received before it is no candidate.
        type: float
        default: 600.0
      cool_down_seconds:
        description: How long after a job ended no other is started without a person's word.
        type: float
        default: 600.0
      quorum_min:
        description: How many replicas must live for one of them to be promoted without a person's word.
        type: int
        default: 1
      lag_seconds_max:
        description:
          - When no replica is known to be behind the primary's last word by no more than this, nobody is promoted
            without a person's word.
          - No limit unless it is given.
        type: float
      transactions_missing_max:
        description:
          - When no replica is known to lack no more than so many of the transactions that the primary was last known to
            have, and the primary's agent does not answer, so that they cannot be salvaged, nobody is promoted without a
            person's word.
          - Unless it is given, more than 100 that are known to be missing are too many, and what nobody can tell is no
            hindrance.
        type: int
      overload_seconds_max:
        description:
          - How long a mysqld whose process works need not answer its agent before it counts as hung, and is replaced if
            it is the primary. It is a breach from the first moment on.
          - With V(0) one that works is given no more time than one that does not.
        type: float
        default: 30.0
      acknowledge_seconds_max:
        description: How long the O(teams) have to answer a paused job before people are told who has not.
        type: float
        default: 900.0
      escalate_every_seconds:
        description: How often that is told again, from then on, while the job stays paused.
        type: float
        default: 300.0
      long_transactions:
        description:
          - What a switchover does about transactions of the primary that do not end within a second. V(wait) waits for
            them for O(policy.long_transaction_seconds_max) and then gives the switchover up, V(abort) gives it up then
            and there, V(kill) waits as long and then kills their sessions.
        type: str
        choices: [wait, abort, kill]
        default: wait
      long_transaction_seconds_max:
        description: How long a switchover waits for them.
        type: float
        default: 10.0
      switchover_lag_seconds_max:
        description: The target of a switchover may lag no more than this, and is waited for no longer.
        type: float
        default: 10.0
      zones:
        description: Only nodes of these zones are promoted. Any node when the list is empty.
        type: list
        elements: str
        default: []
      thresholds:
        description:
          - From where on a value of a node is a breach, which is logged, put on record and told. A breach fails nothing
            over.
          - Silence, a mysqld that is not there, a file system that takes no writes, and replication that stands are
            breaches without a limit.
        type: dict
        default: {}
        suboptions:
          disk_share_max:
            description: Share of the data folder's file system that may be used. Not checked when it is null.
            type: float
            default: 0.9
          inodes_share_max:
            description: Share of its inodes that may be used. Not checked when it is null.
            type: float
            default: 0.9
          lag_seconds_max:
            description: How many seconds a replica may be behind the primary. Not checked when it is null.
            type: float
            default: 60.0
          looks:
            description: How many reports in a row must show a lag, or replication that stands, before it is a breach.
            type: int
            default: 3
          margin_share:
            description: By what share of its limit a value must have come down before its breach is over.
            type: float
            default: 0.05
  teams:
    description: Whose applications write to the cluster. When a job pauses they are told to stop, and asked to say so.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Short name, as it is given to M(altair.mysql_ha.job).
        type: str
        required: true
      target:
        description:
          - The name of the target among the orchestrators' C(notifications) that leads to the team. It is told of
            paused jobs whatever else it wants.
          - Without it the team is only named in what the other targets are told.
        type: str
  dns_timeout:
    description:
      - Seconds to wait for the name servers' answers; all are asked at once.
      - With V(0) none is asked.
    type: float
    default: 2.0
attributes:
  check_mode:
    description: Says whether anything would change.
    support: full
  diff_mode:
    description: Shows the description before and after, and with O(state=absent) which znodes go.
    support: full
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
"""

EXAMPLES = r"""
- name: Register a cluster
  altair.mysql_ha.cluster:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    primary: db1
    nodes:
      - {name: db1, address: 192.0.2.11}
      - {name: db2, address: 192.0.2.12}
      - {name: db3, address: 192.0.2.13}
    dns:
      name: orders-db-primary.example.com
      zone: example.com
      servers: [192.0.2.53]

- name: Take a cluster off the record
  altair.mysql_ha.cluster:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    state: absent
    confirm: orders
"""

RETURN = r"""
msg:
  description: What was done, in one sentence.
  returned: always
  type: str
spec:
  description: The description as it is on record now.
  returned: when O(state=present)
  type: dict
warnings:
  description: What is wrong with the cluster's name, each in a sentence, as M(altair.mysql_ha.cluster_info) finds it.
  returned: when O(state=present) and something is
  type: list
  elements: str
"""

from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode_plain, plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, checked_name
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    CLUSTER_SPEC,
    ZOOKEEPER_SPEC,
    Parameters,
    Result,
    keeper,
    main,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.name_audit import audited_name
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.registry import (
    Registration,
    deregister,
    register,
)

NODE_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "port": {"type": "int", "default": 3306},
    "agent_port": {"type": "int", "default": 8430},
    "candidate": {"type": "bool", "default": True},
    "zone": {"type": "str"},
}
DNS_OPTIONS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "zone": {"type": "str", "required": True},
    "servers": {"type": "list", "elements": "str", "required": True},
    "port": {"type": "int", "default": 53},
    "ttl_seconds": {"type": "int", "default": 5},
}
THRESHOLD_OPTIONS: dict[str, Any] = {
    "disk_share_max": {"type": "float", "default": 0.9},
    "inodes_share_max": {"type": "float", "default": 0.9},
    "lag_seconds_max": {"type": "float", "default": 60.0},
    "looks": {"type": "int", "default": 3},
    "margin_share": {"type": "float", "default": 0.05},
}
POLICY_OPTIONS: dict[str, Any] = {
    "unproven_fence": {"type": "str", "choices": ["pause", "promote"], "default": "pause"},
    "catch_up_seconds_max": {"type": "float", "default": 600.0},
    "cool_down_seconds": {"type": "float", "default": 600.0},
    "quorum_min": {"type": "int", "default": 1},
    "lag_seconds_max": {"type": "float"},
    "transactions_missing_max": {"type": "int"},
    "overload_seconds_max": {"type": "float", "default": 30.0},
    "acknowledge_seconds_max": {"type": "float", "default": 900.0},
    "escalate_every_seconds": {"type": "float", "default": 300.0},
    "long_transactions": {"type": "str", "choices": ["wait", "abort", "kill"], "default": "wait"},
    "long_transaction_seconds_max": {"type": "float", "default": 10.0},
    "switchover_lag_seconds_max": {"type": "float", "default": 10.0},
    "zones": {"type": "list", "elements": "str", "default": []},
    "thresholds": {"type": "dict", "default": {}, "options": THRESHOLD_OPTIONS},
}
TEAM_OPTIONS: dict[str, Any] = {"name": {"type": "str", "required": True}, "target": {"type": "str"}}
ARGUMENT_SPEC: dict[str, Any] = {
    **CLUSTER_SPEC,
    **ZOOKEEPER_SPEC,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "confirm": {"type": "str"},
    "primary": {"type": "str"},
    "nodes": {"type": "list", "elements": "dict", "options": NODE_OPTIONS},
    "dns": {"type": "dict", "options": DNS_OPTIONS},
    "policy": {"type": "dict", "default": {}, "options": POLICY_OPTIONS},
    "teams": {"type": "list", "elements": "dict", "default": [], "options": TEAM_OPTIONS},
    "dns_timeout": {"type": "float", "default": 2.0},
}


def wanted_spec(parameters: Parameters) -> ClusterSpec:
    cluster = parameters["cluster"]
    for option in ("nodes", "dns"):
        if not parameters[option]:
            raise InvalidInput(f"cluster {cluster} cannot be registered without '{option}'")
    given = {"cluster": cluster, **{option: parameters[option] for option in ("nodes", "dns", "policy", "teams")}}
    return decode_plain(ClusterSpec, given, f"cluster {cluster}")


def taken_away(store: Store, cluster: str, confirm: str | None, check: bool) -> Result:
    if confirm != cluster:
        raise InvalidInput(
            f"cluster {cluster} is taken off the record, its history included, only with confirm={cluster}"
        )
    done = deregister(store, cluster, check=check)
    diff = {"before": "".join(f"{path}\n" for path in sorted(done.znodes)), "after": ""}
    return {"changed": bool(done.znodes), "msg": done.sentence, "diff": diff}


def presented(done: Registration, wanted: ClusterSpec) -> Result:
    return {
        "changed": done.changed,
        "msg": done.sentence,
        "spec": plain(wanted),
        "diff": {"before": plain(done.before) if done.before else "", "after": plain(wanted)},
    }


def warnings_about(spec: ClusterSpec, primary: str, seconds: float) -> Result:
    """What a failover would stumble over, said while there is time; an empty result when all is well."""
    found = audited_name(spec, primary, seconds) if seconds > 0 else ()
    return {"warnings": [each.sentence for each in found]} if found else {}


def run(parameters: Parameters, check: bool) -> Result:
    checked_name(parameters["cluster"], "cluster name")
    wanted = wanted_spec(parameters) if parameters["state"] == "present" else None
    place = keeper(parameters)
    with open_store(place.hosts, place.root, connect_seconds=place.connect_seconds) as store:
        if wanted is None:
            return taken_away(store, parameters["cluster"], parameters["confirm"], check)
        done = register(store, wanted, parameters["primary"], check=check)
    return {**presented(done, wanted), **warnings_about(wanted, done.primary, parameters["dns_timeout"])}


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
