# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON to and from the shapes of the core, checked field by field (pydantic): no garbage gets past a wire or a znode.

Unknown fields are ignored: a newer neighbour may say more. Settings files are stricter.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

from .._core.errors import InvalidInput
from . import deps

with deps.declare("pydantic"):
    from pydantic import Field, TypeAdapter, ValidationError

Shape = TypeVar("Shape")

# For people who write keys and values, not calls.
_PLAIN_WORDS = {"unexpected_keyword_argument": "there is no such key", "missing": "is missing"}


@cache
def _adapter(shape: Any) -> Any:
    deps.require("pydantic")
    return TypeAdapter(shape)


def prepare(*shapes: Any) -> None:
    """Build the checks of ``shapes`` now, which takes some milliseconds each, so that the first use need not."""
    for shape in shapes:
        _adapter(shape)


def first_fault(error: ValidationError) -> str:
    """``where: what`` of the first thing a validation found, without the library's addresses and inputs."""
    fault = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    what = _PLAIN_WORDS.get(fault["type"]) or fault["msg"].removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def told_apart_by(key: str) -> Any:
    """For ``Annotated[A | B, ...]``: the field ``key`` says which is meant, so that a fault is named of one only."""
    return Field(discriminator=key) if deps.present("pydantic") else key


def encode(value: object) -> bytes:
    raw: bytes = _adapter(cast(Any, type(value))).dump_json(value)
    return raw


def plain(value: object) -> Any:
    """``value`` as dicts, lists, strings and numbers, for a module's result."""
    return _adapter(cast(Any, type(value))).dump_python(value, mode="json")


def decode(shape: type[Shape], raw: bytes, source: str) -> Shape:
    """Raise InvalidInput that names ``source`` (a znode's path, a neighbour's address) and the field at fault."""
    adapter = _adapter(cast(Any, shape))
    try:
        value: Shape = adapter.validate_json(raw, strict=True)
    except ValidationError as error:
        raise InvalidInput(f"{source} holds no valid {shape.__name__}: {first_fault(error)}") from None
    return value


def decode_plain(shape: type[Shape], value: object, source: str) -> Shape:
    """The same for data that a person wrote (YAML, module arguments): numbers may come as text."""
    adapter = _adapter(cast(Any, shape))
    try:
        decoded: Shape = adapter.validate_python(value)
    except ValidationError as error:
        raise InvalidInput(f"{source}: {first_fault(error)}") from None
    return decoded
