"""docs/settings.md: every key of the three daemons' settings files."""

from __future__ import annotations

import inspect
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons import settings
from tests.tools.pages import markdown as md

DAEMONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("agent", settings.AgentSettings),
    ("monitor", settings.MonitorSettings),
    ("orchestrator", settings.OrchestratorSettings),
)
BOUNDS = (("gt", "above {}"), ("ge", "at least {}"), ("lt", "below {}"), ("le", "at most {}"))


def group_of(field: FieldInfo) -> type[BaseModel] | None:
    kind = field.annotation
    return kind if inspect.isclass(kind) and issubclass(kind, BaseModel) else None


def kind_of(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if inspect.isclass(kind) and issubclass(kind, Enum):
        return " or ".join(md.code(member.value) for member in kind)
    choices = getattr(kind, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return " or ".join(md.code(choice) for choice in choices)
    names = {str: "text", int: "number", float: "number"}
    plain = names.get(kind) or ("list of text" if "tuple" in str(kind) else "text")
    limits = [
        text.format(f"{getattr(part, name):g}")
        for part in field.metadata
        for name, text in BOUNDS
        if hasattr(part, name)
    ]
    return ", ".join([plain, *limits])


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    return "none" if value is None else md.code(value)


def rows_of(
    model: type[BaseModel], texts: dict[tuple[str, str], str], above: str = ""
) -> list[tuple[str, str, str, str]]:
    """One row a key, groups unfolded; LookupError names a key that says nothing of itself."""
    rows = []
    for name, field in model.model_fields.items():
        inner = group_of(field)
        if inner is not None:
            rows += rows_of(inner, texts, f"{above}{name}.")
        elif (model.__name__, name) not in texts:
            raise LookupError(f"{model.__name__}.{name} has no text below it in settings.py")
        else:
            rows.append((md.code(above + name), kind_of(field), default_of(field), texts[model.__name__, name]))
    return rows


def page() -> str:
    texts = md.attribute_texts(settings)
    parts = []
    for daemon, model in DAEMONS:
        parts += [f"## The {daemon}", md.table(("key", "kind", "default", "what it is"), rows_of(model, texts))]
    return md.page(
        "Settings of the daemons",
        "plugins/plugin_utils/_daemons/settings.py",
        "Each daemon reads one YAML file, named with `--settings FILE`. It is checked whole before anything starts: a"
        " key that is unknown, missing or out of bounds is named, and the daemon ends with exit code 2. `--check`"
        " does only that. A dot in a key stands for nesting.",
        *parts,
    )
