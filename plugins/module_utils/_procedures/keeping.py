# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ZooKeeper is; and what stays open from one step of a job to the next, where one process carries out several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .._adapters.mysql import keeping_connections
from .._adapters.zookeeper import Store, open_store


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeper:
    """Where ZooKeeper is. ``connect_seconds`` bounds the wait for it."""

    hosts: str
    root: str
    connect_seconds: float = 5.0


class _Keeping:
    """What ``keeping_open`` holds for this process; None outside of it."""

    store: tuple[Keeper, Store] | None = None


@contextmanager
def store_at(keeper: Keeper) -> Iterator[Store]:
    """A session for the block's length; within ``keeping_open`` the one that is open already."""
    kept = _Keeping.store
    if kept is not None and kept[0] == keeper:
        yield kept[1]
        return
    with open_store(keeper.hosts, keeper.root, connect_seconds=keeper.connect_seconds) as store:
        yield store


@contextmanager
def keeping_open(keeper: Keeper) -> Iterator[None]:
    """For the block's length one ZooKeeper session and the connections to MySQL serve every step. Not to be nested."""
    with open_store(keeper.hosts, keeper.root, connect_seconds=keeper.connect_seconds) as store:
        _Keeping.store = (keeper, store)
        try:
            with keeping_connections():
                yield
        finally:
            _Keeping.store = None
