"""Holding an orchestrator's playbook exactly between two steps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.world import World
from tests.lab import hold_callback

ORCHESTRATORS = ("orc1", "orc2")
WAITS = "Carry out in one go what writers wait for"


class Hold:
    """Whichever orchestrator runs the job stands still right before the step."""

    def __init__(self, world: World, step: str) -> None:
        self._world = world
        self._step = step
        self._folders = {name: world.host(name).folder / "home" / "plugins" / "callback" for name in ORCHESTRATORS}

    def set_up(self) -> None:
        for folder in self._folders.values():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(Path(hold_callback.__file__), folder / "hold.py")
            (folder / "held").unlink(missing_ok=True)
            (folder / "hold").write_text(self._step)
        before = {name: self._waiting(name) for name in self._folders}
        self._world.restart(*self._folders)  # the processes that wait warm have begun without it
        self._world.wait_for(
            "playbooks that wait", lambda: all(self._waiting(name) > many for name, many in before.items())
        )

    def _waiting(self, name: str) -> int:
        """How many playbooks of that orchestrator have come to the task that waits for the job."""
        return self._world.log(name, "playbook").count(f"TASK [{WAITS}]")

    def wait(self) -> str:
        """The orchestrator whose playbook stands there now; the other one would not stand still any more."""
        self._world.wait_for(f"a playbook before {self._step}", lambda: bool(self._held()))
        owner = self._held()[0]
        for name in ORCHESTRATORS:
            if name != owner:
                self.let_go(name)
        return owner

    def _held(self) -> list[str]:
        return [name for name, folder in self._folders.items() if (folder / "held").exists()]

    def let_go(self, name: str) -> None:
        (self._folders[name] / "hold").unlink(missing_ok=True)


@contextmanager
def held_before(world: World, step: str) -> Iterator[Hold]:
    hold = Hold(world, step)
    hold.set_up()
    try:
        yield hold
    finally:
        for name in ORCHESTRATORS:
            hold.let_go(name)
