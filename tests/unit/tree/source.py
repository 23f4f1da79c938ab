"""The tree as version control knows it, files not yet added included, parsed."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
COLLECTION = "ansible_collections.altair.mysql_ha"
PLUGINS = "plugins/"
CORE = "plugins/module_utils/_core/"
ADAPTERS = "plugins/module_utils/_adapters/"
MODULES = "plugins/modules/"
DAEMONS = "plugins/plugin_utils/_daemons/"
PLUGINS_PACKAGE = f"{COLLECTION}.plugins"


@cache
def tracked(*patterns: str) -> tuple[str, ...]:
    """Files of the tree that version control does not ignore, relative to it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=TREE,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(sorted(name for name in listed.stdout.split("\0") if name and (TREE / name).is_file()))


def python_files(folder: str = "") -> tuple[str, ...]:
    return tuple(name for name in tracked("*.py") if name.startswith(folder))


@cache
def text(path: str) -> str:
    return (TREE / path).read_text(encoding="utf-8")


@cache
def parsed(path: str) -> ast.Module:
    return ast.parse(text(path), path)


def _package(path: str) -> list[str]:
    """The dotted name of the package a file lies in."""
    prefix = COLLECTION.split(".") if path.startswith(PLUGINS) else []
    return [*prefix, *path.split("/")[:-1]]


def _of_import_from(node: ast.ImportFrom, package: list[str]) -> set[str]:
    base = package[: len(package) - node.level + 1] if node.level else []
    target = ".".join([*base, *([node.module] if node.module else [])])
    # `from . import deps` imports the module deps, `from .deps import require` a name: both lie below the target.
    return {f"{target}.{alias.name}" for alias in node.names}


@cache
def imports(path: str) -> frozenset[str]:
    """Full dotted names of all that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= _of_import_from(node, _package(path))
    return frozenset(found)


def below(name: str, package: str) -> bool:
    """Whether a dotted name is a package or lies in it."""
    return name == package or name.startswith(f"{package}.")


def dotted(folder: str) -> str:
    """The package of a folder under plugins/."""
    return f"{COLLECTION}.{folder.strip('/').replace('/', '.')}"
