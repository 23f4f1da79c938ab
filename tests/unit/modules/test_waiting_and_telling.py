"""For whom a job waits while replicas apply, and what is put on record of the choice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Choice, Feeding
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node, Policy
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.draining import Drain, Halt, spared_of, wanted_of
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.feeding import Fed
from ansible_collections.altair.mysql_ha.plugins.modules.catch_up import sources_of
from ansible_collections.altair.mysql_ha.plugins.modules.choose_candidate import told
from tests.unit.core.worlds import UUID_A

NODES = tuple(Node(name=f"db{number}", address=f"10.0.0.{number}", zone="north") for number in (1, 2, 3))
SPEC = ClusterSpec(
    cluster="orders",
    nodes=NODES,
    dns=Dns(name="orders.example.com", zone="example.com", servers=("10.0.0.9",)),
)


def gtids(text: str) -> GtidSet:
    return GtidSet.parse(f"{UUID_A}:{text}")


def halt(held: str, left: str = "") -> Halt:
    return Halt(held=gtids(held), left=gtids(left) if left else GtidSet(), source="")


BARRED = replace(SPEC, nodes=(*NODES[:2], replace(NODES[2], candidate=False)))
OUTSIDE = replace(SPEC, nodes=(*NODES[:2], replace(NODES[2], zone="south")), policy=Policy(zones=("north",)))


def test_every_candidate_applies_all_it_has_received() -> None:
    halts = {"db2": halt("1-9", "5-9"), "db3": halt("1-8", "3-8")}
    assert wanted_of(SPEC, "db1", (), halts) == {"db2": gtids("5-9"), "db3": gtids("3-8")}


@pytest.mark.parametrize(
    ("spec", "in_maintenance"), [(BARRED, ()), (OUTSIDE, ()), (SPEC, ("db3",))], ids=["barred", "zone", "maintenance"]
)
def test_who_must_not_be_promoted_is_waited_for_only_as_far_as_no_candidate_has_it(
    spec: ClusterSpec, in_maintenance: tuple[str, ...]
) -> None:
    ahead = {"db2": halt("1-6", "6"), "db3": halt("1-9", "3-9")}
    assert wanted_of(spec, "db1", in_maintenance, ahead) == {"db2": gtids("6"), "db3": gtids("7-9")}
    level = {"db2": halt("1-9"), "db3": halt("1-9", "3-9")}
    assert wanted_of(spec, "db1", in_maintenance, level)["db3"] == GtidSet()
    silent = {"db2": Halt(fault="no route to host"), "db3": halt("1-9", "3-9")}
    assert wanted_of(spec, "db1", in_maintenance, silent)["db3"] == gtids("3-9")


def test_what_only_a_delayed_replica_has_received_besides_is_waited_for_elsewhere() -> None:
    halts = {"db2": replace(halt("1-9", "3-9"), delay_seconds=60), "db3": halt("1-9", "3-9")}
    assert wanted_of(BARRED, "db1", (), halts)["db3"] == gtids("3-9")


def test_who_is_not_waited_for_is_drained_only_if_nothing_is_left() -> None:
    some = halt("1-9", "3-9")
    spared = {
        "idle": spared_of(NODES[1], halt("1-9"), GtidSet()),
        "delayed": spared_of(NODES[1], replace(some, delay_seconds=60), some.left),
        "delayed, and all is applied": spared_of(NODES[1], replace(halt("1-9"), delay_seconds=60), GtidSet()),
        "of no use": spared_of(NODES[1], some, GtidSet()),
        "silent": spared_of(NODES[1], Halt(fault="no route to host"), GtidSet()),
    }
    drained = {why for why, done in spared.items() if isinstance(done, Drain) and done.drained}
    assert None not in spared.values()
    assert drained == {"idle", "delayed, and all is applied"}
    assert spared_of(NODES[1], some, some.left) is None


def test_who_followed_the_old_primary_when_the_job_began_is_not_taken_for_a_cascading_one_later() -> None:
    fed, cascading = "10.0.0.3:3306", "10.0.0.4:3306"
    now = {"db2": replace(halt("1"), source=fed), "db3": replace(halt("1"), source=""), "db4": Halt(fault="silent")}
    assert sources_of(now, None) == {"db2": fed, "db3": ""}
    assert sources_of(now, {"db2": "", "db3": cascading, "db4": ""}) == {"db2": "", "db3": "", "db4": ""}


CHOICE = Choice(
    "db2",
    {"db3": "it is in maintenance"},
    {"db2": 4, "db3": 0},
    "db2 lacks 4 transactions that another replica has; it catches up from it first",
    ("db2",),
    (Feeding("db3", gtids("7-10")),),
    gtids("11"),
)


def test_the_whole_choice_is_put_on_record() -> None:
    done = told(CHOICE, Fed(gtids("1-10"), {}))
    assert (done.candidate, done.sentence) == ("db2", CHOICE.because)
    assert done.evidence == {
        "candidate": "db2",
        "ranking": ["db2"],
        "excluded": {"db3": "it is in maintenance"},
        "missing": {"db2": "4", "db3": "0"},
        "fed_by": ["db3"],
        "passed_over": {},
        "not_fed": f"{UUID_A}:11",
    }


def test_what_a_donor_did_not_give_is_named_and_so_is_the_reason() -> None:
    done = told(CHOICE, Fed(gtids("1-8"), {"db3": "it takes too long"}))
    assert done.evidence["fed_by"] == []
    assert done.evidence["passed_over"] == {"db3": "it takes too long"}
    assert done.evidence["not_fed"] == f"{UUID_A}:9-11"
    assert done.sentence.endswith(
        f"; db3 was passed over: it takes too long; 3 transactions were not got ({UUID_A}:9-11)"
    )
