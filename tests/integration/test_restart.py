"""A primary that is there again, or still, and takes no writes: the cluster gets one that does."""

from __future__ import annotations

import pytest

from tests.integration.world import World

pytestmark = pytest.mark.lab


@pytest.mark.parametrize("how", ["super_read_only", "read_only"])
def test_a_primary_that_answers_and_is_read_only_is_replaced_and_nothing_is_lost(world: World, how: str) -> None:
    def hurt(primary: str) -> None:
        world.sql(primary, f"SET GLOBAL {how} = ON")

    done = world.replaced_after(hurt)
    assert done.job["suspicion"]["health"] == "primary_read_only"
    assert done.job["candidate"] != done.old
    fence = next(step for step in done.job["steps"] if step["step"] == "fence")
    assert "super_read_only was set and read back" in fence["evidence"]["read_only"]
    assert done.report.violations == []
    assert done.report.writable == [done.new]
    assert world.fenced(done.old)
