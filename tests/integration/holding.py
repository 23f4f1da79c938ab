"""Holding an orchestrator's playbook exactly between two steps."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.world import World
from tests.lab import hold_callback

ORCHESTRATORS = ("orc1", "orc2")


class Hold:
    """Whichever orchestrator runs the job stands still right before the step."""

    def __init__(self, world: World, step: str) -> None:
        self._world = world
        self._step = step
        self._folders = {name: world.host(name).folder / "home" / "plugins" / "callback" for name in ORCHESTRATORS}

    def set_up(self) -> None:
        fresh = [name for name, folder in self._folders.items() if not (folder / "hold.py").exists()]
        for name in fresh:
            self._folders[name].mkdir(parents=True)
            shutil.copy(Path(hold_callback.__file__), self._folders[name] / "hold.py")
        if fresh:
            self._world.restart(*fresh)  # the process that waits warm has not loaded it
        for folder in self._folders.values():
            (folder / "held").unlink(missing_ok=True)
            (folder / "hold").write_text(self._step)

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
