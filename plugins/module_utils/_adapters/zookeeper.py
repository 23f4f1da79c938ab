# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZooKeeper, by kazoo: typed znodes below one root, each change a compare-and-set."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, Union

from .._core.errors import Conflict, InvalidInput, NotFound, Unavailable
from . import deps
from .codec import decode, encode

with deps.declare("kazoo"):
    from kazoo.client import KazooClient, KazooState
    from kazoo.exceptions import (
        BadVersionError,
        ConnectionClosedError,
        ConnectionLoss,
        KazooException,
        NodeExistsError,
        NoNodeError,
        NotEmptyError,
        OperationTimeoutError,
        RolledBackError,
        RuntimeInconsistency,
        SessionExpiredError,
    )
    from kazoo.handlers.threading import KazooTimeoutError
    from kazoo.protocol.states import KeeperState

Shape = TypeVar("Shape")
_LOOK_SECONDS = 0.01
_WRITES = frozenset({"create_async", "set_async", "delete_async", "commit_async"})

_ROOT = re.compile(r"(/[A-Za-z0-9_-]+)+/?")


@dataclass(frozen=True, slots=True)
class Versioned(Generic[Shape]):
    """A znode's value and the version that a change must name."""

    value: Shape
    version: int


@dataclass(frozen=True, slots=True)
class Create:
    path: str
    value: object
    ephemeral: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    path: str
    value: object
    version: int


@dataclass(frozen=True, slots=True)
class Delete:
    path: str
    version: int = -1


@dataclass(frozen=True, slots=True)
class Check:
    """Nothing changes; the transaction fails unless the znode is at this version."""

    path: str
    version: int


# Given to the plain client, which calls it with what happened.
Watcher = Callable[[Any], None]
# In the form that ansible-test, which reads this as Python 3.8, takes.
Change = Union[Create, Replace, Delete, Check]  # noqa: UP007


class Store:
    """One ZooKeeper session. Paths are relative to the root; every method may raise Unavailable.

    What ends in ``_many`` asks all at once and in the given order, in which ZooKeeper answers one session. Each call
    waits at most ``answer_seconds``; only to set a watch waits until the connection is back.
    """

    def __init__(self, client: Any, hosts: str, root: str, answer_seconds: float) -> None:
        self._client = client
        self._hosts = hosts
        self._root = "/" + root.strip("/")
        self._answer_seconds = answer_seconds
        self._counting = threading.Lock()
        self.reads = self.writes = 0

    @property
    def place(self) -> str:
        """For sentences: where this record is kept."""
        return f"{self._root} in ZooKeeper at {self._hosts}"

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _await_connection(self) -> float:
        """Begin only with a connection: what is begun without one would be kept, and done when nobody expects it.

        Returns by when the answer must be here.
        """
        deadline = time.monotonic() + self._answer_seconds
        while not self._client.connected and self._client.client_state != KeeperState.CLOSED:
            if time.monotonic() >= deadline:
                raise ConnectionLoss
            time.sleep(_LOOK_SECONDS)
        return deadline

    def _count(self, begin: Callable[..., Any], times: int) -> None:
        with self._counting:
            if begin.__name__ in _WRITES:
                self.writes += times
            else:
                self.reads += times

    def _wait(self, begin: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        deadline = self._await_connection()
        self._count(begin, 1)
        return begin(*arguments, **options).get(timeout=max(deadline - time.monotonic(), 0.0))

    def _wait_many(self, begin: Callable[..., Any], paths: Sequence[str], *arguments: Any) -> list[Any]:
        """None in the place of what is not there."""
        found: list[Any] = []
        with self._translated(paths[0] if paths else ""):
            deadline = self._await_connection()
            self._count(begin, len(paths))
            for each in [begin(self._full(path), *arguments) for path in paths]:
                try:
                    found.append(each.get(timeout=max(deadline - time.monotonic(), 0.0)))
                except NoNodeError:
                    found.append(None)
        return found

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except NoNodeError:
            raise NotFound(f"ZooKeeper at {self._hosts} has no {self._full(path)}") from None
        except (BadVersionError, NodeExistsError, NotEmptyError) as error:
            raise Conflict(f"{self._full(path)} in ZooKeeper was changed by another first ({_kind(error)})") from None
        except (
            ConnectionLoss,
            ConnectionClosedError,
            SessionExpiredError,
            OperationTimeoutError,
            KazooTimeoutError,
        ) as error:
            raise Unavailable(f"ZooKeeper at {self._hosts} does not answer ({_kind(error)})") from None
        except KazooException as error:
            raise Unavailable(f"ZooKeeper at {self._hosts} refuses {self._full(path)} ({_kind(error)})") from None

    def read(self, path: str, shape: type[Shape]) -> Versioned[Shape] | None:
        """None when there is no such znode; InvalidInput when it holds garbage."""
        with self._translated(path):
            try:
                raw, stat = self._wait(self._client.get_async, self._full(path))
            except NoNodeError:
                return None
        return Versioned(decode(shape, raw, self._full(path)), stat.version)

    def read_many(self, asks: Sequence[tuple[str, type[Any] | None]], watcher: Watcher | None = None) -> list[Any]:
        """For each path and shape what ``read`` returns; an InvalidInput that it would raise stands in its place.

        Without a shape the value is None, whatever the znode holds.
        """
        found = self._wait_many(self._client.get_async, [path for path, _shape in asks], watcher)
        return [
            answer and self._decoded(path, shape, *answer) for (path, shape), answer in zip(asks, found, strict=True)
        ]

    def _decoded(self, path: str, shape: type[Any] | None, raw: bytes, stat: Any) -> Versioned[Any] | InvalidInput:
        if shape is None:
            return Versioned(None, stat.version)
        try:
            return Versioned(decode(shape, raw, self._full(path)), stat.version)
        except InvalidInput as error:
            return error

    def require(self, path: str, shape: type[Shape]) -> Versioned[Shape]:
        """As ``read``, but NotFound when there is no such znode."""
        found = self.read(path, shape)
        if found is None:
            raise NotFound(f"ZooKeeper at {self._hosts} has no {self._full(path)}")
        return found

    def version(self, path: str) -> int | None:
        """Of the znode, whatever it holds; None when there is no such znode."""
        with self._translated(path):
            stat = self._wait(self._client.exists_async, self._full(path))
        return None if stat is None else int(stat.version)

    def version_many(self, paths: Sequence[str]) -> list[int | None]:
        found = self._wait_many(self._client.exists_async, paths)
        return [None if stat is None else int(stat.version) for stat in found]

    def children_many(self, paths: Sequence[str], watcher: Watcher | None = None) -> list[frozenset[str]]:
        """Names; none where there is no such znode, and then ``watcher`` is not told of it either."""
        found = self._wait_many(self._client.get_children_async, paths, watcher)
        return [frozenset(names or ()) for names in found]

    def children(self, path: str) -> tuple[str, ...]:
        """Names in order; none when there is no such znode."""
        with self._translated(path):
            try:
                return tuple(sorted(self._wait(self._client.get_children_async, self._full(path))))
            except NoNodeError:
                return ()

    def ensure_many(self, paths: Sequence[str]) -> None:
        self._wait_many(self._client.ensure_path_async, paths)

    def ensure(self, path: str) -> None:
        with self._translated(path):
            self._wait(self._client.ensure_path_async, self._full(path))

    def create(self, path: str, value: object, *, ephemeral: bool = False) -> None:
        """Conflict when it exists. Parents are made as needed."""
        with self._translated(path):
            begin = self._client.create_async
            self._wait(begin, self._full(path), encode(value), ephemeral=ephemeral, makepath=True)

    def replace(self, path: str, value: object, version: int) -> int:
        """Compare-and-set; returns the new version."""
        with self._translated(path):
            return int(self._wait(self._client.set_async, self._full(path), encode(value), version).version)

    def put(self, path: str, value: object) -> None:
        """Create or overwrite, for znodes with one writer."""
        with self._translated(path):
            try:
                self._wait(self._client.set_async, self._full(path), encode(value))
            except NoNodeError:
                self._wait(self._client.create_async, self._full(path), encode(value), makepath=True)

    def delete(self, path: str, version: int = -1) -> None:
        """Nothing happens when there is no such znode."""
        with self._translated(path):
            try:
                self._wait(self._client.delete_async, self._full(path), version)
            except NoNodeError:
                return

    def delete_tree(self, path: str) -> None:
        """Everything below, then the znode itself."""
        for child in self.children(path):
            self.delete_tree(f"{path}/{child}")
        self.delete(path)

    def commit(self, changes: Sequence[Change]) -> None:
        """All or none, in one transaction; Conflict or NotFound names the first path that forbade it."""
        transaction = self._client.transaction()
        for change in changes:
            full = self._full(change.path)
            if isinstance(change, Create):
                transaction.create(full, _raw(change.value), ephemeral=change.ephemeral)
            elif isinstance(change, Replace):
                transaction.set_data(full, _raw(change.value), change.version)
            elif isinstance(change, Delete):
                transaction.delete(full, change.version)
            else:
                transaction.check(full, change.version)
        with self._translated(changes[0].path):
            results = self._wait(transaction.commit_async)
        for change, result in zip(changes, results, strict=True):
            if isinstance(result, Exception) and not isinstance(result, (RolledBackError, RuntimeInconsistency)):
                with self._translated(change.path):
                    raise result

    def confirm(self, folder: str, own: str) -> tuple[tuple[str, ...], bool]:
        """What is in ``folder``, and whether ``own`` in it is of this session, not older than this call.

        A server that lags behind would show the past: ``sync`` lets it catch up first.
        """
        with self._translated(folder):
            self._wait(self._client.sync_async, self._full(folder))
            names = self._wait(self._client.get_children_async, self._full(folder))
            stat = self._wait(self._client.exists_async, self._full(own))
        return tuple(sorted(names)), stat is not None and stat.ephemeralOwner == self.session

    def watcher(self, notify: Callable[[str], None]) -> Watcher:
        """To be given to ``read_many`` and ``children_many``: ``notify`` is called with the path, on the session's
        thread, when it next changes or goes; once. With the connection all are lost: then all is to be read anew.
        """

        def told(event: Any) -> None:
            if event.path:
                notify(event.path.removeprefix(f"{self._root}/"))

        return told

    def watch(self, path: str, notify: Callable[[], None]) -> None:
        """Call ``notify`` (on the session's thread) now and whenever the znode appears, changes or goes."""

        def changed(_raw: bytes | None, _stat: object) -> bool:
            notify()
            return True

        self._client.DataWatch(self._full(path), changed)

    def watch_presence(self, path: str, notify: Callable[[bool], None]) -> None:
        """As ``watch``; ``notify`` is told whether the znode is there."""

        def changed(_raw: bytes | None, stat: object) -> bool:
            notify(stat is not None)
            return True

        self._client.DataWatch(self._full(path), changed)

    def watch_children(self, path: str, notify: Callable[[tuple[str, ...]], None]) -> None:
        """Call ``notify`` with the names now and at every change. The znode must exist."""

        def changed(names: list[str]) -> bool:
            notify(tuple(sorted(names)))
            return True

        with self._translated(path):
            self._client.ChildrenWatch(self._full(path), changed)

    def on_session(self, notify: Callable[[bool], None]) -> None:
        """Call ``notify(True)`` when the session is (again) connected, ``notify(False)`` when it is not."""
        self._client.add_listener(lambda state: notify(state == KazooState.CONNECTED))

    @property
    def connected(self) -> bool:
        return bool(self._client.connected)

    @property
    def session(self) -> int:
        """Names this session; changes when it was lost and another begun. 0 while there is none."""
        identity = self._client.client_id
        return int(identity[0]) if identity else 0

    def owns(self, path: str) -> bool:
        """Whether the ephemeral znode belongs to this very session."""
        with self._translated(path):
            stat = self._wait(self._client.exists_async, self._full(path))
        return stat is not None and stat.ephemeralOwner == self.session

    def close(self) -> None:
        self._client.stop()
        self._client.close()


def _raw(value: object) -> bytes:
    """What is bytes has been encoded already."""
    return value if isinstance(value, bytes) else encode(value)


def _kind(error: Exception) -> str:
    return type(error).__name__


@contextmanager
def open_store(
    hosts: str,
    root: str,
    *,
    session_seconds: float = 10.0,
    connect_seconds: float = 5.0,
    answer_seconds: float = 5.0,
) -> Iterator[Store]:
    """A session for the block's length; Unavailable when nobody at ``hosts`` answers within ``connect_seconds``."""
    deps.require("kazoo", "pydantic")
    logging.getLogger("kazoo").setLevel(logging.ERROR)
    if not _ROOT.fullmatch(root):
        raise InvalidInput(f"the ZooKeeper root '{root}' is not usable; it must be a path such as /altair")
    client = KazooClient(hosts=hosts, timeout=session_seconds)
    store = Store(client, hosts, root, answer_seconds)
    try:
        client.start(timeout=connect_seconds)
    except (KazooTimeoutError, OSError) as error:
        client.close()
        raise Unavailable(f"ZooKeeper at {hosts} does not answer within {connect_seconds:g} s") from error
    try:
        yield store
    finally:
        store.close()
