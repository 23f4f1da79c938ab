#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Second step of a switchover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: quiesce
short_description: Make the old primary of a switchover super_read_only
description:
  - Waits first, while everybody writes, until the target has what the primary has now, and until the transactions that
    were open have ended; by the cluster's policy for C(long_transaction_seconds_max), and then gives up or kills them
    (C(long_transactions)).
  - Then sets super_read_only, which holds for accounts with SUPER or CONNECTION_ADMIN and for events, too. Where locks
    hold that up for more than a moment it is taken back, so that the writers behind it go on, and tried again.
  - A transaction that was begun and is not committed then cannot be while the old primary is read-only. It goes on
    where the switchover is given up. Else its session ends once the name leads elsewhere (M(altair.mysql_ha.demote)),
    as those of all clients do (M(altair.mysql_ha.disconnect_clients)).
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Make the old primary super_read_only
  altair.mysql_ha.quiesce:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description:
    - C(gtid_executed), all that the old primary has ever committed, and its C(server_uuid).
    - C(killed), how many sessions; C(attempts), how often it was tried; C(seconds), how long others were waited for.
    - C(channel), the options of the target's channel, which the old primary is given in M(altair.mysql_ha.demote).
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ServerState
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import MYSQL_SPEC, STEP_SPEC, main, step_work
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.quiet import (
    await_executed,
    silence,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene, still_ours
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.survey import channel_of

ARGUMENT_SPEC = {**STEP_SPEC, **MYSQL_SPEC}


def _primary_now(scene: Scene) -> ServerState:
    node = scene.old_primary
    with connect(node.address, node.port, scene.neighbours.login) as server:
        return server.state()


def _channel_once_level(scene: Scene) -> dict[str, str]:
    """The options of the target's channel, as soon as the target has all that the primary has now."""
    primary, node, login = _primary_now(scene), scene.candidate, scene.neighbours.login
    seconds = scene.spec.policy.switchover_lag_seconds_max
    with connect(node.address, node.port, login) as server:
        level = await_executed(server, primary.gtid_executed, seconds, login.read_timeout, still_ours(scene))
        uuids = {primary.server_uuid: scene.old_primary.name}
        found = channel_of(server.state().channels, scene.spec, uuids, scene.old_primary.name)
        options = server.options_of(found[0].name) if found else None
    if not level:
        raise Refused(f"{node.name} does not get level with {scene.old_primary.name} within {seconds:g} s")
    if options is None:
        raise Refused(f"{node.name} does not follow {scene.old_primary.name} any more")
    return options


def act(scene: Scene) -> Outcome:
    name, policy = scene.old_primary.name, scene.spec.policy
    if scene.check:
        return Outcome(changed=True, sentence=f"{name} would become super_read_only")
    options = _channel_once_level(scene)
    found = silence(scene.old_primary, scene.neighbours.login, policy, still_ours(scene))
    if found.given_up:
        raise Refused(f"{name} does not become read-only: {found.given_up}")
    return Outcome(
        changed=True,
        sentence=f"{name} is super_read_only, {found.killed} sessions with open transactions were killed",
        evidence={
            "gtid_executed": found.executed,
            "server_uuid": found.server_uuid,
            "killed": found.killed,
            "attempts": found.attempts,
            "seconds": found.seconds,
            "channel": options,
        },
    )


run = step_work("quiesce", act)

if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
