"""The old primary's own host, where mysqld is killed and its death proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import StaleEpoch
from ansible_collections.altair.mysql_ha.plugins.modules import stop_mysqld
from tests.contract.by_hand import await_that
from tests.lab import services
from tests.lab.lab import Lab


def parameters(lab: Lab, tmp_path: Path, **more: Any) -> dict[str, Any]:
    folder = lab.host("db2").data
    given = {"epoch": 7, "pid_file": str(folder / "mysqld.pid"), "data_folder": str(folder), "unit": None}
    return {**given, "state_file": str(tmp_path / "lease.json"), "seconds": 30.0, **more}


def test_mysqld_is_killed_and_its_death_proven_by_the_lock_on_its_data_folder(lab: Lab, tmp_path: Path) -> None:
    host = lab.host("db2")
    process = host.pid("mysqld")
    done = stop_mysqld.run(parameters(lab, tmp_path), False)
    assert (done["changed"], done["proven"], done["masked"]) == (True, True, False)
    assert f"mysqld, process {process}, was killed" in done["msg"]
    assert not host.running("mysqld")
    again = stop_mysqld.run(parameters(lab, tmp_path), False)
    assert (again["changed"], again["proven"]) == (False, True)


def test_check_mode_kills_nobody_and_claims_no_proof(lab: Lab, tmp_path: Path) -> None:
    done = stop_mysqld.run(parameters(lab, tmp_path), True)
    assert (done["changed"], done["proven"]) == (True, False)
    assert lab.host("db2").running("mysqld")


@pytest.mark.parametrize("known", [8, 100])
def test_an_order_of_an_older_epoch_than_the_agent_knows_stops_nothing(lab: Lab, tmp_path: Path, known: int) -> None:
    (tmp_path / "lease.json").write_text(json.dumps({"epoch": known}))
    with pytest.raises(StaleEpoch, match=f"was told of epoch {known}, the order is of epoch 7"):
        stop_mysqld.run(parameters(lab, tmp_path), False)
    assert lab.host("db2").running("mysqld")


@pytest.mark.parametrize("garbage", ["", "{", "[]", '{"epoch": "8"}', '{"epoch": 7}', '{"epoch": 3}'])
def test_what_the_agent_left_behind_forbids_nothing_unless_it_names_a_newer_epoch(
    lab: Lab, tmp_path: Path, garbage: str
) -> None:
    (tmp_path / "lease.json").write_text(garbage)
    assert stop_mysqld.run(parameters(lab, tmp_path), True)["msg"].endswith("would be killed")
    assert lab.host("db2").running("mysqld")


def test_a_mysqld_that_its_pid_file_does_not_lead_to_is_not_proven_gone(lab: Lab, tmp_path: Path) -> None:
    done = stop_mysqld.run(parameters(lab, tmp_path, pid_file=str(tmp_path / "none"), seconds=0.5), False)
    assert (done["changed"], done["proven"]) == (False, False)
    assert lab.host("db2").running("mysqld")


def test_a_suspended_mysqld_is_killed_all_the_same(lab: Lab, tmp_path: Path) -> None:
    host = lab.host("db2")
    host.stop("mysqld")
    assert stop_mysqld.run(parameters(lab, tmp_path), False)["proven"]
    host.start("mysqld")
    await_that(lambda: services.mysqld_answers(host), "it can be started again")


def test_a_unit_that_cannot_be_masked_keeps_nobody_from_killing_mysqld(lab: Lab, tmp_path: Path) -> None:
    done = stop_mysqld.run(parameters(lab, tmp_path, unit="altair-test-no-such.service"), False)
    assert (done["proven"], done["masked"]) == (True, False)
    assert "altair-test-no-such.service could not be masked: " in done["msg"]
