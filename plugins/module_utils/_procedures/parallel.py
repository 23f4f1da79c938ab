# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that can be asked in parallel is asked in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from .._core.cluster import Node

Result = TypeVar("Result")


def for_each_node(nodes: Iterable[Node], work: Callable[[Node], Result]) -> dict[str, Result]:
    """Run ``work`` for all nodes at once; results by name. ``work`` bounds its own time and may not raise."""
    listed = tuple(nodes)
    if not listed:
        return {}
    with ThreadPoolExecutor(len(listed)) as pool:
        return dict(zip((node.name for node in listed), pool.map(work, listed), strict=True))
