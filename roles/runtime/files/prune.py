"""Removes the releases of one flavour that are neither in use nor kept as a way back, then environments that none uses.

Run by the role on a host: prune.py ROOT FLAVOUR KEEP. Prints one line for each folder it removed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def linked(links: list[Path]) -> set[Path]:
    """Where these symbolic links lead, as far as they are links at all."""
    return {link.resolve() for link in links if link.is_symlink()}


def superfluous(root: Path, flavour: str, keep: int) -> list[Path]:
    """What may go: all but what a `current` link names, the newest `keep` beside it, and their environments."""
    releases = root / "releases"
    in_use = linked(list(root.glob("current*")))
    others = [path for path in releases.glob(f"*-{flavour}-*") if path.is_dir() and path.resolve() not in in_use]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    old = others[keep:]
    remaining = [path for path in releases.iterdir() if path not in old]
    needed = linked([path / "venv" for path in remaining])
    return old + [path for path in (root / "venvs").iterdir() if path.resolve() not in needed]


def main(root: str, flavour: str, keep: str) -> None:
    """Removes, and says what."""
    for path in superfluous(Path(root), flavour, int(keep)):
        shutil.rmtree(path)
        sys.stdout.write(f"removed {path}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
