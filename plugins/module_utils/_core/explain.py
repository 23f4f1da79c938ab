# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A screening in sentences: what everybody said, what was concluded, and why nothing was done."""

from __future__ import annotations

from .observation import Observation, ProcessState, Reach, Sighting
from .permission import blockers_in_detail
from .standing import Standing
from .znodes import NodeHealth, Screening

_REACH: dict[Reach, str] = {
    Reach.REACHED: "reached it",
    Reach.DUBIOUS: "was answered and not let in",
    Reach.REFUSED: "was refused: nothing listens there",
    Reach.TIMED_OUT: "got no answer in time",
    Reach.UNKNOWN: "could not be asked",
}
_HOST: dict[bool | None, str] = {True: "is up", False: "is down", None: "nobody can tell"}


def _process(state: ProcessState, otherwise: str) -> str:
    return otherwise if state is ProcessState.UNKNOWN else f"mysqld {state.value}"


def _agent(screening: Screening) -> str:
    word = _process(screening.agent, "no answer")
    return word if screening.agent_reach is Reach.UNKNOWN else f"{word}, and the agent {_REACH[screening.agent_reach]}"


def _voters(names: tuple[str, ...] | None) -> str:
    if names is None:
        return "nobody is on record as voting on its lease, so every replica counts"
    return f"on its lease vote: {', '.join(names) or 'none'}"


def _sighting(seen: Sighting) -> str:
    detail = f" ({seen.detail})" if seen.detail else ""
    return f"{seen.observer} {_REACH[seen.reach]}{detail}"


def _standing(one: Standing) -> str:
    if not one.live:
        return f"{one.node} is not known to live"
    lag = "of unknown lag" if one.lag_seconds is None else f"{one.lag_seconds:g} s behind"
    missing = "an unknown number" if one.transactions_missing is None else str(one.transactions_missing)
    return f"{one.node} lives, {lag}, and lacks {missing} of the primary's last known transactions"


def answers(screening: Screening) -> tuple[str, ...]:
    """Every answer, one sentence each."""
    read_only = {True: "it is read-only", False: "it is writable", None: "nobody could tell whether it is read-only"}
    return (
        f"its monitor: {screening.suspected.value}",
        f"the last report that the monitor has: {_process(screening.reported, 'none')}",
        f"its own agent, asked then: {_agent(screening)}",
        f"its host: {_HOST[screening.host]}",
        f"the orchestrator {_REACH[screening.orchestrator]}; {read_only[screening.read_only]}",
        _voters(screening.voters),
        *map(_sighting, screening.replicas),
        *map(_standing, screening.standings),
    )


def conclusion(screening: Screening) -> str:
    return f"{screening.verdict.value}: {screening.because}"


def outcome(screening: Screening) -> str:
    """Why nothing was done, with the numbers, or that something was."""
    against = blockers_in_detail(screening.situation)
    if not screening.blockers:
        return "nothing forbade a failover, and its job was opened"
    return "not failed over: " + "; ".join(against or screening.blockers)


def _lag(seen: Observation) -> str:
    if seen.heartbeat is not None:
        return f"{'' if seen.heartbeat.sure else 'at least '}{seen.heartbeat.lag_seconds:.0f} s behind"
    told = [channel.lag_seconds for channel in seen.server.channels] if seen.server else []
    known = [lag for lag in told if lag is not None]
    return f"{max(known):.0f} s behind by its own word" if known else ""


def _disk(seen: Observation) -> str:
    used, total = seen.vitals.disk_bytes_used, seen.vitals.disk_bytes_total
    return f"disk {used / total:.0%} full" if used is not None and total else ""


def _unanswered(seen: Observation) -> str:
    if seen.reach is not Reach.TIMED_OUT or seen.unanswered_seconds is None:
        return ""
    process = {True: ", and its process works", False: ", and its process does not work", None: ""}[seen.working]
    return f"its agent got no answer for {seen.unanswered_seconds:.0f} s{process}"


def node_sentence(health: NodeHealth, seen: Observation | None) -> str:
    """How a node is: by its monitor, by what its agent finds now (None: it was not asked, or is silent), and what is
    breached."""
    words = [health.because]
    words += [_unanswered(seen), _lag(seen), _disk(seen)] if seen else []
    words += [f"breach '{each.breach.value}': {each.because}" for each in health.breaches]
    return "; ".join(filter(None, words))
