"""What every generated page is made of: a heading, prose, tables; and what the source text tells beyond its values."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterable, Sequence
from types import ModuleType

NOTICE = "<!-- Written by `make docs` from {source}. Change it there. -->"


def code(text: object) -> str:
    return f"`{text}`"


def sentence(text: str) -> str:
    """A docstring or a table's reason as one line; ``name`` of a docstring becomes `name`."""
    return re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split()))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(title: str, source: str, *parts: str) -> str:
    return "\n\n".join([NOTICE.format(source=source), f"# {title}", *parts]) + "\n"


def parsed(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def conditions(module: ModuleType, name: str) -> list[str]:
    """The body of the lambda in each row of the tuple ``name``, as it is written in the source."""
    for statement in parsed(module).body:
        if isinstance(statement, ast.AnnAssign) and ast.unparse(statement.target) == name and statement.value:
            found = (node for node in ast.walk(statement.value) if isinstance(node, ast.Lambda))
            ordered = sorted(found, key=lambda node: node.lineno)
            return ["always" if _is_true(node.body) else ast.unparse(node.body) for node in ordered]
    raise LookupError(f"{module.__name__} has no table {name}")


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def trailing_comments(module: ModuleType, suffix: str) -> dict[str, str]:
    """Comment by name, for constants whose names end in ``suffix``."""
    pattern = re.compile(rf"^([A-Z_]+{suffix}) = .*?  # (.+)$", re.MULTILINE)
    return dict(pattern.findall(inspect.getsource(module)))


def attribute_texts(module: ModuleType) -> dict[tuple[str, str], str]:
    """(class, attribute) → the string that stands below the attribute."""
    found = {}
    for node in ast.walk(parsed(module)):
        if not isinstance(node, ast.ClassDef):
            continue
        for above, below in zip(node.body, node.body[1:], strict=False):
            if isinstance(above, ast.AnnAssign) and isinstance(below, ast.Expr):
                found[node.name, ast.unparse(above.target)] = sentence(ast.literal_eval(below.value))
    return found
