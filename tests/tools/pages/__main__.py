"""`python -m tests.tools.pages [--check]`: write the generated pages of docs/, or say which of them is stale."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from tests.tools.pages import discovery, lifecycle, plan, rejoin, settings, verdicts, wire

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES: dict[str, Callable[[], str]] = {
    "discovery.md": discovery.page,
    "lifecycle.md": lifecycle.page,
    "plan.md": plan.page,
    "rejoin.md": rejoin.page,
    "settings.md": settings.page,
    "verdicts.md": verdicts.page,
    "wire.md": wire.page,
}


def stale(folder: Path = DOCS) -> tuple[str, ...]:
    """Pages that are missing or not what the code says."""

    def text_of(name: str) -> str | None:
        path = folder / name
        return path.read_text(encoding="utf-8") if path.exists() else None

    return tuple(name for name, page in PAGES.items() if text_of(name) != page())


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.tools.pages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is stale")
    check = parser.parse_args(arguments).check
    changed = stale()
    if check and changed:
        sys.stderr.write(f"docs: {', '.join(changed)} no longer says what the code says; run `make docs`.\n")
        return 1
    for name in changed:
        (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"docs: wrote docs/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
