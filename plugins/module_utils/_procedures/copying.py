# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One copy of a donor's data into a node by CLONE INSTANCE: begun, watched, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace

from .._adapters.mysql import Login, MysqlError, Server, connect
from .._adapters.mysql_clone import (
    allow_donor,
    clone_from,
    copy_of,
    end_copy,
    has_plugin,
    install_plugin,
    uptime_seconds,
)
from .._core.clone import FAILED, IN_PROGRESS, Copy, Ending, ending_of
from .._core.cluster import Node
from .._core.errors import Refused
from .._core.rebuild import Bounds

WATCH_SECONDS = 1.0  # each look is a connection to a server that is at work
LOOK_SECONDS = 0.5
TELL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Copying:
    """How it is done. ``seconds_max``: for one copy. ``restart_seconds``: for the start after it. ``tell``: is told how
    far it is, at most every two seconds."""

    login: Login
    bounds: Bounds
    encrypted: bool
    seconds_max: float
    restart_seconds: float
    tell: Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """``fault``: why there is no copy; empty when there is. ``needs_start``: mysqld has gone and waits for a person, or
    for tasks of theirs. ``certain``: else it has gone without a word, and says when it is back what came of it.
    ``last``: what the server said of the copy when it last answered."""

    donor: str
    fault: str = ""
    needs_start: bool = False
    certain: bool = True
    last: Copy = field(default_factory=Copy)


def _ensure_plugin(node: Node, login: Login) -> None:
    """A server that is super_read_only installs nothing, so that is lifted for the moment; read_only stays on."""
    with connect(node.address, node.port, login, anew=True) as server:
        if has_plugin(server):
            return
        held = server.state().super_read_only
        if held:
            server.admit_appliers()
        try:
            install_plugin(server)
        except MysqlError as error:
            raise Refused(
                f"{node.name} has no clone plugin and it cannot be installed ({error}); put"
                " plugin-load-add=mysql_clone.so into its configuration, or grant the account INSERT on mysql.plugin"
            ) from None
        finally:
            if held:
                server.set_super_read_only(True)


def attempt(how: Copying, node: Node, donor: Node) -> Attempt:
    """Blocking. A server that is super_read_only takes no copy, so that is lifted until it has one or the attempt has
    failed; read_only stays on, and it starts super_read_only by its configuration."""
    try:
        for each in (donor, node):
            _ensure_plugin(each, how.login)
        done = _attempt(how, node, donor)
    except (MysqlError, Refused) as error:
        done = Attempt(donor=donor.name, fault=str(error))
    if done.fault:
        with suppress(MysqlError), connect(node.address, node.port, how.login, anew=True) as server:
            server.set_super_read_only(True)
    return done


def _attempt(how: Copying, node: Node, donor: Node) -> Attempt:
    patient = replace(how.login, read_timeout=how.seconds_max + how.restart_seconds)
    with connect(node.address, node.port, patient, anew=True) as carrier:
        allow_donor(carrier, donor.address, donor.port, how.bounds)
        before = copy_of(carrier)
        carrier.admit_appliers()
        code, said, last = _carry_out(how, node, donor, carrier)
    ending = ending_of(code)
    if ending is Ending.FAILED:
        return Attempt(donor=donor.name, fault=said, last=last)
    if ending is Ending.TO_START:
        _await_end(how, node)
        return Attempt(donor=donor.name, needs_start=True, last=last)
    copied = ending is Ending.RESTARTS
    fault, last = _await_start(how, node, before, copied=copied)
    if fault is None:
        return Attempt(donor=donor.name, needs_start=True, certain=copied, last=last)
    return Attempt(donor=donor.name, fault=f"{fault} ({said})" if fault and said else fault, last=last)


def _carry_out(how: Copying, node: Node, donor: Node, carrier: Server) -> tuple[int | None, str, Copy]:
    """MySQL's error number, None where the statement succeeded, its text, and how far the copy was."""
    session = carrier.identity()
    with ThreadPoolExecutor(1, "clone") as beside:
        work = beside.submit(clone_from, carrier, donor.address, donor.port, how.login, encrypted=how.encrypted)
        last = _watch(how, node, session, work)
    try:
        work.result()
    except MysqlError as error:
        return error.code, str(error), last
    return None, "", last


def _watch(how: Copying, node: Node, session: int, work: Future[None]) -> Copy:
    """Until the statement has ended; one that takes too long is ended."""
    last, told_at = Copy(), time.monotonic() - TELL_SECONDS
    deadline = time.monotonic() + how.seconds_max
    while not wait([work], WATCH_SECONDS).done:
        with suppress(MysqlError), connect(node.address, node.port, how.login) as server:
            last = copy_of(server)
            if time.monotonic() > deadline:
                end_copy(server, session)
        if time.monotonic() - told_at >= TELL_SECONDS:
            told_at = time.monotonic()
            how.tell(f"{node.name}: {last.sentence}")
    return last


def _await_end(how: Copying, node: Node) -> None:
    """Until mysqld has gone, so that nobody takes its last words for those of the one that is started next."""
    ended = time.monotonic()
    while (since := time.monotonic() - ended) < how.restart_seconds:
        try:
            with connect(node.address, node.port, how.login, anew=True) as server:
                if uptime_seconds(server) <= since:
                    return
        except MysqlError:
            return
        time.sleep(LOOK_SECONDS)


def _await_start(how: Copying, node: Node, before: Copy, *, copied: bool) -> tuple[str | None, Copy]:
    """Until the server is back and says what came of the copy: why there is none, and its last word. None: it is not
    back in time.

    ``before``: what it said of an earlier one. ``copied``: the statement has succeeded. A server whose clone plugin was
    not the donor's, too, has none any more.
    """
    last = Copy()
    ended = told_at = heard_at = time.monotonic()
    while True:
        since = time.monotonic() - ended
        with suppress(MysqlError), connect(node.address, node.port, how.login, anew=True) as server:
            last, anew = copy_of(server), uptime_seconds(server) <= since
            ours = last.begun != before.begun
            if (ours and last.finished) or (anew and copied and not last.unfinished):
                return "", last
            if anew or (ours and last.state == FAILED) or not (ours or copied):
                return last.error or "the copy was broken off", last
            if last.state == IN_PROGRESS and since < how.seconds_max:  # only our own connection is gone
                heard_at = time.monotonic()
        if time.monotonic() - heard_at > how.restart_seconds:
            return None, last
        if time.monotonic() - told_at >= TELL_SECONDS:
            told_at = time.monotonic()
            how.tell(f"{node.name}: waiting for its mysqld")
        time.sleep(LOOK_SECONDS)
