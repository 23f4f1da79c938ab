"""What may be changed in a cluster's description, by every change of a node while a job is open or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.amendment import ROWS, Amendment, against
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from tests.unit.core.glance import job, spec

LEAVE_IN = "job orders-4 of cluster orders is open and deals with {node}; leave that node in until it has ended"
MOVE_LATER = (
    "job orders-4 of cluster orders is open and deals with {node}; change its address and ports when it has ended"
)
STAYS = "db1 is the primary of cluster orders and cannot be left out; let another node be primary first"


def without(name: str) -> ClusterSpec:
    kept = tuple(node for node in spec().nodes if node.name != name)
    return replace(spec(), nodes=(*kept, Node(name="db9", address="10.0.0.99")))


def changed(name: str, **facts: Any) -> ClusterSpec:
    return replace(spec(), nodes=tuple(replace(node, **facts) if node.name == name else node for node in spec().nodes))


def refusal(after: ClusterSpec, open_job: Job | None = None, primary: str = "db1") -> str | None:
    return against(Amendment(before=spec(), after=after, primary=primary, job=open_job))


def test_the_primary_is_never_left_out_and_any_replica_may_be_while_no_job_is_open() -> None:
    assert refusal(without("db1")) == STAYS
    assert refusal(without("db2")) is None
    assert refusal(without("db1"), primary="db2") is None


@pytest.mark.parametrize("node", ["db1", "db2"])
def test_the_nodes_that_an_open_job_deals_with_stay_where_they_are(node: str) -> None:
    running = job(candidate="db2")
    assert refusal(without(node), running) == LEAVE_IN.format(node=node)
    for place in ({"address": "10.0.0.77"}, {"port": 3307}, {"agent_port": 8431}):
        assert refusal(changed(node, **place), running) == MOVE_LATER.format(node=node)
        assert refusal(changed(node, **place)) is None


def test_after_the_promotion_the_new_primary_and_the_old_one_are_dealt_with_until_the_job_has_ended() -> None:
    promoted = job(candidate="db2")
    assert refusal(without("db2"), promoted, primary="db2") == LEAVE_IN.format(node="db2")
    assert refusal(without("db1"), promoted, primary="db2") == LEAVE_IN.format(node="db1")


def test_policies_other_nodes_and_new_ones_are_changed_while_a_job_is_open() -> None:
    running = job(candidate="db2")
    policy = replace(spec().policy, cool_down_seconds=1.0)
    assert refusal(replace(spec(), policy=policy), running) is None
    assert refusal(changed("db3", address="10.0.0.77"), running) is None
    assert refusal(changed("db2", candidate=False, zone="east"), running) is None
    assert refusal(without("db3"), running) is None


def test_each_row_refuses_something() -> None:
    said = {refusal(without("db1")), refusal(without("db2"), job(candidate="db2"))}
    said.add(refusal(changed("db1", port=1), job()))
    assert len(said - {None}) == len(ROWS)
