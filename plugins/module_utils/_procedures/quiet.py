# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A short write pause: the primary becomes super_read_only, and is proven to be so until somebody else is promoted."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from .._adapters.mysql import Login, Server, connect, probe
from .._adapters.mysql_transactions import kill_all, lock_holders, open_transactions, try_super_read_only
from .._core.cluster import Node, Policy
from .._core.errors import PostconditionFailed, Refused
from .._core.gtid import GtidSet
from .._core.quiescence import Holder, Look, Turn, named, rule_for, still_open
from .._core.znodes import promotion_path
from .step import Scene

# The server shows open transactions from a buffer that it renews only when nobody has read it for 0.1 s (MySQL
# Reference Manual, "Persistence and Consistency of InnoDB Transaction and Locking Information").
LOOK_SECONDS = 0.15
ASK_WHO_SECONDS = 0.5  # so long a primary may take to become read-only before it is asked whom it waits for
BREATH_SECONDS = 1.0  # for the writers, who had to wait behind an attempt that came to nothing
ASK_AGAIN_SECONDS = 1.0  # who waits for others must hear that somebody else has taken over
SLICE_SECONDS = 0.5
STATEMENT_SECONDS = 10.0  # longer than the server itself waits before it ends the statement


@dataclass(frozen=True, kw_only=True, slots=True)
class Silence:
    """``executed``: all that the primary will ever have committed. ``given_up``: why it is writable still; else empty.
    ``killed``: sessions. ``attempts``: how often the writers were held up. ``seconds``: waited for others."""

    executed: str = ""
    server_uuid: str = ""
    given_up: str = ""
    killed: int = 0
    attempts: int = 0
    seconds: float = 0.0


def await_executed(
    server: Server, gtids: str, seconds: float, answer_seconds: float, still_ours: Callable[[], object]
) -> bool:
    """Until the server has executed all of them; waits in slices below the read timeout, so that a frozen one is
    noticed, and so is who has taken over."""
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        if server.wait_applied(gtids, min(SLICE_SECONDS, answer_seconds / 2, left)):
            return True
        if left <= 0:
            return False
        still_ours()


def _attempt(setter: Server, watcher: Server) -> tuple[bool, tuple[Holder, ...]]:
    """Whether it is super_read_only; and if not, who was in the way, as far as anybody can tell."""
    holders: tuple[Holder, ...] = ()
    with ThreadPoolExecutor(1) as beside:
        setting: Future[bool] = beside.submit(try_super_read_only, setter)
        if not wait([setting], ASK_WHO_SECONDS).done:
            holders = lock_holders(watcher)
        return setting.result(), holders


def _prove(setter: Server) -> tuple[str, str]:
    state = setter.state()
    if not state.super_read_only:
        raise PostconditionFailed(f"MySQL at {setter.address} was told to become super_read_only and is not")
    return state.gtid_executed, state.server_uuid


def _silence(setter: Server, watcher: Server, policy: Policy, still_ours: Callable[[], object]) -> Silence:
    began = asked = time.monotonic()
    killed = attempts = 0
    in_the_way = open_transactions(watcher)
    held_up = False  # the last attempt was: whoever holds a lock without a transaction is in no list until the next one
    while True:
        seconds = time.monotonic() - began
        look = Look(
            policy=policy.long_transactions,
            in_the_way=max(len(in_the_way), int(held_up)),
            seconds=seconds,
            seconds_max=policy.long_transaction_seconds_max,
        )
        rule = rule_for(look)
        if rule.turn is Turn.GIVE_UP:
            who = named(in_the_way) or "nobody can tell who holds a lock"
            because = f"it is not without open transactions ({who}), and {rule.because}"
            return Silence(given_up=because, killed=killed, attempts=attempts, seconds=seconds)
        if rule.turn is Turn.KILL:
            killed += kill_all(watcher, in_the_way)
        if rule.turn is Turn.SILENCE or held_up:
            if rule.turn is Turn.WAIT:
                time.sleep(BREATH_SECONDS)
            still_ours()
            attempts += 1
            done, in_the_way = _attempt(setter, watcher)
            if done:
                executed, uuid = _prove(setter)
                waited = time.monotonic() - began
                return Silence(
                    executed=executed, server_uuid=uuid, killed=killed, attempts=attempts, seconds=round(waited, 3)
                )
            held_up = True
        else:
            time.sleep(LOOK_SECONDS)
            in_the_way = still_open(in_the_way, open_transactions(watcher))
            if time.monotonic() - asked > ASK_AGAIN_SECONDS:
                still_ours()
                asked = time.monotonic()


def silence(node: Node, login: Login, policy: Policy, still_ours: Callable[[], object]) -> Silence:
    """Blocking, by the policy. ``still_ours`` raises where another has taken over.

    Both connections are open before anything changes, so that a storm of clients, who are let in all the while,
    cannot lock us out.
    """
    patient = replace(login, read_timeout=max(login.read_timeout, STATEMENT_SECONDS))
    place = node.address, node.port
    with connect(*place, login) as watcher, connect(*place, patient, anew=True) as setter:
        return _silence(setter, watcher, policy, still_ours)


def refuse_unless_quiet(scene: Scene, executed: GtidSet) -> None:
    """The last look before the promotion: the old primary is super_read_only still, has committed nothing since, and
    the target, which has ``executed``, has all of it.

    Once a promotion has begun nobody makes the old primary writable again, so that it need not answer any more.
    """
    noted, node = GtidSet.parse(str(scene.evidence_of("quiesce").get("gtid_executed", ""))), scene.old_primary
    if noted - executed:
        raise Refused(f"{scene.candidate.name} lacks {len(noted - executed)} transactions of {node.name}")
    seen = probe(node.address, node.port, scene.neighbours.login)
    if seen.server is None:
        if scene.store.version(promotion_path(scene.spec.cluster)) is not None:
            return
        raise Refused(f"nobody can see any more that {node.name} takes no write ({seen.detail})")
    if not seen.server.super_read_only:
        raise Refused(f"{node.name} has been made writable by somebody meanwhile; nobody else is promoted")
    since = GtidSet.parse(seen.server.gtid_executed) - noted
    if since:
        raise Refused(f"{node.name} has committed {len(since)} transactions since it became read-only ({since})")
