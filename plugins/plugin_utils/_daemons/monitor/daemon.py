# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The monitor's loop: receive, relay what another watches, judge its own share, write changes, raise suspicions."""

from __future__ import annotations

import asyncio
import logging
import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller, base_url
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.assignment import watcher
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    Conflict,
    NotFound,
    Refused,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health, HealthRule
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import PROOF_BEATS, WatchView, ack_refusal
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import LeaseState, Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    RELAY_PATH,
    REPORT_PATH,
    Acknowledgement,
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
from ..settings import MonitorSettings
from .electorate import terms_of, update
from .register import Key, Register
from .warrant import Warrant

log = logging.getLogger(__name__)

JUDGE_BEATS = 0.25  # how often silence is looked at, in beats


class Monitor:
    """One monitor. What it knows of nodes is in ``register``; what is on record is in ``fleet``."""

    def __init__(self, settings: MonitorSettings, store: Store, caller: Caller) -> None:
        self._settings = settings
        self._store = store
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self._beat_seconds = settings.profile.beat_seconds
        self._url = base_url(settings.listen.host, settings.listen.port)
        self._urls: dict[str, str] = {}
        self._written: dict[Key, tuple[HealthRule, LeaseState]] = {}
        self._fleet = Fleet(store, lambda _cluster: self._share())
        self._warrant = Warrant(store, settings.name, self._beat_seconds, self._fleet.refresh)
        self._session = 0
        self._learned: frozenset[str] = frozenset()
        self._judging: dict[Key, asyncio.Lock] = {}
        self._register = Register(self._beat_seconds)
        self._present = asyncio.Event()

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route("POST", REPORT_PATH, Observation, self._serve_report, frozenset({"agent"})),
            Route("POST", RELAY_PATH, Observation, self._serve_relay, frozenset({"monitor"})),
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
        mine = frozenset(
            (cluster, node)
            for cluster, member in self._fleet.members.items()
            for node in member.spec.names
            if watcher(f"{cluster}/{node}", self._urls) == self._settings.name
        )
        if mine != self._register.keys:
            log.info("watching %s", ", ".join("/".join(key) for key in sorted(mine)) or "nothing")
        gone = self._register.keys - mine
        if gone:
            self._warrant.forget(*gone)
        for key in gone:
            self._written.pop(key, None)
        self._register.watch_only(mine, time.monotonic())

    async def _serve_report(self, peer: Peer, report: Observation) -> Acknowledgement:
        if peer.name != report.node:
            raise Refused(f"the certificate is of {peer.name}, the report of {report.node}")
        name = watcher(f"{report.cluster}/{report.node}", self._urls)
        if name is None or name not in self._urls:
            raise Unavailable(f"monitor {self._settings.name} does not know yet which monitor watches {report.node}")
        if name == self._settings.name:
            return await self._take(report)
        url = self._urls[name]
        return await self._caller.post(url + RELAY_PATH, report, Acknowledgement, self._beat_seconds / 4)

    async def _serve_relay(self, _peer: Peer, report: Observation) -> Acknowledgement:
        return await self._take(report)

    async def _take(self, report: Observation) -> Acknowledgement:
        key = (report.cluster, report.node)
        if key not in self._register.keys:
            raise Unavailable(f"monitor {self._settings.name} does not watch {'/'.join(key)}")
        if self._register.hear(report, time.monotonic()):
            await self._judge(key)
        member = self._fleet.members.get(report.cluster)
        refusal = await self._refusal(key, member)
        if refusal is not None or member is None:
            raise Unavailable(f"{self._settings.name} does not acknowledge {'/'.join(key)}: {refusal}")
        return Acknowledgement(watcher=self._settings.name, watcher_url=self._url, terms=terms_of(member))

    async def _refusal(self, key: Key, member: Member | None) -> str | None:
        """Why a report of ``key`` is not acknowledged now; None when it is."""
        if self._warrant.proof_beats(clock.now()) >= PROOF_BEATS:
            await self._warrant.prove(lambda: self._learned)
        member = self._fleet.members.get(key[0]) if member else None
        doubted = member is None or (member.doubted and key[1] == member.state.primary)
        view = WatchView(
            watches=key in self._register.keys,
            claimed=self._warrant.claimed(key),
            proof_beats=self._warrant.proof_beats(clock.now()),
            doubted=doubted or self._warrant.raising(key),
        )
        return ack_refusal(view)

    async def watch_silence(self) -> None:
        """For ever: judge every node of our share, and stay announced."""
        while True:
            await asyncio.sleep(self._beat_seconds * JUDGE_BEATS)
            if not self._store.connected:
                continue
            try:
                if not self._present.is_set():
                    await self._announce()
                await self._warrant.prove(lambda: self._learned)
                await self._warrant.read_back_all()
                for key in sorted(self._register.keys):
                    await self._judge(key)
                    await self._keep_voters(key)
            except Unavailable as error:
                log.warning("%s", error)

    async def _keep_voters(self, key: Key) -> None:
        member, report = self._fleet.members.get(key[0]), self._register.last(key)
        if member is None or report is None or key[1] != member.state.primary or member.doubted:
            return
        try:
            if self._warrant.claimed(key) and await asyncio.to_thread(update, self._store, member, report):
                await self._fleet.refresh(key[0])
        except (Conflict, NotFound) as error:
            log.info("the voters of %s are looked at again: %s", key[0], error)
            await self._fleet.refresh(key[0])

    async def _judge(self, key: Key) -> None:
        if key not in self._register.keys:
            return
        member = self._fleet.members.get(key[0])
        if member is None:
            return
        epoch = member.state.epoch if key[1] == member.state.primary else None
        rule = self._register.judge(key, time.monotonic(), epoch)
        lease = self._lease(key, rule, member)
        suspicious = rule.suspicious and key[1] == member.state.primary and key[1] not in member.paused
        async with self._judging.setdefault(key, asyncio.Lock()):
            if suspicious and self._warrant.claimed(key):
                await self._suspect(key, rule, member)
            if self._written.get(key) != (rule, lease):
                await self._write_health(key, rule, lease)

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
        if member.suspected:
            return
        if await self._warrant.suspect(key, suspicion):
            log.warning("suspected %s: %s", "/".join(key), rule.because)

    async def _write_health(self, key: Key, rule: HealthRule, lease: LeaseState) -> None:
        health = NodeHealth(
            node=key[1],
            health=rule.health,
            because=rule.because,
            monitor=self._settings.name,
            changed_at=time.time(),
            lease=lease,
            observation=self._register.last(key),
        )
        if not await self._warrant.write(key, health):
            return
        self._written[key] = (rule, lease)
        log.info("%s is %s: %s", "/".join(key), rule.health.value, rule.because)


async def run(settings: MonitorSettings, stop: asyncio.Event) -> None:
    """The daemon's body: serve and judge until ``stop``."""
    keeper = settings.zookeeper
    session = open_store(
        keeper.hosts, keeper.root, session_seconds=keeper.session_seconds, connect_seconds=keeper.connect_seconds
    )
    with session as store:
        async with Caller(settings.tls.files) as caller:
            monitor = Monitor(settings, store, caller)
            async with serving(settings.listen, settings.tls.files, monitor.routes):
                await monitor.start()
                ready(f"monitor {settings.name}")
                watching = asyncio.create_task(monitor.watch_silence())
                ended = asyncio.create_task(stop.wait())
                await asyncio.wait([watching, ended], return_when=asyncio.FIRST_COMPLETED)
                for task in (watching, ended):
                    task.cancel()
                if not stop.is_set():
                    watching.result()
