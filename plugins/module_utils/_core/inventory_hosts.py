# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other playbooks are told of a cluster's nodes: the hosts of an inventory with their groups and variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Union

from .cluster import Node
from .errors import InvalidInput
from .observation import Observation
from .overview import NodeRow, Overview, node_row

# Those that are there in every inventory, so that a pattern may name them while they are empty.
STANDING_GROUPS = ("primary", "replica", "in_maintenance", "paused_job")
# In the form that ansible-test, which reads this as Python 3.8, takes.
Value = Union[str, int, float, bool, list[str], None]  # noqa: UP007


class Naming(StrEnum):
    """How hosts are called. AUTO: as their nodes, unless two clusters have a node of one name."""

    AUTO = "auto"
    NODE = "node"
    CLUSTER_NODE = "cluster_node"


@dataclass(frozen=True, kw_only=True, slots=True)
class InventoryHost:
    """One node. ``groups``: as they are called here; Ansible takes letters, digits and underscores only."""

    cluster: str
    node: str
    groups: tuple[str, ...]
    variables: dict[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """All hosts of an inventory, and what could not be read of it, a sentence each."""

    hosts: tuple[InventoryHost, ...] = ()
    warnings: tuple[str, ...] = ()


def _groups(overview: Overview, row: NodeRow) -> tuple[str, ...]:
    zone = (f"zone_{row.zone}",) if row.zone else ()
    maintained = ("in_maintenance",) if row.maintenance else ()
    paused = ("paused_job",) if overview.paused else ()
    usual = (f"cluster_{overview.spec.cluster}", row.role.value, f"health_{row.health.value}")
    return (*usual, *zone, *maintained, *paused)


def _variables(overview: Overview, node: Node, row: NodeRow, when: Callable[[float], str]) -> dict[str, Value]:
    spec, job = overview.spec, overview.open_job
    return {
        "ansible_host": node.address,
        "altair_cluster": spec.cluster,
        "altair_cluster_epoch": overview.state.epoch,
        "altair_node": node.name,
        "altair_role": row.role.value,
        "altair_zone": node.zone,
        "altair_candidate": node.candidate,
        "altair_mysql_port": node.port,
        "altair_agent_port": node.agent_port,
        "altair_health": row.health.value,
        "altair_errors": list(row.errors),
        "altair_lag_seconds": row.lag_seconds,
        "altair_lease": row.lease.value,
        "altair_primary": overview.state.primary,
        "altair_primary_address": overview.primary.address,
        "altair_dns_name": spec.dns.name,
        "altair_maintenance_until": when(row.maintenance.until_at) if row.maintenance else None,
        "altair_open_job": job.id if job else None,
        "altair_open_job_state": job.state.value if job else None,
    }


def inventory_hosts(
    overview: Overview,
    *,
    now_at: float,
    when: Callable[[float], str],
    seen: Mapping[str, Observation] | None,
) -> tuple[InventoryHost, ...]:
    """``when``: writes a moment down. ``seen``: what each agent finds now; None where none was asked."""
    rows = [(node, node_row(overview, node, now_at=now_at, seen=seen)) for node in overview.spec.nodes]
    return tuple(
        InventoryHost(
            cluster=overview.spec.cluster,
            node=node.name,
            groups=_groups(overview, row),
            variables=_variables(overview, node, row, when),
        )
        for node, row in rows
    )


def host_names(hosts: Iterable[InventoryHost], naming: Naming) -> list[str]:
    """In the same order, no two alike. Names of clusters and nodes have no underscore, so what is put together of them
    is nobody else's name. InvalidInput where hosts are to be called as their nodes and two would be called alike."""
    hosts = list(hosts)
    many = Counter(host.node for host in hosts)
    twice = sorted(name for name, count in many.items() if count > 1)
    if naming is Naming.NODE and twice:
        clusters = ", ".join(host.cluster for host in hosts if host.node == twice[0])
        raise InvalidInput(
            f"several clusters have a node {twice[0]} ({clusters}); set hostnames to auto or cluster_node"
        )
    return [
        f"{host.cluster}_{host.node}"
        if naming is Naming.CLUSTER_NODE or (naming is Naming.AUTO and host.node in twice)
        else host.node
        for host in hosts
    ]
