# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where ZooKeeper is; and what stays open from one step of a job to the next, where one process carries out several."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, TypeVar

from .._adapters.agent import Caller, KeptCaller, TlsFiles, run
from .._adapters.mysql import keeping_connections
from .._adapters.zookeeper import Store, open_store
from .._core.errors import AltairError, Unavailable
from .._core.gtid import GtidSet
from .._core.wire import SalvageAnswer
from .jobs import Record, read_record

Result = TypeVar("Result")

RECORD_SECONDS_MAX = 0.1  # no longer than a step may take to get from its look at the record to its act


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeper:
    """Where ZooKeeper is. ``connect_seconds`` bounds the wait for it. ``session_seconds``: for how long what a process
    that died holds stays held."""

    hosts: str
    root: str
    connect_seconds: float = 5.0
    session_seconds: float = field(default=10.0, compare=False)


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the old primary's binary logs hold beyond ``have``, asked for before the step that needs it."""

    have: GtidSet
    answer: Future[tuple[SalvageAnswer, bytes]]


class _Keeping:
    """What ``keeping_open`` holds for this process; None outside of it."""

    store: tuple[Keeper, Store] | None = None
    record: tuple[float, Record] | None = None
    held: GtidSet | None = None
    tail: Ahead | None = None
    agents: tuple[TlsFiles, KeptCaller] | None = None


def now() -> float:
    """Seconds that a standstill of the host lets pass, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def record_of(store: Store, cluster: str) -> Record:
    """As it is on record; within ``keeping_open`` as a transaction of a moment ago has proven it to be."""
    kept = _Keeping.record
    if kept is not None and kept[1].spec.cluster == cluster and now() - kept[0] < RECORD_SECONDS_MAX:
        return kept[1]
    return read_record(store, cluster)


def keep_record(record: Record, proven_at: float) -> None:
    """``proven_at``: before the transaction that found its versions to be the latest was sent, by ``now()``."""
    if _Keeping.store is not None:
        _Keeping.record = proven_at, record


def _kept_caller(files: TlsFiles) -> KeptCaller | None:
    """Of the first files that are asked with, within ``keeping_open``; to be called by one thread at a time."""
    if _Keeping.store is not None and _Keeping.agents is None:
        _Keeping.agents = files, KeptCaller(files)
    return _Keeping.agents[1] if _Keeping.agents is not None and _Keeping.agents[0] == files else None


def ask_agents(files: TlsFiles, work: Callable[[Caller], Coroutine[Any, Any, Result]]) -> Result:
    """One conversation with agents; within ``keeping_open`` over the connections that are open already."""
    kept = _kept_caller(files)
    if kept is not None:
        return kept.ask(work)

    async def alone() -> Result:
        async with Caller(files) as caller:
            return await work(caller)

    return run(alone())


def greet_agents(files: TlsFiles, work: Callable[[Caller], Coroutine[Any, Any, Result]]) -> None:
    """Within ``keeping_open``: open the connections for what will be asked; nobody waits for it."""
    kept = _kept_caller(files)
    if kept is not None:
        kept.begin(work)


def keep_held(held: GtidSet) -> None:
    """``held``: what every replica had received a moment ago."""
    if _Keeping.store is not None:
        _Keeping.held = held


def ask_ahead(fetch: Callable[[GtidSet], tuple[SalvageAnswer, bytes]]) -> None:
    """Begin to ask for the tail beyond what every replica has, where that is known; of a process that has exited only,
    whose logs do not grow any more. ``fetch`` runs in a thread that nobody waits for."""
    have = _Keeping.held
    if have is None or _Keeping.tail is not None:
        return
    answer: Future[tuple[SalvageAnswer, bytes]] = Future()

    def work() -> None:
        try:
            answer.set_result(fetch(have))
        except AltairError as error:
            answer.set_exception(error)
        except BaseException as error:
            answer.set_exception(Unavailable(f"the tail of the binary logs was not got: {error}"))
            raise

    _Keeping.tail = Ahead(have, answer)
    Thread(target=work, name="tail", daemon=True).start()


def asked_ahead() -> Ahead | None:
    """Once: who asks again, asks the agent."""
    ahead, _Keeping.tail = _Keeping.tail, None
    return ahead


def _opened(keeper: Keeper) -> AbstractContextManager[Store]:
    return open_store(
        keeper.hosts, keeper.root, session_seconds=keeper.session_seconds, connect_seconds=keeper.connect_seconds
    )


@contextmanager
def store_at(keeper: Keeper) -> Iterator[Store]:
    """A session for the block's length; within ``keeping_open`` the one that is open already."""
    kept = _Keeping.store
    if kept is not None and kept[0] == keeper:
        yield kept[1]
        return
    with _opened(keeper) as store:
        yield store


@contextmanager
def keeping_open(keeper: Keeper) -> Iterator[None]:
    """For the block's length one ZooKeeper session and the connections to MySQL serve every step; within another such
    block, of the same, the outer one's do."""
    if _Keeping.store is not None and _Keeping.store[0] == keeper:
        yield
        return
    with _opened(keeper) as store:
        _Keeping.store = (keeper, store)
        try:
            with keeping_connections():
                yield
        finally:
            _Keeping.store = _Keeping.record = _Keeping.held = _Keeping.tail = None
            if _Keeping.agents is not None:
                _Keeping.agents[1].close()
                _Keeping.agents = None
