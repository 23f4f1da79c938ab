"""A wall clock that can be turned for one program: a library that is preloaded into it, and the file it goes by."""

from __future__ import annotations

from pathlib import Path

SOURCE = Path(__file__).with_name("jump.c")


def environment(library: Path, file: Path) -> dict[str, str]:
    """What a program needs to see the wall clock shifted by the seconds in the file, eight bytes of machine order."""
    return {"LD_PRELOAD": str(library), "CLOCK_JUMP_FILE": str(file)}
