# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is primary now."""

from __future__ import annotations

DOCUMENTATION = r"""
name: primary
short_description: The current primary of a cluster
description:
  - Reads from ZooKeeper which node is primary of each cluster at this moment.
  - It is asked anew each time the expression is evaluated. A result that is kept, by C(set_fact) for example, is of the
    moment in which it was.
  - While a failover runs it is the old primary until the new one is writable. Whether a job is open is told by
    M(altair.mysql_ha.cluster_info).
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
requirements:
  - kazoo
  - pydantic >= 2
options:
  _terms:
    description: Names of clusters.
    type: list
    elements: str
    required: true
  what:
    description:
      - What to tell of the primary. V(address) is its IP address, V(port) that of its mysqld, V(name) the node's name,
        V(dns_name) the name that leads applications to it.
      - V(all) is a dictionary with C(cluster), C(name), C(address), C(port), C(dns_name), C(epoch).
    type: str
    choices: [address, name, port, dns_name, all]
    default: address
  zookeeper_hosts:
    description: ZooKeeper servers as C(host:port), separated by commas.
    type: str
    required: true
    vars:
      - name: altair_zookeeper_hosts
    env:
      - name: ALTAIR_ZOOKEEPER_HOSTS
  zookeeper_root:
    description: Path below which everything of this system is kept.
    type: str
    default: /altair
    vars:
      - name: altair_zookeeper_root
    env:
      - name: ALTAIR_ZOOKEEPER_ROOT
  zookeeper_timeout:
    description: How long to wait for ZooKeeper, in seconds.
    type: float
    default: 5.0
seealso:
  - plugin: altair.mysql_ha.clusters
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Say where orders are written
  ansible.builtin.debug:
    msg: "{{ lookup('altair.mysql_ha.primary', 'orders', zookeeper_hosts='zk1.example.com:2181') }}"

- name: Do something to the primaries of two clusters, ZooKeeper being named by the variable altair_zookeeper_hosts
  ansible.builtin.debug:
    msg: "{{ item.name }} has {{ item.address }}:{{ item.port }}"
  loop: "{{ query('altair.mysql_ha.primary', 'orders', 'carts', what='all') }}"
"""

RETURN = r"""
_raw:
  description: For each cluster, in the order in which they were named, what was asked for.
  type: list
  elements: raw
"""

from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import AltairError
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import ClusterState
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.overview import read_registered


def told(spec: ClusterSpec, state: ClusterState) -> dict[str, Any]:
    node = spec.node(state.primary)
    return {
        "cluster": spec.cluster,
        "name": node.name,
        "address": node.address,
        "port": node.port,
        "dns_name": spec.dns.name,
        "epoch": state.epoch,
    }


class LookupModule(LookupBase):  # type: ignore[misc]
    """All clusters in one round trip; the first that cannot be told is an error."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **options: Any) -> list[Any]:
        self.set_options(var_options=variables, direct=options)
        if not terms:
            raise AnsibleLookupError("name the cluster whose primary is wanted, or several")
        hosts, root = str(self.get_option("zookeeper_hosts")), str(self.get_option("zookeeper_root"))
        try:
            with open_store(hosts, root, connect_seconds=self.get_option("zookeeper_timeout")) as store:
                found = read_registered(store, [str(term) for term in terms])
            for each in found:
                if isinstance(each, AltairError):
                    raise each
        except AltairError as error:
            raise AnsibleLookupError(str(error)) from None
        what = self.get_option("what")
        answers = [told(*each) for each in found if not isinstance(each, AltairError)]
        return answers if what == "all" else [answer[what] for answer in answers]
