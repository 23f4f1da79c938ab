# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registered clusters as an inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: clusters
short_description: The registered clusters with their roles, zones and health
description:
  - Reads the clusters that are registered in ZooKeeper, so that any playbook can say C(hosts:)
    V(cluster_orders:&primary).
  - "Each node is a host. It is in the groups C(cluster_NAME), C(primary) or C(replica), C(health_STATE), C(zone_ZONE)
    if it has a zone, C(in_maintenance) while it or its cluster is, and C(paused_job) while a job of its cluster is
    paused. What is no letter, digit or underscore in a name becomes an underscore: C(cluster_web_shop)."
  - Who is primary, and what is healthy, is so at the moment of reading. A playbook that runs for long, or a cache, may
    be behind; a task that must not hit the wrong node asks the lookup P(altair.mysql_ha.primary#lookup) right before.
  - A cluster whose record cannot be read is left out with a warning, and all others are there.
  - The configuration file's name ends in C(altair.yml), C(altair.yaml), C(altair_mysql_ha.yml) or
    C(altair_mysql_ha.yaml).
  - No password, key or other secret is among the variables.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - constructed
  - inventory_cache
requirements:
  - kazoo
  - pydantic >= 2
  - aiohttp, if agents are asked
options:
  plugin:
    description: Says that the file is for this plugin.
    type: str
    required: true
    choices: [altair.mysql_ha.clusters]
  zookeeper_hosts:
    description: ZooKeeper servers as C(host:port), separated by commas.
    type: str
    required: true
    env:
      - name: ALTAIR_ZOOKEEPER_HOSTS
  zookeeper_root:
    description: Path below which everything of this system is kept.
    type: str
    default: /altair
    env:
      - name: ALTAIR_ZOOKEEPER_ROOT
  zookeeper_timeout:
    description: How long to wait for ZooKeeper, in seconds.
    type: float
    default: 5.0
  clusters:
    description: Only these. All that are registered when the list is empty.
    type: list
    elements: str
    default: []
  hostnames:
    description:
      - How hosts are called. V(node), the node's name, is what the fence over SSH looks for; it is an error when two
        clusters have a node of the same name.
      - V(cluster_node) is the cluster's name, an underscore and the node's name.
      - V(auto) is V(node), and V(cluster_node) for those nodes only whose name another cluster has, too. So a host may
        be called otherwise once another cluster is registered.
    type: str
    choices: [auto, node, cluster_node]
    default: auto
  agent_ca:
    description:
      - Authority that signed the agents' certificates. With it, O(agent_cert) and O(agent_key) every agent is asked for
        what it finds now, which gives C(altair_lag_seconds). Without it no agent is asked, and that is null.
    type: path
  agent_cert:
    description: Our certificate.
    type: path
  agent_key:
    description: Key of O(agent_cert). Keep it at mode 0600.
    type: path
  agent_timeout:
    description: Seconds to wait for an agent's answer; 200 are asked at once.
    type: float
    default: 3.0
notes:
  - "Variables of each host: C(ansible_host) (the node's address), C(altair_cluster), C(altair_cluster_epoch),
    C(altair_node), C(altair_role), C(altair_zone), C(altair_candidate), C(altair_mysql_port), C(altair_agent_port),
    C(altair_health), C(altair_errors) (what is wrong with it, each in a sentence), C(altair_lag_seconds),
    C(altair_lease), C(altair_primary), C(altair_primary_address), C(altair_dns_name), C(altair_maintenance_until),
    C(altair_open_job), C(altair_open_job_state). What does not apply, or nobody can tell, is null."
  - While ZooKeeper does not answer the source fails with one sentence, unless a cache that has not expired is used.
    Ansible then goes on without these hosts and groups, unless C(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED) is set. Set
    it where a pattern leaves hosts out by these groups (V(all:!in_maintenance)), as it would leave out none.
seealso:
  - plugin: altair.mysql_ha.primary
    plugin_type: lookup
"""

EXAMPLES = r"""
# orders.altair.yml: all clusters, and groups of your own
plugin: altair.mysql_ha.clusters
zookeeper_hosts: zk1.example.com:2181,zk2.example.com:2181
keyed_groups:
  - key: altair_lease
    prefix: lease
groups:
  behind: (altair_lag_seconds or 0) > 30
compose:
  ansible_user: "'root'"

---
# With the lag, which the agents are asked for, and a cache of a minute
plugin: altair.mysql_ha.clusters
zookeeper_hosts: zk1.example.com:2181
agent_ca: /etc/altair/tls/ca.pem
agent_cert: /etc/altair/tls/ops1.pem
agent_key: /etc/altair/tls/ops1.key
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: /var/tmp/altair-inventory
cache_timeout: 60
"""

import time
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.group import to_safe_group_name
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import TlsFiles
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode_plain, plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError, InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.inventory_hosts import (
    STANDING_GROUPS,
    Naming,
    Roster,
    host_names,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import readable_time
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.roster import read_roster

ENDINGS = tuple(f"{name}.{kind}" for name in ("altair", "altair_mysql_ha") for kind in ("yml", "yaml"))


def group_name(name: str) -> str:
    """In letters, digits and underscores, whatever the settings: a group with a hyphen is hard to use."""
    return str(to_safe_group_name(name, force=True, silent=True))


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):  # type: ignore[misc]
    """Reads, or takes from the cache, a ``Roster``, and gives it to Ansible."""

    NAME = "altair.mysql_ha.clusters"

    def verify_file(self, path: str) -> bool:
        return bool(super().verify_file(path)) and str(path).endswith(ENDINGS)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            roster = self._roster(path, cache)
            names = host_names(roster.hosts, Naming(self.get_option("hostnames")))
        except AltairError as error:
            raise AnsibleParserError(str(error)) from None
        for sentence in roster.warnings:
            self.display.warning(sentence)
        self._fill(roster, names)

    def _roster(self, path: str, cache: bool) -> Roster:
        """From the cache if there is one to be used; what an older version has left there, or garbage, is read anew."""
        wanted, key = bool(self.get_option("cache")), self.get_cache_key(path)
        if wanted and cache:
            try:
                return decode_plain(Roster, self._cache[key], "the cached inventory")
            except (KeyError, InvalidInput):
                pass
        roster = self._read()
        if wanted:
            self._cache[key] = plain(roster)
        return roster

    def _read(self) -> Roster:
        hosts, root = str(self.get_option("zookeeper_hosts")), str(self.get_option("zookeeper_root"))
        with open_store(hosts, root, connect_seconds=self.get_option("zookeeper_timeout")) as store:
            return read_roster(
                store,
                [str(name) for name in self.get_option("clusters")],
                now_at=time.time(),
                when=readable_time,
                agents=self._agents(),
                agent_seconds=self.get_option("agent_timeout"),
            )

    def _agents(self) -> TlsFiles | None:
        given = {name: self.get_option(name) for name in ("agent_ca", "agent_cert", "agent_key")}
        if not any(given.values()):
            return None
        missing = [name for name, value in given.items() if not value]
        if missing:
            raise InvalidInput(f"agents are asked with all of {', '.join(given)}; {', '.join(missing)} is missing")
        return TlsFiles(ca=given["agent_ca"], certificate=given["agent_cert"], key=given["agent_key"])

    def _fill(self, roster: Roster, names: list[str]) -> None:
        for standing in STANDING_GROUPS:
            self.inventory.add_group(standing)
        for host, name in zip(roster.hosts, names, strict=True):
            self.inventory.add_host(name)
            for group in map(group_name, host.groups):
                self.inventory.add_group(group)
                self.inventory.add_child(group, name)
            for variable, value in host.variables.items():
                self.inventory.set_variable(name, variable, value)
            self._construct(name, dict(host.variables))

    def _construct(self, name: str, variables: dict[str, Any]) -> None:
        """What the file's own compose, groups and keyed_groups make of a host."""
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)
