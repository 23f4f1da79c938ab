"""People are told of a failover, and whoever cannot be told holds nothing up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.record import Json
from tests.integration.world import DAEMONS, World
from tests.lab import addresses, daemons
from tests.lab.host import Host
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab


def notices_of(host: Host) -> Path:
    return host.folder / "notices.jsonl"


def hung_at(host: Host) -> Path:
    return host.folder / "hung"


def targets(host: Host) -> list[Json]:
    """The first two never take anything; the third writes what it is told into a file."""
    hang = f"echo tried >> {hung_at(host)}; sleep 10000"
    return [
        {"name": "hung", "kind": "command", "command": ["sh", "-c", hang], "seconds": 60.0},
        {"name": "dead", "kind": "webhook", "url": f"https://{addresses.HOSTS['client']}:1/hook", "seconds": 60.0},
        {"name": "file", "kind": "command", "command": ["tee", "-a", str(notices_of(host))]},
    ]


class ToldWorld(World):
    """Monitors and orchestrators have the targets."""

    def _start(self, lab: Lab) -> None:
        for name in DAEMONS:
            host = lab.host(name)
            more = {} if daemons.role(name) == "agent" else {"notifications": targets(host)}
            daemons.start_daemon(lab, host, self.profile, more)
        daemons.register(lab, cool_down_seconds=0.0)

    def told(self, kind: str, **facts: Any) -> list[Json]:
        """The notices of a kind, by whichever daemon, that hold these facts."""
        lines = []
        for name in DAEMONS:
            path = notices_of(self.host(name))
            lines += path.read_text().splitlines() if path.exists() else []
        notices = [json.loads(line) for line in lines if line.endswith("}")]
        wanted = {"kind": kind, **facts}.items()
        return [each for each in notices if wanted <= each.items()]


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = ToldWorld(Lab("told"))
    yield world
    world.down()


@pytest.mark.scenario(47)
def test_with_targets_that_hang_or_are_dead_a_primary_is_replaced_as_ever_and_the_others_are_told(
    world: ToldWorld,
) -> None:
    done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
    assert done.report.violations == []
    assert done.report.writable == [done.new]
    assert done.report.dns == [addresses.HOSTS[done.new]]
    job, owner, old = done.job["id"], done.job["owner"], done.old
    epoch = done.job["epoch"]

    world.wait_for("the last notice", lambda: bool(world.told("job_done", job=job)))
    (suspicion,) = world.told("suspicion", node=old, epoch=epoch - 1)
    (conclusion,) = world.told("conclusion", node=old, epoch=epoch - 1, by=owner)
    (opened,) = world.told("job_opened", job=job, node=old, epoch=epoch, by=owner)
    (ended,) = world.told("job_done", job=job, node=old, by=owner)
    assert suspicion["by"] in ("mon1", "mon2")
    assert suspicion["sentence"] == "its agent saw mysqld exit"
    assert conclusion["sentence"].startswith("dead_primary: ")
    assert suspicion["at"] <= conclusion["at"] <= opened["at"] <= ended["at"]
    assert done.new in ended["sentence"]
    # The others were tried, by the same daemons, and not one of them was told.
    for by in (suspicion["by"], owner):
        assert hung_at(world.host(by)).exists()
        world.wait_for(
            "the dead target's end",
            lambda by=by: "dead was not told" in world.log(by, daemons.role(by) or ""),  # type: ignore[misc]
        )
