"""The rooms of the house keep their doors: each imports only what it may."""

from __future__ import annotations

import ast
import sys

from tests.unit.tree.source import (
    ADAPTERS,
    COLLECTION,
    CORE,
    DAEMONS,
    MODULES,
    PLUGINS,
    PLUGINS_PACKAGE,
    below,
    dotted,
    imports,
    parsed,
    python_files,
)

# A clock, a socket, randomness, another process or a log make a decision depend on more than its arguments.
IMPURE = {"asyncio", "datetime", "logging", "os", "random", "secrets", "select", "signal", "socket", "subprocess"}
IMPURE |= {"multiprocessing", "pathlib", "shutil", "ssl", "sys", "tempfile", "threading", "time", "urllib", "uuid"}


def trespassers(folder: str, *forbidden: str) -> list[tuple[str, str]]:
    """(file, import) of files in a folder that import from packages which they may not."""
    return [
        (path, name)
        for path in python_files(folder)
        for name in sorted(imports(path))
        if any(below(name, package) for package in forbidden)
    ]


def foreign(folder: str, *own: str) -> list[tuple[str, str]]:
    """(file, import) of files in a folder that import from the collection outside the packages named."""
    return [
        (path, name)
        for path in python_files(folder)
        for name in sorted(imports(path))
        if below(name, COLLECTION) and not any(below(name, package) for package in own)
    ]


def test_what_decides_imports_the_standard_library_and_itself() -> None:
    strangers = [
        (path, name)
        for path in python_files(CORE)
        for name in imports(path)
        if name.split(".")[0] not in sys.stdlib_module_names and not below(name, dotted(CORE))
    ]
    assert python_files(CORE)
    assert not strangers


def test_what_decides_knows_no_clock_socket_randomness_process_or_log() -> None:
    assert not trespassers(CORE, *IMPURE)


def test_what_decides_opens_and_prints_nothing() -> None:
    doors = {"open", "print", "input", "exec", "eval", "__import__"}
    used = [
        (path, node.func.id)
        for path in python_files(CORE)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in doors
    ]
    assert not used


def test_what_touches_imports_of_the_house_only_what_decides() -> None:
    assert python_files(ADAPTERS)
    assert not foreign(ADAPTERS, dotted(CORE), dotted(ADAPTERS))
    assert not trespassers(ADAPTERS, "ansible")


def test_each_library_is_touched_by_one_adapter() -> None:
    libraries = ("pymysql", "kazoo", "dns", "aiohttp", "pydantic")
    for library in libraries:
        users = {path for path, _name in trespassers("plugins/module_utils/", library)}
        assert len(users) <= 1, library


def test_procedures_import_only_what_touches_and_what_decides() -> None:
    procedures = "plugins/module_utils/_procedures/"
    assert not foreign(procedures, dotted(CORE), dotted(ADAPTERS), dotted(procedures))
    assert not trespassers(procedures, "ansible")


def test_modules_and_daemons_never_import_each_other() -> None:
    assert not trespassers(MODULES, f"{PLUGINS_PACKAGE}.plugin_utils")
    assert not trespassers(DAEMONS, f"{PLUGINS_PACKAGE}.modules", f"{PLUGINS_PACKAGE}.module_utils._module")


def test_inventory_and_lookup_import_neither_modules_nor_daemons() -> None:
    for folder in ("plugins/inventory/", "plugins/lookup/"):
        assert python_files(folder)
        assert not trespassers(folder, f"{PLUGINS_PACKAGE}.modules", f"{PLUGINS_PACKAGE}.plugin_utils")


def test_what_modules_ship_never_imports_what_they_do_not() -> None:
    others = ("modules", "plugin_utils", "action", "inventory", "lookup")
    assert not trespassers("plugins/module_utils/", *(f"{PLUGINS_PACKAGE}.{kind}" for kind in others))


def test_daemons_never_import_ansible() -> None:
    assert not trespassers(DAEMONS, "ansible")


def test_nothing_under_plugins_imports_tests() -> None:
    assert not trespassers(PLUGINS, "tests", "pytest", "hypothesis", f"{COLLECTION}.tests")


def test_nothing_under_plugins_asserts() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in python_files(PLUGINS)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Assert)
    ]
    assert not found
