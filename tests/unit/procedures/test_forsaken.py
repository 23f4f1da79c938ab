"""What is kept of a candidate that was given up, and what the salvage for the next one makes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence, StepRecord
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.dead_candidate import forsaken
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Neighbours, Scene
from ansible_collections.altair.mysql_ha.plugins.modules.salvage import _found_before
from tests.unit.core.worlds import UUID_A, job

SPEC = ClusterSpec(
    cluster="orders",
    nodes=tuple(Node(name=f"db{number}", address=f"10.0.0.{number}") for number in (1, 2, 3)),
    dns=Dns(name="orders.example.com", zone="example.com", servers=("10.0.0.9",)),
)


def scene(**evidence: Evidence) -> Scene:
    """Of a job from db3 whose candidate is db1, with these steps on record."""
    steps = tuple(
        StepRecord(step=name, epoch=7, changed=True, sentence="done", evidence=each, finished_at=0.0, seconds=0.0)
        for name, each in evidence.items()
    )
    now = replace(job(JobState.RUNNING), candidate="db1", steps=steps)
    nowhere = cast(Any, None)  # what is asked of the record is in the job
    return Scene(store=nowhere, spec=SPEC, job=now, neighbours=Neighbours(login=Login()), check=False)


def test_why_is_kept_of_each_that_was_given_up() -> None:
    earlier: Evidence = {"forsaken": {"db2": "it died"}}
    assert forsaken(scene(choose_candidate=earlier), "it died, too") == {
        "forsaken": {"db2": "it died", "db1": "it died, too"}
    }


@pytest.mark.parametrize(
    ("salvage", "chosen", "kept"),
    [
        ({"known": True, "found": f"{UUID_A}:1-3"}, {}, f"{UUID_A}:1-3"),
        ({"known": True, "found": ""}, {"salvaged_before": f"{UUID_A}:1-3"}, ""),
        ({"known": False}, {"salvaged_before": f"{UUID_A}:1-3"}, f"{UUID_A}:1-3"),
        ({}, {"salvaged_before": f"{UUID_A}:1-3"}, f"{UUID_A}:1-3"),
        ({"known": False, "found": f"{UUID_A}:1-3"}, {}, None),
    ],
)
def test_what_was_found_in_the_old_primarys_log_outlives_the_candidate_it_was_found_for(
    salvage: Evidence, chosen: Evidence, kept: str | None
) -> None:
    assert forsaken(scene(salvage=salvage, choose_candidate=chosen), "it died").get("salvaged_before") == kept


def test_of_what_was_found_before_the_next_candidate_lacks_what_it_has_not_received() -> None:
    chosen: Evidence = {"salvaged_before": f"{UUID_A}:4-9"}
    found = _found_before(scene(choose_candidate=chosen), f"{UUID_A}:1-5")
    assert (found["known"], found["found"], found["lost"]) == (True, f"{UUID_A}:4-9", f"{UUID_A}:6-9")


def test_where_nothing_was_found_before_nothing_is_said() -> None:
    assert _found_before(scene(choose_candidate={"candidate": "db1"}), f"{UUID_A}:1-5") == {}
