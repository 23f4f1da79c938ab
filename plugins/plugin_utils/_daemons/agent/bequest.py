# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent leaves to the dead-man beside it: a lock that says that it lives, and a will for when it does not."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import lifeline
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.private_file import write_private
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.process import started
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.deadman import Will
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import LEASE_BEATS

from .. import clock
from .guard import Guard

log = logging.getLogger(__name__)

LOCK_FILE, WILL_FILE = "agent.lock", "will.json"
LOCK_SECONDS = 2.0  # how long a predecessor may take to be gone
LOOK_BEATS = 0.25


def read_will(folder: str) -> Will | None:
    """None where there is none that can be used."""
    path = Path(folder) / WILL_FILE
    try:
        return decode(Will, path.read_bytes(), str(path))
    except FileNotFoundError:
        return None
    except (OSError, InvalidInput) as error:
        log.error("what the agent has left is lost: %s", error)
        return None


class Bequest:
    """``process_id()``: of the mysqld that is watched. Until somebody has answered this agent, what its predecessor
    left stands: the time that a restarted agent is given to ask is nothing that it has been granted."""

    def __init__(
        self,
        folder: str,
        node: str,
        beat_seconds: float,
        guard: Guard,
        *,
        process_id: Callable[[], int | None],
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._folder = Path(folder)
        self._node = node
        self._beat_seconds = beat_seconds
        self._guard = guard
        self._process_id = process_id
        self._now = now
        self._left: Will | None = None
        self._troubled = False
        self._lock = lifeline.hold(self._folder / LOCK_FILE, LOCK_SECONDS)

    def renew(self, *, exactly: bool = False) -> None:
        """Write down what has changed enough, or ``exactly`` what is. The folder lies in memory: this does not wait.

        Called with each acknowledgement, and so before a report can name voters that the will does not.
        """
        will = self._will()
        if will is None or not (exactly or will.outdates(self._left, self._beat_seconds)):
            return
        try:
            write_private(self._folder / WILL_FILE, encode(will))
        except Unavailable as error:
            if not self._troubled:
                log.error("%s; the dead-man goes by what it holds", error)
            self._troubled = True
        else:
            self._left, self._troubled = will, False

    def end(self) -> None:
        """From now on nobody guards the lease here, however long this process takes to be gone."""
        self.renew(exactly=True)
        os.close(self._lock)

    def _will(self) -> Will | None:
        terms, now = self._guard.terms, self._now()
        if terms is None:
            return None
        earned_until = self._guard.earned_until if terms.primary.name == self._node else now
        if earned_until == float("-inf"):
            return None
        number = self._process_id()
        began = started(number) if number is not None else None
        return Will(
            terms=terms,
            good_until=min(earned_until, now + LEASE_BEATS * self._beat_seconds),
            process_id=number if began is not None else None,
            process_started=began,
        )

    async def follow(self) -> None:
        """For ever: vouches and mysqld's restarts call nobody."""
        while True:
            self.renew()
            await asyncio.sleep(LOOK_BEATS * self._beat_seconds)
