# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's loop: watch the process, probe the server, beat; and answer "can you reach it?" and "stop"."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import Caller
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import (
    Login,
    Probe,
    connect,
    probe,
    read_option_file,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Refused, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lag import Trail
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Heartbeat,
    Observation,
    ProcessState,
    Reach,
    Sighting,
    Vitals,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import (
    EXPIRY_PATH,
    OBSERVATION_PATH,
    SALVAGE_PATH,
    SIGHTING_PATH,
    STOP_PATH,
    VOUCH_PATH,
    ExpiryRequest,
    LeaseTerms,
    SalvageAnswer,
    SalvageRequest,
    SightingRequest,
    StopAnswer,
    StopRequest,
    VoterWord,
    Vouch,
    VouchRequest,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.read_only import make_read_only

from .. import clock
from ..https import Peer, Route, serving
from ..loop import ready
from ..settings import AgentSettings
from .bequest import Bequest
from .guard import Executed, Guard
from .process import MysqldProcess
from .reporter import Reporter
from .salvage import find_index, salvage
from .vitals import Examiner, look_at_disk
from .voting import Voting
from .work import Work

log = logging.getLogger(__name__)

FIND_SECONDS = 0.2  # how often to look for a mysqld that is not there
LOOK_BEATS = 0.25  # how long a report waits for the look at mysqld; the beat must not depend on it
RETRY_SECONDS = 1.0  # how soon to beat again when no monitor has acknowledged ...
RETRY_BEATS = 0.25  # ... or after this part of a beat, where that is sooner
HEARD_SECONDS_MAX = 86400.0  # what a primary's agent read longer ago says nothing about lag
STOP_SECONDS = 10.0  # how long a killed mysqld may take to give its memory back
ORDER_ROLES = frozenset({"orchestrator", "operator"})
ASKING_ROLES = ORDER_ROLES | {"agent"}


class Agent:
    """One node's agent. Nothing here blocks the event loop: mysqld is asked in threads of their own."""

    def __init__(self, settings: AgentSettings, login: Login, incarnation: int) -> None:
        self._settings = settings
        self._login = login
        self._incarnation = incarnation
        self._process = MysqldProcess(settings.mysqld.pid_file, settings.mysqld.data_folder)
        self.work = Work(self._process, settings.mysqld.probe_seconds)
        self._own_probes = ThreadPoolExecutor(1, "probe")
        self._other_probes = ThreadPoolExecutor(8, "sighting")
        self._under_way: Future[Probe] | None = None
        self._sequence = 0
        self._epoch = 0
        self._last = Probe(Reach.UNKNOWN, "not probed yet")
        self._reach = Reach.UNKNOWN
        self._probed_at = 0.0
        self._executed: Executed | None = None
        self._writable_since: float | None = None
        self._fences = 0
        self.news = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        beat_seconds = settings.profile.beat_seconds
        self._voting = Voting(settings.node, incarnation, beat_seconds, self._look)
        self._trail = Trail(beat_seconds)
        self.examiner = Examiner(self._look_at_disk, beat_seconds, settings.mysqld.probe_seconds)
        self.guard = Guard(
            (settings.cluster, settings.node),
            beat_seconds,
            settings.state_file,
            writable=self._writable,
            make_read_only=self._make_read_only,
            kill=self._process.kill,
            executed=lambda: self._executed,
            writable_since=lambda: self._writable_since,
        )
        self.bequest: Bequest | None = None
        if settings.runtime_folder is not None:
            own = (settings.runtime_folder, settings.node, beat_seconds)
            self.bequest = Bequest(*own, self.guard, process_id=lambda: self._process.process_id)

    @property
    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", OBSERVATION_PATH, None, self._serve_observation),
            Route("POST", SIGHTING_PATH, SightingRequest, self._serve_sighting, ASKING_ROLES),
            Route("POST", VOUCH_PATH, VouchRequest, self._serve_vouch, frozenset({"agent"})),
            Route("POST", EXPIRY_PATH, ExpiryRequest, self._serve_expiry, ORDER_ROLES),
            Route("POST", STOP_PATH, StopRequest, self._serve_stop, ORDER_ROLES),
            Route("POST", SALVAGE_PATH, SalvageRequest, self._serve_salvage, ORDER_ROLES),
        )

    async def _probe(self, seconds: float) -> Probe:
        """Look at our own mysqld. A look that hangs is left hanging, and answered for with TIMED_OUT.

        ``seconds``: how long to wait for the look. Until it has hung too long, the answer is that of the look before.
        """
        mysqld = self._settings.mysqld
        if self._process.state is ProcessState.EXITED:
            return Probe(Reach.REFUSED, "mysqld does not run")
        if self._under_way is None or self._under_way.done():
            self._under_way = self._own_probes.submit(self._own_probe, self._fences)
            self._probed_at = time.monotonic()
        try:
            waiter = asyncio.shield(asyncio.wrap_future(self._under_way))
            seen = await asyncio.wait_for(waiter, min(seconds, mysqld.probe_seconds))
        except TimeoutError:
            if time.monotonic() - self._probed_at < mysqld.probe_seconds:
                return Probe(self._reach, "by the look before; another is under way")
            seen = Probe(Reach.TIMED_OUT, f"mysqld did not answer within {mysqld.probe_seconds:g} s")
        self._reach = seen.reach
        return seen

    def _own_probe(self, fences: int) -> Probe:
        """Blocking; what was seen before the guard has fenced mysqld does not count any more."""
        mysqld = self._settings.mysqld
        asked_at = clock.now()
        seen = probe(mysqld.host, mysqld.port, self._login, mysqld.unix_socket)
        if seen.reach.shows_life:
            self.work.answered()
        if seen.server is not None:
            self._executed = seen.server.gtid_executed, asked_at
            self._note_writable(seen.server.writable, asked_at)
        self._reach = seen.reach  # a look that ends between two beats answers for the next one
        if seen.server is not None and fences == self._fences:
            self._last = seen
        return seen

    def _note_writable(self, writable: bool, asked_at: float) -> None:
        """``asked_at``: before the look began."""
        if not writable:
            self._writable_since = None
        elif self._writable_since is None:
            self._writable_since = asked_at

    def _look_at_disk(self) -> Vitals:
        """Blocking."""
        mysqld = self._settings.mysqld
        wanted, state_file = mysqld.disk_probe_file, self._settings.state_file
        return look_at_disk(mysqld.data_folder, self._process.process_id, wanted, state_file)

    def _writable(self) -> bool:
        """Whether our mysqld takes writes, by the last look that got in; before the first one it might."""
        if self._process.state is ProcessState.EXITED:
            return False
        return self._last.server is None or not self._last.server.super_read_only

    def _make_read_only(self) -> None:
        """Blocking."""
        mysqld = self._settings.mysqld
        make_read_only(mysqld.host, mysqld.port, self._login, mysqld.unix_socket)
        with connect(mysqld.host, mysqld.port, self._login, mysqld.unix_socket) as server:
            state = server.state()
        if not state.super_read_only:
            raise Unavailable("mysqld says that it is not super_read_only")
        self._fences += 1
        self._last = Probe(Reach.REACHED, "", state)
        self._loop.call_soon_threadsafe(self.news.set)

    async def _look(self, address: str, port: int) -> Probe:
        """At another's mysqld."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._other_probes, probe, address, port, self._login)
        seconds = self._settings.mysqld.probe_seconds
        try:
            return await asyncio.wait_for(work, seconds)
        except TimeoutError:
            return Probe(Reach.TIMED_OUT, f"no answer within {seconds:g} s")

    def acknowledged(self, terms: LeaseTerms | None, asked_at: float) -> None:
        """A monitor has our report of ``asked_at``, of the monotonic clock."""
        if terms is not None:
            self._voting.adopt(terms)
        self.guard.acknowledged(terms, asked_at)
        if self.bequest is not None:
            self.bequest.renew()

    def _observation(self, seen: Probe) -> Observation:
        self._sequence += 1
        return Observation(
            cluster=self._settings.cluster,
            node=self._settings.node,
            incarnation=self._incarnation,
            sequence=self._sequence,
            process=self._process.state,
            reach=seen.reach,
            detail=seen.detail,
            server=self._last.server,
            lease=self.guard.state,
            voters_version=self.guard.version,
            vouching=self.guard.vouching,
            vitals=self.examiner.seen(clock.now()),
            heartbeat=self._heartbeat(seen),
            unanswered_seconds=self.work.unanswered_seconds(seen.reach),
            working=self.work.working if self._process.state is ProcessState.RUNNING else None,
        )

    def _heartbeat(self, seen: Probe) -> Heartbeat | None:
        """Of a replica whose mysqld has just answered."""
        terms, server = self.guard.terms, self._last.server
        if terms is None or terms.primary.name == self._settings.node:
            return None
        if server is None or seen.reach is not Reach.REACHED:
            return None
        try:
            found = self._trail.heartbeat(GtidSet.parse(server.gtid_executed), clock.now())
        except InvalidInput as error:
            log.warning("the lag of this node is not known: %s", error)
            return None
        return found if found and found.primary == terms.primary.name else None

    def _hear(self, asked: VouchRequest) -> None:
        """Keep what the primary has executed; a set that cannot be read must not cost it its vouch."""
        terms = self.guard.terms
        if terms is None or terms.primary.name != asked.node or asked.gtid_executed is None:
            return
        if not 0 <= asked.seconds_ago <= HEARD_SECONDS_MAX:
            return
        try:
            self._trail.hear(asked.node, GtidSet.parse(asked.gtid_executed), clock.now() - asked.seconds_ago)
        except InvalidInput as error:
            log.warning("the lag behind %s is not known: %s", asked.node, error)

    async def observe(self, seconds: float = float("inf")) -> Observation:
        self.examiner.begin(clock.now())
        return self._observation(await self._probe(seconds))

    def observe_exit(self) -> Observation:
        return self._observation(Probe(Reach.REFUSED, "mysqld has exited"))

    async def follow_process(self, reporter: Reporter) -> None:
        """For ever: hold mysqld's pidfd; tell every monitor the moment it exits, and wake the beat when it is back."""
        while True:
            if not self._process.find():
                await asyncio.sleep(FIND_SECONDS)
                continue
            log.info("mysqld runs as process %s", self._process.process_id)
            self.guard.mysqld_started()
            self.news.set()
            await self._process.exited()
            log.warning("mysqld (process %s) has exited", self._process.process_id)
            await reporter.send_to_all(self.observe_exit())

    async def beat(self, reporter: Reporter) -> None:
        """For ever: report every beat, at once when mysqld is back, and soon again when no monitor acknowledged."""
        beat_seconds = self._settings.profile.beat_seconds
        retry_seconds = min(RETRY_SECONDS, RETRY_BEATS * beat_seconds)
        while True:
            self.news.clear()
            acknowledged = await reporter.send(await self.observe(beat_seconds * LOOK_BEATS))
            try:
                await asyncio.wait_for(self.news.wait(), beat_seconds if acknowledged else retry_seconds)
            except TimeoutError:
                continue

    async def _serve_observation(self, _peer: Peer, _body: None) -> Observation:
        return await self.observe()

    async def _serve_sighting(self, _peer: Peer, asked: SightingRequest) -> Sighting:
        began_at = clock.now()
        seen = await self._look(asked.address, asked.port)
        self._voting.note(asked.target, seen, began_at)
        return Sighting(observer=self._settings.node, target=asked.target, reach=seen.reach, detail=seen.detail)

    async def _serve_vouch(self, peer: Peer, asked: VouchRequest) -> Vouch:
        if asked.cluster != self._settings.cluster:
            raise Refused(f"this node is of cluster {self._settings.cluster}, not {asked.cluster}")
        if peer.name == asked.node:
            self._hear(asked)
        return await self._voting.serve_vouch(peer, asked)

    async def _serve_expiry(self, _peer: Peer, asked: ExpiryRequest) -> VoterWord:
        self._check_order(asked, asked.node)
        return await self._voting.expiry(asked)

    def _check_order(self, order: StopRequest | SalvageRequest | ExpiryRequest, about: str | None = None) -> None:
        """An order must be for this node (or ``about`` another), and of no job older than the newest seen here."""
        mine = (self._settings.cluster, about or self._settings.node)
        if (order.cluster, order.node) != mine:
            raise Refused(f"this is {'/'.join(mine)}, the order of job {order.job} is for {order.cluster}/{order.node}")
        if order.epoch < self._epoch:
            raise Refused(f"job {order.job} has epoch {order.epoch}, but epoch {self._epoch} was seen here")
        self._epoch = order.epoch

    async def _serve_salvage(self, peer: Peer, order: SalvageRequest) -> SalvageAnswer:
        self._check_order(order)
        log.warning("%s asks for the tail of the binary logs, job %s", peer.name, order.job)
        mysqld = self._settings.mysqld
        known = self._last.server.binlog_index if self._last.server else ""
        index = find_index(known, mysqld.data_folder)
        have = GtidSet.parse(order.have)
        return await salvage(mysqld.mysqlbinlog, index, have, mysqld.salvage_seconds, rows=order.rows)

    async def _serve_stop(self, peer: Peer, order: StopRequest) -> StopAnswer:
        self._check_order(order)
        log.warning("%s orders mysqld killed, by job %s, epoch %d", peer.name, order.job, order.epoch)
        self._process.kill()
        try:
            await asyncio.wait_for(self._process.exited(), STOP_SECONDS)
        except TimeoutError:
            raise Unavailable(f"mysqld of {self._settings.node} was killed and has not exited yet") from None
        return StopAnswer(process=self._process.state, detail=f"process {self._process.process_id}")


async def run(settings: AgentSettings, stop: asyncio.Event) -> None:
    """The daemon's body: serve and beat until ``stop``."""
    seconds = settings.mysqld.probe_seconds
    login = read_option_file(
        settings.mysqld.credentials_file, Login(connect_timeout=seconds * 0.9, read_timeout=seconds * 0.9)
    )
    agent = Agent(settings, login, time.time_ns())
    async with Caller(settings.tls.files) as caller, serving(settings.listen, settings.tls.files, agent.routes):
        reporter = Reporter(caller, settings.monitors, settings.profile.beat_seconds / 4, agent.acknowledged)
        works = [
            agent.follow_process(reporter),
            agent.work.follow(),
            agent.beat(reporter),
            agent.guard.ask_voters(caller),
            agent.guard.guard(),
        ]
        if agent.bequest is not None:
            works.append(agent.bequest.follow())
        tasks = [asyncio.create_task(work) for work in works]
        ready(f"watching {settings.cluster}/{settings.node}")
        ended = asyncio.create_task(stop.wait())
        done, _pending = await asyncio.wait([ended, *tasks], return_when=asyncio.FIRST_COMPLETED)
        if agent.bequest is not None:
            agent.bequest.end()
        for task in (*tasks, ended):
            task.cancel()
        for task in done:
            task.result()
