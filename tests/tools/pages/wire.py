"""docs/wire.md: what is kept in ZooKeeper and what is said over HTTPS."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from enum import StrEnum
from types import ModuleType
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import (
    cluster,
    fleet_breaker,
    health,
    lifecycle,
    maintenance,
    manifest,
    observation,
    permission,
    returned,
    standing,
    thresholds,
    verdict,
    wire,
    znodes,
)
from tests.tools.pages import markdown as md

HOMES: tuple[ModuleType, ...] = (
    znodes,
    wire,
    observation,
    standing,
    permission,
    maintenance,
    manifest,
    returned,
    fleet_breaker,
    cluster,
)
WORDS: tuple[ModuleType, ...] = (health, verdict, lifecycle, observation, cluster, thresholds, manifest, returned)


def own_classes(module: ModuleType, kind: Callable[[type], bool]) -> list[type[Any]]:
    found = (each for each in vars(module).values() if inspect.isclass(each) and each.__module__ == module.__name__)
    return [each for each in found if kind(each)]


def path_functions() -> list[Callable[..., str]]:
    found = vars(znodes).items()
    return [function for name, function in found if name.endswith("_path") and inspect.isfunction(function)]


def znode_row(function: Callable[..., str]) -> tuple[str, str]:
    names = inspect.signature(function).parameters
    path = function(**{name: f"<{name}>" for name in names})
    return md.code(path), md.sentence(inspect.getdoc(function) or "")


def https_row(name: str, comment: str) -> tuple[str, str, str, str]:
    """From ``METHOD listener[, by whom]: question → answer``."""
    matched = re.fullmatch(r"(GET|POST) ([^:→]+?)(?:: (\w+))? → (.+)", comment)
    if matched is None:
        raise LookupError(f"the comment of {name} does not read 'METHOD listener: question → answer'")
    method, listener, question, answer = matched.groups()
    return md.code(f"{method} {getattr(wire, name)}"), listener, question or "nothing", answer


def default_of(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default.value if isinstance(field.default, StrEnum) else field.default
        return md.code(repr(value))
    return "" if field.default_factory is dataclasses.MISSING else "empty or its own defaults"


def shape(each: type[Any]) -> str:
    text = inspect.getdoc(each) or ""
    said = "" if text.startswith(f"{each.__name__}(") else md.sentence(text)
    rows = [(md.code(field.name), md.code(field.type), default_of(field)) for field in dataclasses.fields(each)]
    return "\n\n".join(
        part for part in (f"### {each.__name__}", said, md.table(("field", "type", "default"), rows)) if part
    )


def word_row(each: type[StrEnum]) -> tuple[str, str]:
    return md.code(each.__name__), ", ".join(md.code(member.value) for member in each)


def page() -> str:
    shapes = [each for module in HOMES for each in own_classes(module, dataclasses.is_dataclass)] + [thresholds.Raised]
    words = [each for module in WORDS for each in own_classes(module, lambda kind: issubclass(kind, StrEnum))]
    paths = md.trailing_comments(wire, "_PATH")
    return md.page(
        "On the wire and in ZooKeeper",
        "plugins/module_utils/_core/{znodes,wire,observation,standing,permission,maintenance,manifest,returned,fleet_breaker,cluster,thresholds}.py",
        "Everything is JSON in the shapes below and is checked field by field when it is read. Unknown fields are"
        " ignored, so that a newer neighbour may say more; anything else that does not fit is set aside and logged.",
        "## Znodes",
        "Paths hang below the configured root, `/altair` unless it was changed.",
        md.table(("path", "what it holds"), [znode_row(each) for each in path_functions()]),
        "## HTTPS",
        "TLS 1.3 with certificates on both sides. The organizational unit of the caller's certificate is its role."
        " An agent takes a stop from an `orchestrator` or an `operator` only. A monitor takes reports from an `agent`"
        " whose common name is the node's, and relayed ones from a `monitor`. An answer that is not 200 holds a"
        " `Refusal`.",
        md.table(("request", "to", "question", "answer"), [https_row(*item) for item in paths.items()]),
        "## Shapes",
        md.sentence((inspect.getdoc(znodes) or "").rpartition("\n\n")[2]),
        *(shape(each) for each in shapes),
        "## Words",
        md.table(("type", "values"), [word_row(each) for each in words]),
    )
