# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of screenings: the last one, and the last ones that differ."""

from __future__ import annotations

from contextlib import suppress

from .._adapters.zookeeper import Store
from .._core.errors import Conflict, InvalidInput
from .._core.permission import Situation
from .._core.replay import remember, sealed
from .._core.verdict import Rule
from .._core.znodes import (
    ClusterState,
    Screening,
    ScreeningHistory,
    Suspicion,
    screening_path,
    screenings_path,
    state_path,
)
from .inquiry import Inquiry

TRIES = 3  # a lost compare-and-set means that another has screened the same cluster this moment


def screening_of(
    inquiry: Inquiry,
    rule: Rule,
    situation: Situation,
    against: tuple[str, ...],
    suspicion: Suspicion,
    *,
    by: str,
    now_at: float,
) -> Screening:
    """The answer to "why, or why not?", for the record."""
    snapshot = inquiry.snapshot
    found = Screening(
        cluster=snapshot.cluster,
        primary=snapshot.primary,
        epoch=suspicion.epoch,
        verdict=rule.verdict,
        because=rule.because,
        actionable=rule.actionable,
        blockers=against,
        suspected=snapshot.suspected,
        reported=snapshot.reported,
        agent=snapshot.agent,
        host=snapshot.host,
        orchestrator=snapshot.orchestrator,
        read_only=snapshot.read_only,
        replicas=snapshot.replicas,
        voters=snapshot.voters,
        agent_reach=snapshot.agent_reach,
        standings=inquiry.standings,
        situation=situation,
        suspected_at=suspicion.raised_at if suspicion.monitor else None,
        screened_by=by,
        screened_at=now_at,
        last_at=now_at,
    )
    return sealed(found)


def put_on_record(store: Store, found: Screening) -> None:
    """Blocking. Garbage in the history's place is replaced: what is found now is worth more."""
    if store.read(state_path(found.cluster), ClusterState) is None:
        return  # deregistered meanwhile: writing would bring its folder back
    with suppress(Conflict):
        store.put(screening_path(found.cluster), found)
    path = screenings_path(found.cluster)
    for _try in range(TRIES):
        try:
            kept = store.read(path, ScreeningHistory)
        except InvalidInput:
            store.delete(path)
            continue
        try:
            if kept is None:
                store.create(path, remember(ScreeningHistory(), found))
            else:
                store.replace(path, remember(kept.value, found), kept.version)
        except Conflict:
            continue
        return


def history(store: Store, cluster: str) -> ScreeningHistory:
    """Raise InvalidInput when it cannot be read."""
    found = store.read(screenings_path(cluster), ScreeningHistory)
    return found.value if found else ScreeningHistory()
