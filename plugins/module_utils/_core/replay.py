# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A screening on record, judged anew: the same answers must give the same verdict and the same reasons."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from .permission import blockers
from .snapshot import Snapshot
from .verdict import judge
from .znodes import SCREENINGS_MAX, Screening, ScreeningHistory


@dataclass(frozen=True, slots=True)
class Replay:
    """``holds``: the record is as it was written, and the rules of today conclude from it what it says."""

    holds: bool
    sentence: str


def snapshot_of(screening: Screening) -> Snapshot:
    """The answers as they were frozen."""
    return Snapshot(
        cluster=screening.cluster,
        primary=screening.primary,
        suspected=screening.suspected,
        reported=screening.reported,
        agent=screening.agent,
        host=screening.host,
        orchestrator=screening.orchestrator,
        read_only=screening.read_only,
        replicas=screening.replicas,
        voters=screening.voters,
        agent_reach=screening.agent_reach,
    )


def sealed(screening: Screening) -> Screening:
    """With the digest of all that is never changed once it is written."""
    return replace(screening, seal=_seal(screening))


def _seal(screening: Screening) -> str:
    return hashlib.sha256(repr(replace(screening, seal="", last_at=0.0)).encode()).hexdigest()


def replay(screening: Screening) -> Replay:
    """Judge the recorded answers again, verdict and blockers."""
    if screening.seal != _seal(screening):
        return Replay(
            False, "this record was changed after it was written, or another version wrote it; do not trust it"
        )
    rule = judge(snapshot_of(screening))
    against = blockers(replace(screening.situation, verdict=rule.verdict))
    found = (rule.verdict, rule.because, rule.actionable, against)
    if found == (screening.verdict, screening.because, screening.actionable, screening.blockers):
        return Replay(True, "the recorded answers give this verdict and these reasons again")
    reasons = "; ".join(against) or "nothing against a failover"
    return Replay(False, f"today's rules conclude otherwise: {rule.verdict.value}, {rule.because}; {reasons}")


def _finding(screening: Screening) -> tuple[object, ...]:
    """What makes one screening differ from another: not when, by whom, or how many seconds of something were left."""
    answers = tuple((seen.observer, seen.reach) for seen in screening.replicas)
    return (
        snapshot_of(replace(screening, replicas=())),
        answers,
        screening.epoch,
        screening.because,
        screening.blockers,
    )


def same_finding(one: Screening, other: Screening) -> bool:
    return _finding(one) == _finding(other)


def remember(history: ScreeningHistory, found: Screening) -> ScreeningHistory:
    """With ``found`` at its end, or its last entry prolonged when that found the same; bounded."""
    kept = history.screenings
    if kept and same_finding(kept[-1], found):
        return ScreeningHistory(screenings=(*kept[:-1], replace(kept[-1], last_at=found.last_at)))
    return ScreeningHistory(screenings=(*kept, found)[-SCREENINGS_MAX:])
