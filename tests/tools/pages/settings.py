"""docs/settings.md: every key of the daemons' settings files; the dead-man reads its agent's."""

from __future__ import annotations

import dataclasses
import inspect
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import KINDS
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons import checked, settings, targets
from tests.tools.pages import markdown as md

DAEMONS: tuple[tuple[str, type[Any]], ...] = (
    ("agent", settings.AgentSettings),
    ("monitor", settings.MonitorSettings),
    ("orchestrator", settings.OrchestratorSettings),
)
TARGETS: tuple[type[Any], ...] = (targets.WebhookTarget, targets.EmailTarget, targets.CommandTarget)
Row = tuple[str, str, str, str]


def bounds(mark: object) -> str:
    if isinstance(mark, checked.Within):
        return f"{mark.low:g} to {mark.high:g}"
    return mark.form if isinstance(mark, checked.Matching) else ""


def kind_of(hint: Any) -> str:
    marks = getattr(hint, "__metadata__", ())
    if marks:
        return ", ".join(text for text in map(bounds, marks) if text)
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return " or ".join(md.code(member.value) for member in hint)
    if hint is bool:
        return f"{md.code('true')} or {md.code('false')}"
    if get_origin(hint) is tuple:
        return "list"
    choices = [choice for choice in get_args(hint) if isinstance(choice, str)]
    return " or ".join(map(md.code, choices)) or "text"


def default_of(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(value, bool):
        return md.code(str(value).lower())
    return "none" if value is None or value == () else md.code(value)


def rows_of(group: type[Any], texts: dict[tuple[str, str], str], above: str = "") -> list[Row]:
    """One row a key, groups unfolded; LookupError names a key that says nothing of itself."""
    rows: list[Row] = []
    hints = get_type_hints(group, include_extras=True)
    for field in dataclasses.fields(group):
        hint = hints[field.name]
        if dataclasses.is_dataclass(hint):
            rows += rows_of(hint, texts, f"{above}{field.name}.")  # type: ignore[arg-type]
        else:
            text = next(
                (texts[kind.__name__, field.name] for kind in group.__mro__ if (kind.__name__, field.name) in texts),
                None,
            )
            if text is None:
                raise LookupError(f"{group.__name__}.{field.name} has no text below it in {group.__module__}")
            rows.append((md.code(above + field.name), kind_of(hint), default_of(field), text))
    return rows


def page() -> str:
    texts = md.attribute_texts(settings)
    parts = []
    for daemon, group in DAEMONS:
        parts += [f"## The {daemon}", md.table(("key", "kind", "default", "what it is"), rows_of(group, texts))]
    told = md.attribute_texts(targets)
    parts.append("## Notifications")
    parts.append(
        "Each entry of the list `notifications` is a target; its `kind` says how it is told. How to use them is in"
        " [operating.md](operating.md#notifications)."
    )
    for target in TARGETS:
        head = f"### {get_args(get_type_hints(target)['kind'])[0]}"
        parts += [head, md.table(("key", "kind", "default", "what it is"), rows_of(target, told))]
    kinds = [(md.code(row.kind.value), row.severity, row.told_by, row.when) for row in KINDS]
    parts += ["### Kinds of notices", md.table(("kind", "severity", "told by", "when"), kinds)]
    return md.page(
        "Settings of the daemons",
        "plugins/plugin_utils/_daemons/settings.py",
        "Each daemon reads one YAML file, named with `--settings FILE`. It is checked whole before anything starts: a"
        " key that is unknown, missing or out of bounds, or a file that cannot be used, is named, and the daemon ends"
        " with exit code 2. `--check` does only that. A dot in a key stands for nesting.",
        *parts,
    )
