# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's playbook holds its cluster's lock while it is at work, so that its death is seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .._adapters.zookeeper import Store
from .._core.errors import AltairError, Conflict, Refused
from .._core.znodes import LockHolder, lock_path
from .jobs import current_job, read_record
from .keeping import Keeper, store_at

SESSION_SECONDS = 6.0  # of a process that dies: for so long nobody takes over, and writers may have to wait
LOCK_SECONDS = 5.0  # an orchestrator that only looks at the cluster holds it for a moment
AGAIN_SECONDS = 0.1


def _take(store: Store, cluster: str, owner: str) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            store.create(lock_path(cluster), LockHolder(owner=owner), ephemeral=True)
            return
        except Conflict:
            if time.monotonic() > deadline:
                found = store.read(lock_path(cluster), LockHolder)
                who = found.value.owner if found else "somebody"
                raise Refused(f"{who} is at work on cluster {cluster}; try again when that is done") from None
        time.sleep(AGAIN_SECONDS)


@contextmanager
def attending(place: Keeper, cluster: str, epoch: int) -> Iterator[None]:
    """For the block's length the lock is ours, in the session that is open; the job of ``epoch`` must be, too."""
    with store_at(place) as store:
        job = current_job(read_record(store, cluster), epoch)
        _take(store, cluster, job.owner)
        try:
            yield
        finally:
            with suppress(AltairError):  # it ends with the session
                if store.owns(lock_path(cluster)):
                    store.delete(lock_path(cluster))
