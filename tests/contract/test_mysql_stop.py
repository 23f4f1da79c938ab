"""The old primary's own host, where mysqld is killed and its death proven."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.lab import services
from tests.lab.lab import Lab

RUN = """
import json, sys
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import outcome
from ansible_collections.altair.mysql_ha.plugins.modules.stop_mysqld import run

print(json.dumps(outcome(run, *json.loads(sys.argv[1]))))
"""


@pytest.fixture(autouse=True)
def nothing_left_behind(lab: Lab) -> None:
    (lab.host("db2").folder / "lease.json").unlink(missing_ok=True)


def stop(lab: Lab, *, check: bool = False, **more: Any) -> dict[str, Any]:
    """What the module says on db2's own host, which has process numbers of its own."""
    host = lab.host("db2")
    given = {"epoch": 7, "pid_file": str(host.data / "mysqld.pid"), "data_folder": str(host.data), "unit": None}
    given |= {"state_file": str(host.folder / "lease.json"), "seconds": 30.0, **more}
    done = host.run([sys.executable, "-c", RUN, json.dumps([given, check])], check=True, timeout=60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_mysqld_is_killed_and_its_death_proven_by_the_lock_on_its_data_folder(lab: Lab) -> None:
    host = lab.host("db2")
    process = (host.data / "mysqld.pid").read_text().strip()
    done = stop(lab)
    assert (done["changed"], done["proven"], done["masked"]) == (True, True, False)
    assert f"mysqld, process {process}, was killed" in done["msg"]
    assert not host.running("mysqld")
    again = stop(lab)
    assert (again["changed"], again["proven"]) == (False, True)


def test_check_mode_kills_nobody_and_claims_no_proof(lab: Lab) -> None:
    done = stop(lab, check=True)
    assert (done["changed"], done["proven"]) == (True, False)
    assert lab.host("db2").running("mysqld")


@pytest.mark.parametrize("known", [8, 100])
def test_an_order_of_an_older_epoch_than_the_agent_knows_stops_nothing(lab: Lab, known: int) -> None:
    (lab.host("db2").folder / "lease.json").write_text(json.dumps({"epoch": known}))
    refused = stop(lab)
    assert refused["reason"] == "StaleEpoch"
    assert f"was told of epoch {known}, the order is of epoch 7" in refused["msg"]
    assert lab.host("db2").running("mysqld")


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"epoch": "8"}', '{"epoch": 7}', '{"epoch": 3}'])
def test_what_the_agent_left_behind_forbids_nothing_unless_it_names_a_newer_epoch(lab: Lab, garbage: str) -> None:
    (lab.host("db2").folder / "lease.json").write_text(garbage)
    assert stop(lab, check=True)["msg"].endswith("would be killed")
    assert lab.host("db2").running("mysqld")


def test_a_mysqld_that_its_pid_file_does_not_lead_to_is_not_proven_gone(lab: Lab) -> None:
    done = stop(lab, pid_file="/nowhere/mysqld.pid", seconds=0.5)
    assert (done["changed"], done["proven"]) == (False, False)
    assert lab.host("db2").running("mysqld")


def test_a_suspended_mysqld_is_killed_all_the_same(lab: Lab) -> None:
    host = lab.host("db2")
    host.stop("mysqld")
    assert stop(lab)["proven"]
    host.start("mysqld")
    services.wait_until("mysqld on db2", lambda: services.mysqld_answers(host))


def test_a_unit_that_cannot_be_masked_keeps_nobody_from_killing_mysqld(lab: Lab) -> None:
    done = stop(lab, unit="no unit/at all")
    assert (done["proven"], done["masked"]) == (True, False)
    assert "no unit/at all could not be masked: " in done["msg"]
