"""How a step that can do without agents takes the arguments to ask them."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import neighbours
from ansible_collections.altair.mysql_ha.plugins.modules import choose_candidate, fence

FILES = {"agent_ca": "/ca.pem", "agent_cert": "/host.pem", "agent_key": "/host.key"}


def given(**files: str | None) -> dict[str, Any]:
    """As Ansible hands the agents' part of the arguments to a module."""
    return {"agent_timeout": 3.0, "agent_ca": None, "agent_cert": None, "agent_key": None, **files}


def test_without_any_of_them_no_agent_is_asked() -> None:
    assert neighbours(given()).agents is None
    assert neighbours({}).agents is None


def test_with_all_of_them_agents_are_asked() -> None:
    files = neighbours(given(**FILES)).agents
    assert files is not None
    assert (files.ca, files.certificate, files.key) == tuple(FILES.values())


@pytest.mark.parametrize("missing", list(FILES))
def test_a_part_of_them_is_a_mistake_that_names_what_is_missing(missing: str) -> None:
    with pytest.raises(InvalidInput, match=f"; {missing} is missing"):
        neighbours(given(**{**FILES, missing: None}))


def test_the_choice_can_do_without_what_the_fence_requires() -> None:
    required = [name for name in FILES if fence.ARGUMENT_SPEC[name].get("required")]
    assert required == list(FILES)
    assert not [name for name in FILES if choose_candidate.ARGUMENT_SPEC[name].get("required")]
