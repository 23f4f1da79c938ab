# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask all authoritative servers at once what they hold under a cluster's name, and audit it. Needs no key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from .._adapters.nameserver import record_type, resolve
from .._core.cluster import ClusterSpec
from .._core.dns_audit import Finding, Look, Wanted, audit
from .._core.dns_switch import written
from .._core.errors import AltairError


def audited_name(spec: ClusterSpec, primary: str, seconds: float) -> tuple[Finding, ...]:
    """What is wrong with the cluster's name; it never raises for what a server does, nor for a missing library."""
    name, address = spec.dns.name, written(spec.node(primary).address)

    def look(server: str) -> Look:
        try:
            answer = resolve(server, spec.dns.port, name, record_type(address), seconds)
        except AltairError as error:
            return Look(server=server, fault=str(error))
        return Look(server=server, addresses=answer.addresses, ttl_seconds=answer.ttl_seconds)

    with ThreadPoolExecutor(len(spec.dns.servers)) as pool:
        looks = list(pool.map(look, spec.dns.servers))
    return audit(looks, Wanted(name=name, primary=primary, address=address, ttl_seconds=spec.dns.ttl_seconds))
