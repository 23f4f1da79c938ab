# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monitor's loop: receive, relay what another watches, judge its own share, write changes, raise suspicions."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller, base_url
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.assignment import watcher
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    Conflict,
    Refused,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health, HealthRule
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import PROOF_BEATS, WatchView, ack_refusal
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import LeaseState, Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.thresholds import Raised
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    RELAY_PATH,
    REPORT_PATH,
    STATUS_PATH,
    Acknowledgement,
    MonitorStatus,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    MONITORS,
    MonitorPresence,
    NodeHealth,
    Suspicion,
    monitor_path,
)

from .. import clock
from ..fleet import Fleet, Member
from ..https import Peer, Route, serving
from ..loop import ready
from ..notifier import Tell, notifying, tell_nobody
from ..settings import MonitorSettings
from .breaches import Breaches
from .electorate import needs_look, terms_of, update_many
from .ledger import Ledger
from .register import Key, Register
from .status import Status
from .telling import Telling
from .turns import Turns
from .warrant import Warrant

log = logging.getLogger(__name__)

JUDGE_BEATS = 0.25  # how often silence is looked at, in beats
JUDGED_AT_ONCE = 250  # nodes between which the loop may do something else
ANSWER_BEATS = 0.15  # an agent waits a quarter of a beat for its answer, and must hear why it is not acknowledged
NAMED_MAX = 12  # nodes that a line of the log names


class Monitor:
    """One monitor. What it knows of nodes is in ``register``; what is on record is in ``fleet``."""

    def __init__(self, settings: MonitorSettings, store: Store, caller: Caller, tell: Tell = tell_nobody) -> None:
        self._telling = Telling(settings.name, tell)
        self._settings = settings
        self._store = store
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self._beat_seconds = settings.profile.beat_seconds
        self._url = base_url(settings.listen.host, settings.listen.port)
        self._urls: dict[str, str] = {}
        self._written: dict[Key, tuple[HealthRule, LeaseState, tuple[Raised, ...]]] = {}
        self._fleet = Fleet(store, self._cluster_changed, self._tell_of_quarantine)
        self._warrant = Warrant(store, settings.name, self._beat_seconds, self._fleet.refresh)
        self._ledger = Ledger(self._warrant.write_many, self._beat_seconds)
        self._status = Status(settings.name, store)
        self._session = 0
        self._learned: frozenset[str] = frozenset()
        self._acknowledgements: dict[str, tuple[Member, bytes]] = {}
        self._turns = Turns(self._judge)
        self._nodes: dict[str, tuple[str, ...]] = {}
        self._register = Register(self._beat_seconds)
        self._breaches = Breaches(store, self._telling.breach)
        self._present = asyncio.Event()

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", REPORT_PATH, Observation, self._serve_report, frozenset({"agent"})),
            Route("POST", RELAY_PATH, Observation, self._serve_relay, frozenset({"monitor"})),
            Route("GET", STATUS_PATH, None, self._serve_status, frozenset({"operator", "orchestrator", "monitor"})),
        )

    async def start(self) -> None:
        """Make ourselves known, and know the others and the clusters."""
        self._session = self._store.session
        self._store.on_session(self._session_event)
        await asyncio.to_thread(self._store.ensure, MONITORS)
        await self._announce()
        await asyncio.to_thread(self._store.watch_children, MONITORS, self._monitors_changed)
        await self._fleet.start()

    def _session_event(self, up: bool) -> None:
        self._loop.call_soon_threadsafe(self._session_changed, up)

    def _session_changed(self, up: bool) -> None:
        if up:
            self._register.restart_silence(time.monotonic())
            self._present.clear()
            if self._store.session != self._session:
                # The earlier session was lost: others may have watched and suspected our nodes meanwhile.
                self._session = self._store.session
                self._warrant.forget()
                self._written.clear()
                self._breaches.forget()
        else:
            log.warning("the ZooKeeper session is interrupted; silence is counted anew once it is back")

    async def _announce(self) -> None:
        """Our ephemeral znode, under this very session: an older session's may still stand for a moment."""
        path = monitor_path(self._settings.name)
        try:
            await asyncio.to_thread(self._store.create, path, MonitorPresence(url=self._url), ephemeral=True)
        except Conflict:
            if not await asyncio.to_thread(self._store.owns, path):
                return
        self._present.set()

    def _monitors_changed(self, names: tuple[str, ...]) -> None:
        self._loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._learn_monitors(names)))

    async def _learn_monitors(self, names: tuple[str, ...]) -> None:
        found: dict[str, str] = {}
        for name in names:
            try:
                presence = await asyncio.to_thread(self._store.read, monitor_path(name), MonitorPresence)
            except AltairError as error:
                log.error("monitor %s is left out: %s", name, error)
                continue
            if presence is not None:
                found[name] = presence.value.url
        self._urls, self._learned = found, frozenset(names)
        log.info("live monitors: %s", ", ".join(sorted(found)) or "none")
        self._share()

    def _share(self) -> None:
        """After a change among the monitors: every node may have another watcher."""
        mine = frozenset(key for cluster, member in self._fleet.members.items() for key in self._mine(cluster, member))
        if mine != self._register.keys:
            few = len(mine) <= NAMED_MAX
            log.info("watching %s", ", ".join(map("/".join, sorted(mine))) if few else f"{len(mine)} nodes")
        self._let_go(self._register.keys - mine)
        self._register.take_over(mine, time.monotonic())

    def _cluster_changed(self, cluster: str) -> None:
        known, member = self._nodes.get(cluster, ()), self._fleet.members[cluster]
        if known == member.spec.names:
            return
        self._nodes[cluster] = member.spec.names
        mine = self._mine(cluster, member)
        self._let_go((cluster, node) for node in known if (cluster, node) not in mine)
        self._register.take_over(mine, time.monotonic())

    def _mine(self, cluster: str, member: Member) -> tuple[Key, ...]:
        return tuple(
            (cluster, node)
            for node in member.spec.names
            if watcher(f"{cluster}/{node}", self._urls) == self._settings.name
        )

    def _let_go(self, keys: Iterable[Key]) -> None:
        gone = tuple(keys)
        if gone:
            self._warrant.forget(*gone)
        for key in gone:
            self._written.pop(key, None)
            self._breaches.forget(key)
        self._register.let_go(gone)

    async def _serve_status(self, _peer: Peer, _nothing: None) -> MonitorStatus:
        return self._status.now(nodes=len(self._register), clusters=len(self._fleet.members))

    async def _serve_report(self, peer: Peer, report: Observation) -> Acknowledgement | bytes:
        if peer.name != report.node:
            raise Refused(f"the certificate is of {peer.name}, the report of {report.node}")
        if (report.cluster, report.node) in self._register:
            return await self._take(report)
        name = watcher(f"{report.cluster}/{report.node}", self._urls)
        if name is None or name not in self._urls:
            raise Unavailable(f"monitor {self._settings.name} does not know yet which monitor watches {report.node}")
        if name == self._settings.name:
            return await self._take(report)
        url = self._urls[name]
        return await self._caller.post(url + RELAY_PATH, report, Acknowledgement, self._beat_seconds / 4)

    async def _serve_relay(self, _peer: Peer, report: Observation) -> bytes:
        return await self._take(report)

    async def _take(self, report: Observation) -> bytes:
        key = (report.cluster, report.node)
        self._status.reports += 1
        if key not in self._register:
            self._status.refused += 1
            raise Unavailable(f"monitor {self._settings.name} does not watch {'/'.join(key)}")
        if self._register.hear(report, time.monotonic()) and self._unsettled(key):
            await self._turns.take(key, ANSWER_BEATS * self._beat_seconds)
        member = self._fleet.members.get(report.cluster)
        refusal = await self._refusal(key, member)
        if refusal is not None or member is None:
            self._status.refused += 1
            raise Unavailable(f"{self._settings.name} does not acknowledge {'/'.join(key)}: {refusal}")
        return self._acknowledgement(member)

    def _acknowledgement(self, member: Member) -> bytes:
        """Encoded, and kept until another description of the cluster is read: most reports get the same."""
        known = self._acknowledgements.get(member.spec.cluster)
        if known is None or known[0] is not member:
            told = Acknowledgement(watcher=self._settings.name, watcher_url=self._url, terms=terms_of(member))
            known = self._acknowledgements[member.spec.cluster] = (member, encode(told))
        return known[1]

    async def _refusal(self, key: Key, member: Member | None) -> str | None:
        """Why a report of ``key`` is not acknowledged now; None when it is."""
        if self._warrant.proof_beats(clock.now()) >= PROOF_BEATS:
            await self._warrant.prove(lambda: self._learned)
        member = self._fleet.members.get(key[0]) if member else None
        doubted = member is None or (member.doubted and key[1] == member.state.primary)
        view = WatchView(
            watches=key in self._register,
            claimed=self._warrant.claimed(key),
            proof_beats=self._warrant.proof_beats(clock.now()),
            doubted=doubted or self._warrant.raising(key),
        )
        return ack_refusal(view)

    def loops(self) -> tuple[Coroutine[None, None, None], ...]:
        """What goes on beside the reports."""
        return self._repeat(self._stay_known), self._repeat(self._keep_voters), self.watch_silence(), self.count()

    async def count(self) -> None:
        """For ever: a line of figures a minute."""
        await self._status.keep(lambda: (len(self._register), len(self._fleet.members)))

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        """For ever, while ZooKeeper answers. Each work has a loop of its own: none waits for another."""
        while True:
            await asyncio.sleep(self._beat_seconds * JUDGE_BEATS)
            if not self._store.connected:
                continue
            try:
                await work()
            except Unavailable as error:
                log.warning("%s", error)

    async def _stay_known(self) -> None:
        """Stay announced, and proven, so that no report has to wait for that."""
        if not self._present.is_set():
            await self._announce()
        await self._warrant.prove(lambda: self._learned)

    async def watch_silence(self) -> None:
        """For ever: judge every node of our share."""
        while True:
            due_at = time.monotonic() + self._beat_seconds * JUDGE_BEATS
            await asyncio.sleep(self._beat_seconds * JUDGE_BEATS)
            self._register.forgive(time.monotonic() - due_at, time.monotonic())
            if not self._store.connected:
                continue
            try:
                await self._warrant.read_back_all()
                await self._judge_all()
            except Unavailable as error:
                log.warning("%s", error)

    async def _judge_all(self) -> None:
        changing: list[Key] = []
        for number, key in enumerate(self._register.keys):
            if key[0] not in self._fleet.members:
                self._let_go([key])
                self._nodes.pop(key[0], None)
            elif self._unsettled(key):
                changing.append(key)
            if number % JUDGED_AT_ONCE == 0:
                await asyncio.sleep(0)
        for begin in range(0, len(changing), JUDGED_AT_ONCE):
            some = changing[begin : begin + JUDGED_AT_ONCE]
            await asyncio.gather(*(self._turns.take(key, self._beat_seconds) for key in some))

    async def _keep_voters(self) -> None:
        """Where what the primary's agent says is not what is on record."""
        clusters = []
        for name, member in tuple(self._fleet.members.items()):
            key = (name, member.state.primary)
            report = self._register.last(key)
            if report is not None and self._warrant.claimed(key) and not member.doubted and needs_look(member, report):
                clusters.append((member, report))
        if clusters:
            looked_at = await asyncio.to_thread(update_many, self._store, clusters)
            await asyncio.gather(*map(self._fleet.refresh, looked_at))

    def _unsettled(self, key: Key) -> tuple[Member, HealthRule, LeaseState, bool] | None:
        """What is to be put on record of a node, and whether it is to be suspected; None when all is as it was."""
        member = self._fleet.members.get(key[0])
        if member is None or key not in self._register:
            return None
        primary = key[1] == member.state.primary
        epoch, patience = member.state.epoch if primary else None, member.spec.policy.overload_seconds_max
        rule = self._register.judge(key, time.monotonic(), epoch, patience)
        lease = self._lease(key, rule, member)
        suspicious = rule.suspicious and primary and not member.suspected and key[1] not in member.paused
        breaches = self._breaches.now(key, rule.health, member, self._register.last(key))
        if self._written.get(key) == (rule, lease, breaches) and self._warrant.claimed(key) and not suspicious:
            return None
        return member, rule, lease, suspicious

    async def _judge(self, key: Key) -> None:
        found = self._unsettled(key)
        if found is None:
            return
        member, rule, lease, suspicious = found
        if suspicious and self._warrant.claimed(key):
            await self._suspect(key, rule, member)
        breaches = await self._breaches.judge(key, rule.health, member, self._register.last(key))
        if self._written.get(key) != (rule, lease, breaches) or not self._warrant.claimed(key):
            await self._write_health(key, rule, lease, breaches)

    def _lease(self, key: Key, rule: HealthRule, member: Member) -> LeaseState:
        """What protects the node, by its agent's last word; nothing does where that agent is silent."""
        if key[1] == member.state.primary and rule.health is Health.HOST_SILENT:
            return LeaseState.OFF
        report = self._register.last(key)
        return report.lease if report else LeaseState.NONE

    async def _suspect(self, key: Key, rule: HealthRule, member: Member) -> None:
        suspicion = Suspicion(
            cluster=key[0],
            primary=key[1],
            epoch=member.state.epoch,
            health=rule.health,
            because=rule.because,
            monitor=self._settings.name,
            raised_at=time.time(),
            beat_seconds=self._beat_seconds,
        )
        if await self._warrant.suspect(key, suspicion):
            self._telling.suspicion(suspicion)

    async def _write_health(self, key: Key, rule: HealthRule, lease: LeaseState, breaches: tuple[Raised, ...]) -> None:
        health = NodeHealth(
            node=key[1],
            health=rule.health,
            because=rule.because,
            monitor=self._settings.name,
            changed_at=time.time(),
            lease=lease,
            breaches=breaches,
            observation=self._register.last(key),
        )
        if not await self._ledger.put(key, health, urgent=rule.suspicious):
            return
        before = self._written.get(key)
        self._written[key] = (rule, lease, breaches)
        self._breaches.written(key)
        if before and before[:2] == (rule, lease):
            return
        guarded = before is None or before[1] is not LeaseState.OFF
        log.info("%s is %s: %s", "/".join(key), rule.health.value, rule.because)
        if lease is LeaseState.OFF and guarded:
            self._telling.lease_off(key)

    def _tell_of_quarantine(self, cluster: str, sentence: str) -> None:
        """One monitor does; all of them see it."""
        if watcher(cluster, self._urls) == self._settings.name:
            self._telling.quarantine(cluster, sentence)


async def run(settings: MonitorSettings, stop: asyncio.Event) -> None:
    """The daemon's body: serve and judge until ``stop``."""
    keeper = settings.zookeeper
    session = open_store(
        keeper.hosts, keeper.root, session_seconds=keeper.session_seconds, connect_seconds=keeper.connect_seconds
    )
    with session as store:
        async with Caller(settings.tls.files) as caller, notifying(settings.targets) as tell:
            monitor = Monitor(settings, store, caller, tell)
            async with serving(settings.listen, settings.tls.files, monitor.routes):
                await monitor.start()
                ready(f"monitor {settings.name}")
                tasks = [asyncio.create_task(each) for each in (stop.wait(), *monitor.loops())]
                done, _pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                for task in done:
                    task.result()
