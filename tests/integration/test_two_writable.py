"""A second writable node, made so behind the system's back."""

from __future__ import annotations

import pytest

from tests.integration.world import World
from tests.lab import template

pytestmark = [pytest.mark.lab, pytest.mark.nightly]


@pytest.mark.scenario(41)
def test_a_replica_that_somebody_made_writable_is_fenced_and_told_of_and_the_primary_stays(world: World) -> None:
    world.wait_protected()
    primary, (usurper, _other) = world.primary, world.replicas
    epoch, jobs = world.record.state["epoch"], world.record.history
    with world.writing() as client:
        world.sql(usurper, "SET GLOBAL super_read_only = OFF")
        world.sql(usurper, "SET GLOBAL read_only = OFF")
        with template.connect(world.host(usurper), "app", timeout=5) as session, session.cursor() as cursor:
            cursor.execute("INSERT INTO app.writes VALUES (99, 1, @@server_uuid, NOW(6))")
        world.wait_for("its fence", lambda: world.fenced(usurper))
        world.wait_for(
            "its breach on record",
            lambda: "writable" in {each["breach"] for each in world.record.health(usurper)["breaches"]},
        )
        many = client.acked()[-1].n + 20
        client.wait_for(lambda ack: ack.n >= many)
    assert "this node takes writes, and another is primary; fencing mysqld" in world.log(usurper, "agent")
    assert f"breach 'writable' of orders/{usurper}" in world.log("mon1", "monitor") + world.log("mon2", "monitor")
    assert (world.record.state["primary"], world.record.state["epoch"]) == (primary, epoch)
    assert world.record.history == jobs
    assert world.judge().writable == [primary]
