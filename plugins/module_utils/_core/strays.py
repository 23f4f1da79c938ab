# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which replicas may have to be pointed at the primary, by the record alone: whether to ask the servers at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .health import Health
from .thresholds import Breach
from .znodes import Job, NodeHealth


@dataclass(frozen=True, slots=True)
class Stray:
    """``since``: names the occasion, so that one that was dealt with is told from a new one."""

    node: str
    since: str


def _left_behind(job: Job | None) -> tuple[str, ...]:
    if job is None or not job.state.ended:
        return ()
    evidence = next((step.evidence for step in job.steps if step.step == "repoint"), {})
    names = evidence.get("left_behind")
    return tuple(names) if isinstance(names, list) else ()


def _stands(found: NodeHealth) -> str | None:
    """Since when its replication stands; None where it does not, or where it has no channel at all, as an old primary
    that came back."""
    raised = next((each for each in found.breaches if each.breach is Breach.REPLICATION), None)
    server = found.observation.server if found.observation else None
    return f"breach {raised.raised_at}" if raised and server and server.channels else None


def strays(job: Job | None, health: Mapping[str, NodeHealth], primary: str) -> frozenset[Stray]:
    """Those that the last job left behind or whose replication stands, as far as they, and the primary, are healthy.

    ``health``: by node, as it is on record.
    """
    well = {name: found for name, found in health.items() if found.health is Health.HEALTHY}
    if primary not in well or (job is not None and not job.state.ended):
        return frozenset()
    left = {Stray(name, f"job {job.id}") for name in _left_behind(job) if name in well} if job else set()
    standing = {Stray(name, since) for name, found in well.items() if (since := _stands(found)) is not None}
    return frozenset(each for each in left | standing if each.node != primary)
