"""What the command that knows about hosts says, and that nothing it does makes a host look down."""

from __future__ import annotations

import asyncio
import time

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.inquiry import host_state

DB1 = Node(name="db1", address="10.0.0.1")


def state_by(*command: str, seconds: float = 10.0) -> bool | None:
    return asyncio.run(host_state(command, DB1, seconds))


@pytest.mark.parametrize(("code", "state"), [(0, True), (1, False), (2, None), (127, None)])
def test_only_the_exit_codes_0_and_1_say_anything(code: int, state: bool | None) -> None:
    assert state_by("sh", "-c", f"exit {code}") is state


def test_the_command_is_given_the_nodes_name_and_address() -> None:
    assert state_by("sh", "-c", '[ "$0 $1" = "db1 10.0.0.1" ]') is True


def test_without_a_command_or_with_one_that_cannot_be_started_or_is_killed_nobody_can_tell() -> None:
    assert state_by() is None
    assert state_by("/nonexistent/program") is None
    assert state_by("sh", "-c", "kill -9 $$") is None


def test_a_command_that_hangs_is_ended_at_its_deadline_and_says_nothing() -> None:
    began = time.monotonic()
    assert state_by("sh", "-c", "exec sleep 60", seconds=0.2) is None
    assert time.monotonic() - began < 10
