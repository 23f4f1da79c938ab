# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a cluster for what a failover would come to right now. Nothing is changed, locked or put on record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .._adapters.agent import TlsFiles, run
from .._adapters.mysql import Login, MysqlError, connect
from .._adapters.mysql_facts import semi_synchronous
from .._adapters.zookeeper import Store
from .._core.errors import AltairError
from .._core.failover_plan import FailoverPlan, foresee
from .._core.foresight import Death, Follower, Sight, snapshot_of
from .._core.gtid import GtidSet
from .._core.observation import LeaseState, Observation, ServerState
from .._core.standing import Standing, standing_of
from .._core.topology import Replica
from .._core.verdict import judge
from .._core.znodes import MONITORS, ORCHESTRATORS, Suspicion, Voters, voters_path
from .candidates import contenders_of, known_of
from .inquiry import Inquiry
from .jobs import Record
from .overview import ask_nodes
from .permit import situation_of
from .survey import Survey, survey

BECAUSE = "somebody asks what would be"


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """How to ask the servers and the agents; ``seconds``: how long the agents have to answer."""

    login: Login
    agents: TlsFiles
    seconds: float


@dataclass(frozen=True, slots=True)
class _Primary:
    """What the primary said when it was asked, before anybody else was; ``fault``: why it said nothing."""

    server: ServerState | None = None
    semi_synchronous: bool | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    """``words``: of the agents that answered, by node."""

    sight: Sight
    words: dict[str, Observation]


def _ask_primary(record: Record, login: Login) -> _Primary:
    node = record.spec.node(record.state.value.primary)
    try:
        with connect(node.address, node.port, login) as server:
            return _Primary(server.state(), semi_synchronous(server))
    except MysqlError as error:
        return _Primary(fault=str(error))


def _ask_agents(record: Record, asking: Asking) -> dict[str, Observation]:
    nodes = record.spec.nodes
    found = run(ask_nodes(asking.agents, nodes, asking.seconds))
    return {node.name: seen for node, seen in zip(nodes, found, strict=True) if seen is not None}


def _beat_seconds(record: Record) -> float | None:
    """By the last suspicion on record: the beat is a setting of the daemons, and on record nowhere else."""
    job = record.job.value if record.job else None
    raised = (record.suspicion.value if record.suspicion else None, job.suspicion if job else None)
    return next((each.beat_seconds for each in raised if each is not None and each.beat_seconds > 0), None)


def _topology(record: Record, found: Survey) -> tuple[Replica, ...]:
    return tuple(
        Replica(
            name=node.name,
            reachable=node.name in found.states,
            source=found.sources.get(node.name),
            connected=node.name in found.channels and found.channels[node.name].receiver_running,
        )
        for node in record.spec.others(record.state.value.primary)
    )


def _look(store: Store, record: Record, asking: Asking, now_at: float) -> _Look:
    """The primary first: what a replica has received that is asked later, it has received in any case."""
    spec, state, login = record.spec, record.state.value, asking.login
    primary = _ask_primary(record, login)
    known = known_of(store, spec, spec.names, now_at)
    with ThreadPoolExecutor(3) as pool:
        asked_agents = pool.submit(_ask_agents, record, asking)
        asked_all = pool.submit(survey, store, spec, login, primary=state.primary)
        contenders = contenders_of(spec, state.primary, login, known)
        words, found = asked_agents.result(), asked_all.result()
    voters, own = store.read(voters_path(spec.cluster), Voters), words.get(state.primary)
    lags = {name: channel.lag_seconds for name, channel in found.channels.items()}
    sight = Sight(
        spec=spec,
        primary=state.primary,
        epoch=state.epoch,
        fault=primary.fault,
        writable=primary.server is not None and primary.server.writable,
        executed=GtidSet.parse(primary.server.gtid_executed) if primary.server else None,
        recorded=known.executed(state.primary),
        semi_synchronous=primary.semi_synchronous,
        agent_answers=own is not None,
        lease=own.lease if own else LeaseState.NONE,
        voters=voters.value if voters and voters.value.primary == state.primary else None,
        agents=tuple(sorted(set(words) - {state.primary})),
        followers={name: Follower(contender=one, lag_seconds=lags.get(name)) for name, one in contenders.items()},
        topology=_topology(record, found),
        beat_seconds=_beat_seconds(record),
        suspected=record.suspicion.value.because if record.suspicion else "",
        monitors=len(store.children(MONITORS)),
        orchestrators=len(store.children(ORCHESTRATORS)),
    )
    return _Look(sight, words)


def _standing(sight: Sight, node: str, seen: Observation | None) -> Standing:
    known = sight.recorded if sight.executed is None else sight.executed
    try:
        return standing_of(node, seen, None if known is None else str(known))
    except AltairError:  # a GTID set that cannot be read
        return Standing(node=node, live=seen is not None)


def failover_plan(store: Store, record: Record, asking: Asking, now_at: float) -> FailoverPlan:
    """What both deaths would come to at ``now_at``, wall clock."""
    look = _look(store, record, asking, now_at)
    sight, spec = look.sight, record.spec
    standings = tuple(_standing(sight, node.name, look.words.get(node.name)) for node in spec.others(sight.primary))
    rules, situations = {}, {}
    for death in Death:
        seen = snapshot_of(death, sight)
        rules[death] = judge(seen)
        suspicion = Suspicion(
            cluster=spec.cluster,
            primary=sight.primary,
            epoch=sight.epoch,
            health=seen.suspected,
            because=BECAUSE,
            monitor="",
            raised_at=now_at,
        )
        situations[death] = situation_of(
            store, record, suspicion, Inquiry(seen, standings), rules[death].verdict, now_at=now_at, tidy=False
        )
    return foresee(sight, rules, situations)
