# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the record of who votes on the lease of a primary that this monitor watches."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import (
    Change,
    Check,
    Create,
    Replace,
    Store,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, Conflict, NotFound
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.voters import Standing, change
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    NodeHealth,
    health_path,
    state_path,
    voters_path,
)

from ..fleet import Member

log = logging.getLogger(__name__)

AT_ONCE = 40  # clusters whose voters change in one transaction


def terms_of(member: Member) -> LeaseTerms:
    """What an agent of the cluster is told with its acknowledgement."""
    record = member.voters.value if member.voters else None
    known = record if record is not None and record.primary == member.state.primary else None
    return LeaseTerms(
        epoch=member.state.epoch,
        primary=member.spec.node(member.state.primary),
        settled=member.settled,
        version=known.version if known else 0,
        voters=tuple(node for node in member.spec.nodes if known and node.name in known.names),
    )


def needs_look(member: Member, report: Observation) -> bool:
    """Whether the record may have to change: it differs from what the agent says, or not everybody vouches."""
    return not _others(member) <= set(report.vouching) or change(_standing(member, report, frozenset())) is not None


def update(store: Store, member: Member, report: Observation) -> bool:
    """Bring the record in line with what the primary's agent says and who is silent; False when it is. Blocking."""
    changes = _changes(member, report, _silent(store, [(member, report)]))
    if changes:
        store.commit(changes)
    return bool(changes)


def update_many(store: Store, clusters: Sequence[tuple[Member, Observation]]) -> tuple[str, ...]:
    """The same for many at once; returns the clusters whose record is to be read anew. Blocking."""
    silent = _silent(store, clusters)
    changed = [(member, _changes(member, report, silent)) for member, report in clusters]
    due = [(member.spec.cluster, changes) for member, changes in changed if changes]
    for some in (due[begin : begin + AT_ONCE] for begin in range(0, len(due), AT_ONCE)):
        try:
            store.commit([change for _cluster, changes in some for change in changes])
        except (Conflict, NotFound):
            for cluster, changes in some:  # one of them forbade all: each for itself
                try:
                    store.commit(changes)
                except (Conflict, NotFound) as error:
                    log.info("the voters of %s are looked at again: %s", cluster, error)
    return tuple(cluster for cluster, _changes in due)


def _others(member: Member) -> set[str]:
    return set(member.spec.names) - {member.state.primary}


def _standing(member: Member, report: Observation, silent: Collection[str]) -> Standing:
    return Standing(
        record=member.voters.value if member.voters else None,
        primary=member.state.primary,
        reported_version=report.voters_version,
        others=tuple(name for name in member.spec.names if name != member.state.primary),
        silent=silent,
    )


def _changes(member: Member, report: Observation, silent: Collection[tuple[str, str]]) -> tuple[Change, ...]:
    """They hold only if nobody has changed the state or the voters since the member was read."""
    cluster = member.spec.cluster
    changed = change(_standing(member, report, {name for each, name in silent if each == cluster}))
    if changed is None:
        return ()
    voters, because = changed
    path = voters_path(cluster)
    put: Change = Replace(path, voters, member.voters.version) if member.voters else Create(path, voters)
    primary = member.state.primary
    log.info("voters of %s/%s, version %d: %s (%s)", cluster, primary, voters.version, voters.names, because)
    return (Check(state_path(cluster), member.state_version), put)


def _silent(store: Store, clusters: Sequence[tuple[Member, Observation]]) -> frozenset[tuple[str, str]]:
    """Of the nodes that do not vouch, those whose own reports are missing as well."""
    asked = [
        (member.spec.cluster, name)
        for member, report in clusters
        for name in sorted(_others(member) - set(report.vouching))
    ]
    silent = set()
    for key, found in zip(asked, store.read_many([(health_path(*key), NodeHealth) for key in asked]), strict=True):
        if isinstance(found, AltairError):
            log.warning("%s", found)
        elif found is not None and found.value.health is Health.HOST_SILENT:
            silent.add(key)
    return frozenset(silent)
