# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is open and not in use just now, for who comes back to the same servers within a second or two."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class Keepable(Protocol):
    """``as_opened``: nothing was changed that the next user would not expect. ``answers()``: it still stands."""

    as_opened: bool

    def answers(self) -> bool: ...

    def close(self) -> None: ...


Thing = TypeVar("Thing", bound=Keepable)


class Kept(Generic[Thing]):
    """One of a kind at most. Threads may share it. What anything failed on is closed."""

    def __init__(self) -> None:
        self._free: dict[Hashable, Thing] = {}

    @contextmanager
    def borrow(self, key: Hashable, open_one: Callable[[], Thing]) -> Iterator[Thing]:
        thing = self._free.pop(key, None)
        if thing is None or not thing.answers():
            thing = open_one()
        try:
            yield thing
        except BaseException:
            thing.close()
            raise
        if not thing.as_opened or self._free.setdefault(key, thing) is not thing:
            thing.close()

    def close(self) -> None:
        while self._free:
            self._free.popitem()[1].close()
