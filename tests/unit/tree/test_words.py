"""What no file may say, and what every module has to."""

from __future__ import annotations

import ast
import re

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.plan import PLANS
from tests.unit.tree.source import MODULES, parsed, python_files, text, tracked

# Statements that MySQL 8.4 removed; the last one only in its old spelling for threads.
REMOVED = (
    r"show\s+slave\s+status",
    r"show\s+slave\s+hosts",
    r"change\s+master",
    r"show\s+master\s+status",
    r"reset\s+master",
    r"reset\s+slave",
    r"(start|stop)\s+slave",
    r"master_(pos_wait|host|auto_position)",
)
WHERE_STATEMENTS_ARE_SENT = ("plugins", "roles", "playbooks", "tests/lab", "extensions")
PLUGIN_FILES = [*python_files("plugins/inventory/"), *python_files("plugins/lookup/")]
MODULE_FILES = [path for path in python_files(MODULES) if not path.endswith("__init__.py")]


def constants(path: str) -> dict[str, str]:
    """The strings that a file assigns to names at its top."""
    return {
        target.id: node.value.value
        for node in parsed(path).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("statement", REMOVED)
def test_no_statement_that_the_server_removed_is_sent(statement: str) -> None:
    files = tracked(*WHERE_STATEMENTS_ARE_SENT)
    assert files
    assert not [path for path in files if re.search(statement, text(path), re.IGNORECASE)]


def test_the_search_for_removed_statements_finds_one_where_it_stands() -> None:
    samples = ["SHOW SLAVE STATUS", "SHOW SLAVE HOSTS", "CHANGE MASTER TO", "SHOW MASTER STATUS", "RESET MASTER"]
    samples += ["RESET SLAVE ALL", "stop  slave", "MASTER_HOST = 'x'"]
    for sample, statement in zip(samples, REMOVED, strict=True):
        assert re.search(statement, sample, re.IGNORECASE)


def test_every_step_of_each_plan_is_a_module_of_that_name() -> None:
    assert {f"{MODULES}{step.name}.py" for plan in PLANS.values() for step in plan} <= set(MODULE_FILES)


@pytest.mark.parametrize("path", MODULE_FILES)
def test_a_module_documents_itself_in_yaml_that_can_be_read(path: str) -> None:
    texts = constants(path)
    documentation = yaml.safe_load(texts["DOCUMENTATION"])
    assert documentation["module"] == path.removeprefix(MODULES).removesuffix(".py")
    assert isinstance(yaml.safe_load(texts["EXAMPLES"]), list)
    assert isinstance(yaml.safe_load(texts["RETURN"]), dict)


@pytest.mark.parametrize("path", PLUGIN_FILES)
def test_a_plugin_documents_itself_in_yaml_that_can_be_read(path: str) -> None:
    texts = constants(path)
    assert yaml.safe_load(texts["DOCUMENTATION"])["name"] == path.rpartition("/")[2].removesuffix(".py")
    assert list(yaml.safe_load_all(texts["EXAMPLES"]))
