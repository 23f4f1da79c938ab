"""The hosts of an inventory: their groups, their variables and their names."""

from __future__ import annotations

import json

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode_plain, plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.inventory_hosts import (
    InventoryHost,
    Naming,
    Roster,
    host_names,
    inventory_hosts,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.overview import Overview
from tests.unit.core.glance import clock, health, job, maintenance, overview, seen
from tests.unit.core.worlds import NOW


def hosts(found: Overview, asked: bool = False) -> tuple[InventoryHost, ...]:
    answers = {"db2": seen("db2", (2.0, True))} if asked else None
    return inventory_hosts(found, now_at=NOW, when=clock, seen=answers)


def groups(found: Overview) -> list[set[str]]:
    return [set(host.groups) for host in hosts(found)]


def test_each_host_is_in_the_groups_of_its_cluster_role_zone_and_health() -> None:
    sick = overview(health={"db1": health("db1"), "db2": health("db2", Health.HOST_SILENT, "it is silent")})
    assert groups(sick) == [
        {"cluster_orders", "primary", "health_healthy", "zone_north"},
        {"cluster_orders", "replica", "health_host_silent", "zone_south side"},
        {"cluster_orders", "replica", "health_unknown"},
    ]


def test_maintenance_and_a_paused_job_are_groups_while_they_last() -> None:
    one = groups(overview(maintenance=maintenance("db3")))
    assert ["in_maintenance" in each for each in one] == [False, False, True]
    assert all("in_maintenance" in each for each in groups(overview(maintenance=maintenance(None))))
    assert not any("in_maintenance" in each for each in groups(overview(maintenance=maintenance(None, seconds=-1))))
    assert all("paused_job" in each for each in groups(overview(job=job(JobState.PAUSED))))
    for state in (JobState.RUNNING, JobState.DONE, JobState.ABORTED):
        assert not any("paused_job" in each for each in groups(overview(job=job(state))))


def test_the_variables_tell_the_node_its_cluster_and_who_is_primary() -> None:
    found = overview(job=job(JobState.RUNNING), maintenance=maintenance("db2"))
    _one, two, _three = hosts(found, asked=True)
    assert two.variables == {
        "ansible_host": "10.0.0.2",
        "altair_cluster": "orders",
        "altair_cluster_epoch": 4,
        "altair_node": "db2",
        "altair_role": "replica",
        "altair_zone": "south side",
        "altair_candidate": True,
        "altair_mysql_port": 3306,
        "altair_agent_port": 8430,
        "altair_health": "healthy",
        "altair_errors": [],
        "altair_lag_seconds": 2.0,
        "altair_lease": "none",
        "altair_primary": "db1",
        "altair_primary_address": "10.0.0.1",
        "altair_dns_name": "orders.example.com",
        "altair_maintenance_until": "T+60",
        "altair_open_job": "orders-4",
        "altair_open_job_state": "running",
    }
    ended = hosts(overview(job=job(JobState.DONE)))[0].variables
    assert (ended["altair_open_job"], ended["altair_lease"], ended["altair_lag_seconds"]) == (None, "held", None)


def test_what_a_cache_keeps_comes_back_as_it_was() -> None:
    roster = Roster(hosts=hosts(overview(job=job()), asked=True), warnings=("something",))
    again = decode_plain(Roster, json.loads(json.dumps(plain(roster))), "the cache")
    assert again == roster
    kinds = [type(value) for value in again.hosts[1].variables.values()]
    assert kinds == [type(value) for value in roster.hosts[1].variables.values()]


def test_hosts_are_called_as_their_nodes_unless_another_cluster_has_a_node_of_that_name() -> None:
    alone = hosts(overview())
    both = (*alone, *hosts(overview("carts"))[:1])
    assert host_names(alone, Naming.AUTO) == host_names(alone, Naming.NODE) == ["db1", "db2", "db3"]
    assert host_names(both, Naming.AUTO) == ["orders_db1", "db2", "db3", "carts_db1"]
    assert host_names(alone, Naming.CLUSTER_NODE) == ["orders_db1", "orders_db2", "orders_db3"]
    with pytest.raises(InvalidInput, match=r"several clusters have a node db1 \(orders, carts\); set hostnames to"):
        host_names(both, Naming.NODE)
