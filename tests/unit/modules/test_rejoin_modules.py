"""What a playbook learns from rejoin and rebuild, and what they do not take."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rejoin import Course, Returned
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.rejoin import Rejoined
from ansible_collections.altair.mysql_ha.plugins.modules import rebuild, rejoin

ONE = Returned(node="db1", primary="db2")
GIVEN: dict[str, Any] = {
    "login_user": "altair",
    "login_password": "x",
    "node": "db1",
    **{name: value["default"] for name, value in rebuild.ARGUMENT_SPEC.items() if "default" in value},
    **dict.fromkeys(("config_file", "ca_cert", "client_cert", "client_key", "donor", "losses_folder")),
    **dict.fromkeys(("agent_ca", "agent_cert", "agent_key"), "/x"),
}


def told(course: Course, *, on_errant: str = "quarantine", on_lacking: str = "rebuild") -> dict[str, Any]:
    done = Rejoined(course=course, sentence="so it is", admitted=course in (Course.ADMIT, Course.REPLICA), one=ONE)
    return rejoin.result(done, "192.0.2.1", on_errant, on_lacking)


@pytest.mark.parametrize("course", Course)
def test_what_somebody_has_to_mend_first_fails_and_says_what_the_comparison_came_to(course: Course) -> None:
    found = told(course)
    assert found["course"] == course.value
    assert found.get("failed", False) is course.refused
    assert ("reason" in found) is course.refused


@pytest.mark.parametrize("course", Course)
@pytest.mark.parametrize("on_errant", ["quarantine", "rebuild"])
@pytest.mark.parametrize("on_lacking", ["refuse", "rebuild"])
def test_a_rebuild_is_wanted_only_where_it_is_needed_and_its_owners_chose_it(
    course: Course, on_errant: str, on_lacking: str
) -> None:
    found = told(course, on_errant=on_errant, on_lacking=on_lacking)
    chosen = {Course.QUARANTINE: on_errant == "rebuild", Course.REBUILD: on_lacking == "rebuild"}
    assert found["rebuild"] is chosen.get(course, False)


def test_one_that_lacks_too_much_fails_where_no_rebuild_is_wanted() -> None:
    assert told(Course.REBUILD, on_lacking="refuse")["failed"]
    assert "failed" not in told(Course.REBUILD)


def test_a_rebuild_is_bounded_and_tried_again_unless_somebody_says_otherwise() -> None:
    order = rebuild.order(GIVEN, 1.0)
    assert (order.copying.bounds.data_mib, order.copying.bounds.network_mib, order.copying.bounds.threads) == (
        100,
        100,
        4,
    )
    assert (order.retries, order.copying.encrypted, order.confirm) == (3, True, "")


@pytest.mark.parametrize("name", sorted(rebuild.RANGES))
def test_an_argument_that_cannot_be_meant_is_refused_and_named(name: str) -> None:
    low, high = rebuild.RANGES[name]
    for value in (low - 1, high + 1):
        with pytest.raises(InvalidInput, match=f"^{name} "):
            rebuild.order({**GIVEN, name: value}, 1.0)
    for value in (low, high):
        rebuild.order({**GIVEN, name: value}, 1.0)
