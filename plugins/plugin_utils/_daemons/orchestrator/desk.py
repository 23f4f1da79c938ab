# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cluster's desk at an orchestrator: what has to be done about it now, done by one orchestrator at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.assignment import watcher
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    Conflict,
    InvalidInput,
    NotFound,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lifecycle import JobState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import (
    notice_of_failed_run,
    notice_of_quarantine,
    notice_of_screening,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.permission import blockers, blockers_in_detail
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import Rule, judge
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    Job,
    LockHolder,
    Screening,
    Suspicion,
    lock_path,
    suspicion_path,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.inquiry import inquire
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import (
    NOBODY,
    OPERATOR,
    Record,
    answer_suspicion,
    open_job,
    read_record,
    set_suspicion_aside,
    take_over,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.permit import (
    end_trouble,
    note_trouble,
    situation_of,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screening import Means
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.screenings import put_on_record, screening_of

from ..notifier import Tell, tell_nobody
from .attendance import LOOK_SECONDS, Attendance, give_up, is_open
from .mending import Mending
from .runner import PlaybookRunner

log = logging.getLogger(__name__)

RETRY_SECONDS = (2.0, 2.0, 5.0, 10.0, 30.0)  # between the runs of a job that fails; the last one goes on for ever
SAY_AGAIN_SECONDS = 60.0  # how often what is found again and again is put on record again
STAND_BACK_SECONDS = 0.8  # two that ask everybody at once take the processors from each other and from the job
RECORD_LATER_SECONDS = 1.0
NOTE_AGAIN_SECONDS = 5.0  # and how often a trouble that lasts is noted again: well within the fleet breaker's window
HEALTH_SECONDS = 2.0  # after a change of health nothing is in a hurry here, and of many changes one look is enough


@dataclass(slots=True)
class Memory:
    """What this orchestrator said last of its cluster; times are of the monotonic clock."""

    conclusion: tuple[int, str, tuple[str, ...]] | None = None
    said: float = 0.0
    noted: float | None = None  # when the trouble was noted; None: there is none on record
    refuted: bool = False  # the last suspicion was; the next one is likely to be
    forbidden: bool = False  # so was the last failover that a verdict called for


class Desk:
    """``wake`` whenever anything of the cluster changed; ``attend`` runs for ever.

    ``orchestrators()``: the names of those that are there.
    """

    def __init__(
        self,
        cluster: str,
        owner: str,
        store: Store,
        means: Means,
        runner: PlaybookRunner,
        *,
        orchestrators: Callable[[], Collection[str]],
        host_command: Sequence[str] = (),
        tell: Tell = tell_nobody,
    ) -> None:
        self._orchestrators = orchestrators
        self._suspected = False  # a suspicion was there when it last came or went
        self._tell = tell
        self._cluster = cluster
        self._owner = owner
        self._store = store
        self._means = means
        self._runner = runner
        self._woken = asyncio.Event()
        self._host_command = host_command
        self._memory = Memory()
        self._loop = asyncio.get_running_loop()
        self._mending = Mending(cluster, owner, store, tell, self._wake_later_from_thread)
        self._again: asyncio.TimerHandle | None = None
        self._attendance = Attendance()

    def wake(self) -> None:
        self._woken.set()

    def _wake_from_thread(self, suspected: bool) -> None:
        self._suspected = suspected
        self._loop.call_soon_threadsafe(self.wake)

    def _wake_later_from_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.call_later, HEALTH_SECONDS, self.wake)

    async def watch(self) -> None:
        """For what is in a hurry; of all else the fleet's reader wakes us."""
        path = suspicion_path(self._cluster)
        await asyncio.to_thread(self._store.watch_presence, path, self._wake_from_thread)

    async def attend(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            try:
                await self._handle()
            except Conflict as error:
                log.info("%s: %s", self._cluster, error)
            except NotFound:
                log.info("%s is not registered any more", self._cluster)
            except AltairError as error:
                log.error("%s: %s", self._cluster, error)
                if isinstance(error, InvalidInput):
                    await self._set_aside_suspicion()
                self._loop.call_later(RETRY_SECONDS[0], self.wake)

    async def _read(self) -> Record:
        return await asyncio.to_thread(read_record, self._store, self._cluster)

    async def _handle(self) -> None:
        suspected = self._suspected
        seen: Record | None = None
        if not self._first():
            await asyncio.sleep(STAND_BACK_SECONDS)
            suspected = False  # by now it may have been answered
        if not suspected:
            seen = await self._read()
            if not _calls_for_work(seen):
                await self._mend(seen)
                return
        self._suspected = False
        if not await self._take_lock():
            self._watch_attended(seen or await self._read())
            return
        try:
            record = await self._read()  # what was seen before the lock may be another's past
            if _is_open(record):
                await self._resume(record)
            elif record.suspicion is not None:
                await self._screen(record, record.suspicion.value)
        finally:
            await self._runner.withdraw(self._cluster)
            await self._leave_lock()

    def _watch_attended(self, record: Record) -> None:
        """Another holds the lock, perhaps a person's playbook, whose end tells nobody."""
        if record.job is not None and is_open(record.job.value):
            self._loop.call_later(LOOK_SECONDS, self.wake)

    async def _mend(self, seen: Record) -> None:
        """Nothing else is to be done: point stray replicas at the primary, and come back for those that were not."""
        due = await asyncio.to_thread(self._mending.due, seen, now=time.monotonic(), now_at=time.time())
        if due and await self._take_lock():
            try:
                await asyncio.to_thread(
                    self._mending.mend, due, self._means.login, now=time.monotonic(), now_at=time.time()
                )
            except AltairError as error:
                log.warning("%s: stray replicas are looked at again later: %s", self._cluster, error)
            finally:
                await self._leave_lock()
        seconds = self._mending.seconds_left(time.monotonic())
        if self._again is not None:
            self._again.cancel()
        self._again = None if seconds is None else self._loop.call_later(seconds, self.wake)

    async def _set_aside_suspicion(self) -> None:
        """One that cannot be read would keep every other from being raised; monitors raise it again where it holds."""
        path = suspicion_path(self._cluster)
        try:
            await asyncio.to_thread(self._store.read, path, Suspicion)
        except InvalidInput as error:
            because, by = "the suspicion that cannot be read is set aside", self._owner
            log.error("%s: %s", self._cluster, because)
            self._tell(notice_of_quarantine(cluster=self._cluster, sentence=str(error), at=time.time(), by=by))
            with suppress(AltairError):
                await asyncio.to_thread(
                    set_suspicion_aside, self._store, self._cluster, because=because, by=self._owner
                )
        except AltairError as error:
            log.warning("%s: %s", self._cluster, error)

    def _first(self) -> bool:
        """Whether the cluster is ours before it is another's; none of them is asked, so the others only stand back."""
        return watcher(self._cluster, self._orchestrators()) in (self._owner, None)

    async def _take_lock(self) -> bool:
        path = lock_path(self._cluster)
        try:
            await asyncio.to_thread(self._store.create, path, LockHolder(owner=self._owner), ephemeral=True)
        except Conflict:
            return await asyncio.to_thread(self._store.owns, path)
        return True

    async def _leave_lock(self) -> None:
        path = lock_path(self._cluster)
        try:
            if await asyncio.to_thread(self._store.owns, path):
                await asyncio.to_thread(self._store.delete, path)
        except Unavailable as error:
            log.warning("the lock of %s ends with the session: %s", self._cluster, error)

    async def _resume(self, record: Record) -> None:
        left = self._attendance.seconds_left(record.job.value, time.monotonic()) if record.job is not None else 0.0
        if left > 0:
            self._loop.call_later(min(left, LOOK_SECONDS), self.wake)
            return
        because = f"{self._owner} went on with it"
        if record.job is not None and record.job.value.owner == NOBODY:
            because += f"; {record.job.value.because}"
        job = await asyncio.to_thread(take_over, self._store, record, owner=self._owner, because=because)
        log.warning("took job %s over, now epoch %d", job.id, job.epoch)
        given_up = await asyncio.to_thread(give_up, self._store, job, self._means.login)
        if given_up:
            log.warning("gave job %s up: %s", job.id, given_up)
            return
        await self._carry_out(job)

    async def _screen(self, record: Record, suspicion: Suspicion) -> None:
        primary = record.state.value.primary
        if (suspicion.primary, suspicion.epoch) != (primary, record.state.value.epoch):
            await self._drop_suspicion(record, "it is of an earlier epoch")
            return
        if not (self._memory.refuted or self._memory.forbidden):
            await self._runner.announce(self._cluster, record.state.value.epoch + 1)
        inquiry, _noted = await asyncio.gather(
            inquire(self._store, record.spec, suspicion, self._means, self._host_command),
            self._note_trouble(primary, unless=self._memory.refuted),
        )
        rule = judge(inquiry.snapshot)
        await self._settle_trouble(rule, primary)
        if rule.verdict.actionable and not self._memory.forbidden:
            await self._runner.announce(self._cluster, record.state.value.epoch + 1)
        now_at = time.time()
        situation = await asyncio.to_thread(
            situation_of, self._store, record, suspicion, inquiry, rule.verdict, now_at=now_at
        )
        against = blockers(situation)
        self._memory.forbidden = bool(against)
        found = screening_of(inquiry, rule, situation, against, suspicion, by=self._owner, now_at=now_at)
        if against:
            if self._say(found):
                log.warning("%s is not failed over: %s", self._cluster, "; ".join(blockers_in_detail(situation)))
                await asyncio.to_thread(put_on_record, self._store, found)
            await self._drop_suspicion(record, "; ".join(against))
            return
        try:
            job = await asyncio.to_thread(
                open_job, self._store, record, owner=self._owner, because=rule.because, now_at=now_at
            )
        finally:
            self._say(found)
        log.warning("opened job %s, epoch %d", job.id, job.epoch)
        recording = asyncio.create_task(self._record_later(found))
        await self._carry_out(job)
        await recording

    async def _record_later(self, found: Screening) -> None:
        """What nobody waits for must not take the processors from the job, which has on record what it needs of it."""
        await asyncio.sleep(RECORD_LATER_SECONDS)
        await asyncio.to_thread(put_on_record, self._store, found)

    def _say(self, found: Screening) -> bool:
        """To the log and to who wants to be told, if it is news; whether it is."""
        news = self._is_news(found)
        if news:
            log.warning("%s/%s: %s, %s", found.cluster, found.primary, found.verdict.value, found.because)
            self._tell(notice_of_screening(found))
        return news

    def _is_news(self, found: Screening) -> bool:
        """A suspicion is raised again every beat; what is new is said once, and what lasts from time to time."""
        conclusion, now = (found.epoch, found.because, found.blockers), time.monotonic()
        if conclusion == self._memory.conclusion and now - self._memory.said < SAY_AGAIN_SECONDS:
            return False
        self._memory.conclusion, self._memory.said = conclusion, now
        return True

    async def _note_trouble(self, primary: str, *, unless: bool = False) -> None:
        """For the whole fleet to see, before anything is decided. What is likely to be refuted is not noted ahead."""
        now, noted = time.monotonic(), self._memory.noted
        if unless or (noted is not None and now - noted < NOTE_AGAIN_SECONDS):
            return
        await asyncio.to_thread(note_trouble, self._store, self._cluster, primary, by=self._owner, now_at=time.time())
        self._memory.noted = now

    async def _settle_trouble(self, rule: Rule, primary: str) -> None:
        """See that the fleet's record says the same as the verdict before permission is asked."""
        self._memory.refuted = rule.verdict.refutes
        if not rule.verdict.refutes:
            await self._note_trouble(primary)
        elif self._memory.noted is not None:
            await asyncio.to_thread(end_trouble, self._store, self._cluster)
            self._memory.noted = None

    async def _drop_suspicion(self, record: Record, because: str) -> None:
        if record.suspicion is None:
            return
        log.debug("the suspicion of %s is answered: %s", self._cluster, because)
        await asyncio.to_thread(answer_suspicion, self._store, record, because=because, by=self._owner)

    async def _carry_out(self, job: Job) -> None:
        """Run the playbook until the job has ended, paused or passed to another; steps that hold already are quick."""
        for pause_seconds in chain(RETRY_SECONDS, repeat(RETRY_SECONDS[-1])):
            code = await self._runner.run(self._cluster, job.epoch)
            record = await self._read()
            ours = record.job is not None and record.job.value.epoch == job.epoch
            if record.job is None or not ours or not _is_open(record):
                state = record.job.value.state.value if record.job else "gone"
                log.warning("job %s: the playbook ended with %d, the job is %s", job.id, code, state)
                return
            log.error("job %s: a run ended with %d: %s", job.id, code, record.job.value.trouble or "see its log")
            if not record.job.value.trouble:
                self._tell(notice_of_failed_run(record.job.value, code, at=time.time(), by=self._owner))
            await asyncio.sleep(pause_seconds)


def _is_open(record: Record) -> bool:
    """A job that an orchestrator has to end. A person's job and a paused one wait for a person."""
    if record.job is None or record.job.value.owner.startswith(OPERATOR):
        return False
    return record.job.value.state is JobState.RUNNING


def _calls_for_work(record: Record) -> bool:
    return _is_open(record) or record.suspicion is not None
