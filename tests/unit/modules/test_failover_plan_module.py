"""What the plan of a failover returns, and where a failover that is refused points to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import blockers
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import judge
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Suspicion
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.inquiry import Inquiry
from ansible_collections.altair.mysql_ha.plugins.modules import failover_plan_info, open_job
from tests.unit.core.test_failover_plan import SIGHTS, plan
from tests.unit.core.worlds import NOW, situation, snapshot

SUSPICION = Suspicion(
    cluster="orders",
    primary="db1",
    epoch=1,
    health=Health.HOST_SILENT,
    because="three reports in a row are missing",
    monitor="mon1",
    raised_at=NOW,
)


def told(name: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(failover_plan_info.told(plan(SIGHTS[name]))))
    return result


@pytest.mark.parametrize("name", list(SIGHTS))
def test_the_result_says_that_nothing_was_changed_and_has_what_the_documentation_promises(name: str) -> None:
    documented = yaml.safe_load(failover_plan_info.RETURN)
    result = told(name)
    assert result["changed"] is False
    assert {*result, "report"} - {"changed"} == set(documented)
    for death in ("mysqld_dies", "host_dies"):
        assert set(result[death]) == set(documented["mysqld_dies"]["contains"])


def test_the_diff_shows_the_primary_the_name_and_who_follows_whom() -> None:
    diff = told("well")["diff"]
    name = "p.example.com"
    assert diff["before"] == {"primary": "db1", "dns": {name: "10.0.0.1"}, "sources": {"db2": "db1", "db3": "db1"}}
    assert diff["after"] == {"primary": "db2", "dns": {name: "10.0.0.2"}, "sources": {"db3": "db2"}}


def test_where_nobody_could_be_promoted_nothing_would_be_different() -> None:
    result = told("nobody")
    assert (result["candidate"], result["diff"]["before"]) == ("", result["diff"]["after"])


def refusal(*, check: bool, **seen: Any) -> str:
    answers = snapshot(**seen)
    rule = judge(answers)
    now = situation(verdict=rule.verdict)
    finding = open_job.Finding(SUSPICION, Inquiry(answers, ()), rule, now, blockers(now))
    with pytest.raises(Refused) as refused:
        open_job._refuse_if_blocked(finding, "orders", check)
    return str(refused.value)


def test_a_rehearsed_failover_of_a_primary_that_answers_points_to_its_plan_and_others_do_not() -> None:
    assert "altair.mysql_ha.plan" in refusal(check=True, orchestrator=Reach.REACHED)
    assert "altair.mysql_ha.plan" not in refusal(check=False, orchestrator=Reach.REACHED)
    assert "altair.mysql_ha.plan" not in refusal(check=True, replicas=(Reach.UNKNOWN, Reach.UNKNOWN))
