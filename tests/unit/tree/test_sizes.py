"""A function fits on a screen and a file in a head."""

from __future__ import annotations

import ast

import pytest

from tests.unit.tree.source import parsed, python_files, text

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60


@pytest.mark.parametrize("path", python_files())
def test_a_file_and_each_of_its_functions_stay_small(path: str) -> None:
    assert len(text(path).splitlines()) <= FILE_LINES_MAX
    long = [
        node.name
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert not long
