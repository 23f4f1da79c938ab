# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the record of who votes on the lease of a primary that this monitor watches."""

from __future__ import annotations

import logging

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import (
    Change,
    Check,
    Create,
    Replace,
    Store,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError
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


def update(store: Store, member: Member, report: Observation) -> bool:
    """Bring the record in line with what the primary's agent says and who is silent; False when it is. Blocking."""
    state, record = member.state, member.voters.value if member.voters else None
    others = tuple(name for name in member.spec.names if name != state.primary)
    now = Standing(
        record=record,
        primary=state.primary,
        reported_version=report.voters_version,
        others=others,
        silent=_silent(store, member, set(others) - set(report.vouching)),
    )
    changed = change(now)
    if changed is None:
        return False
    voters, because = changed
    cluster = member.spec.cluster
    path = voters_path(cluster)
    put: Change = Replace(path, voters, member.voters.version) if member.voters else Create(path, voters)
    store.commit([Check(state_path(cluster), store.require(state_path(cluster), type(state)).version), put])
    log.info("voters of %s/%s, version %d: %s (%s)", cluster, state.primary, voters.version, voters.names, because)
    return True


def _silent(store: Store, member: Member, not_vouching: set[str]) -> frozenset[str]:
    """Of the nodes that do not vouch, those whose own reports are missing as well."""
    silent = set()
    for name in not_vouching:
        try:
            found = store.read(health_path(member.spec.cluster, name), NodeHealth)
        except AltairError as error:
            log.warning("%s", error)
            continue
        if found is not None and found.value.health is Health.HOST_SILENT:
            silent.add(name)
    return frozenset(silent)
