# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gather the hosts of an inventory: the record of the clusters, and what their agents find if they are to be asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from .._adapters.agent import TlsFiles, run
from .._adapters.zookeeper import Store
from .._core.cluster import checked_name
from .._core.errors import AltairError
from .._core.inventory_hosts import Roster, inventory_hosts
from .._core.observation import Observation
from .._core.overview import Overview
from .overview import ask_nodes, read_fleet, read_overviews

Seen = dict[str, dict[str, Observation]]


def _ask(overviews: Collection[Overview], agents: TlsFiles, seconds: float) -> Seen:
    """What each agent finds now, by cluster and node; those that do not answer are left out."""
    asked = [(each.spec.cluster, node) for each in overviews for node in each.spec.nodes]
    answers = run(ask_nodes(agents, [node for _cluster, node in asked], seconds))
    seen: Seen = {each.spec.cluster: {} for each in overviews}
    for (cluster, node), answer in zip(asked, answers, strict=True):
        if answer is not None:
            seen[cluster][node.name] = answer
    return seen


def read_roster(
    store: Store,
    clusters: Sequence[str],
    *,
    now_at: float,
    when: Callable[[float], str],
    agents: TlsFiles | None = None,
    agent_seconds: float = 3.0,
) -> Roster:
    """``clusters``: none for all. What cannot be read is named in the warnings and left out; where only a part of a
    cluster cannot, the rest of it is there. ``agents``: how to ask them; None: none is asked."""
    names = [checked_name(each, "cluster name") for each in clusters]
    found = read_overviews(store, names) if names else read_fleet(store)
    known = [each for each in found.values() if isinstance(each, Overview)]
    seen = _ask(known, agents, agent_seconds) if agents is not None and known else {}
    failed = {name: each for name, each in found.items() if isinstance(each, AltairError)}
    return Roster(
        hosts=tuple(
            host
            for each in known
            for host in inventory_hosts(each, now_at=now_at, when=when, seen=seen.get(each.spec.cluster))
        ),
        warnings=(
            *(f"cluster {name} is set aside: {error}" for name, error in failed.items()),
            *(f"of cluster {each.spec.cluster}: {fault}" for each in known for fault in each.faults),
        ),
    )
