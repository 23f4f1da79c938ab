"""Work that is announced: whom it covers, and that it ends by itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.maintenance import Maintenance, MaintenancePlan
from tests.unit.core.worlds import MAINTENANCE, NOW

END = MAINTENANCE.until_at
OF_DB1 = replace(MAINTENANCE, node="db1")


def plan(*entries: Maintenance) -> MaintenancePlan:
    return MaintenancePlan(entries=entries)


def test_maintenance_of_a_cluster_covers_every_node_and_that_of_a_node_only_the_node() -> None:
    assert plan(MAINTENANCE).covering("db1", NOW) == MAINTENANCE == plan(MAINTENANCE).covering("db2", NOW)
    assert plan(OF_DB1).covering("db1", NOW) == OF_DB1
    assert plan(OF_DB1).covering("db2", NOW) is None
    assert plan(OF_DB1).of_node("db1", NOW)
    assert not plan(MAINTENANCE).of_node("db1", NOW)


def test_maintenance_ends_to_the_moment_and_stays_on_record() -> None:
    over = plan(MAINTENANCE)
    assert over.covering("db1", END - 0.001) == MAINTENANCE
    assert over.covering("db1", END) is None
    assert over.of(None) == MAINTENANCE
    assert not plan(OF_DB1).of_node("db1", END)


def test_of_several_the_one_that_ends_last_is_named() -> None:
    longer = replace(OF_DB1, until_at=END + 5)
    assert plan(MAINTENANCE, longer).covering("db1", NOW) == longer == plan(longer, MAINTENANCE).covering("db1", NOW)


def test_a_new_entry_takes_the_place_of_that_of_the_same_scope_and_what_has_ended_goes() -> None:
    later = replace(MAINTENANCE, until_at=END + 60)
    assert plan(MAINTENANCE, OF_DB1).with_entry(later, NOW) == plan(OF_DB1, later)
    assert plan(OF_DB1).with_entry(later, END) == plan(later)
    assert plan(MAINTENANCE, OF_DB1).without(None, NOW) == plan(OF_DB1)
    assert plan(OF_DB1).without("db1", NOW) == plan()


def test_maintenance_that_ends_before_it_begins_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="must end after it begins"):
        replace(MAINTENANCE, until_at=NOW)
