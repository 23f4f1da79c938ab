#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ninth step of a failover."""

from __future__ import annotations

DOCUMENTATION = r"""
module: disconnect_clients
short_description: Disconnect clients that still sit on the old primary
description:
  - An old primary that answers is fenced, so nobody can write there; but pools keep their connections to it, and
    clients whose resolver keeps the old address come back to it. Their sessions are found, put on record with account,
    host and how many there were, and disconnected, so that they ask for the name again.
  - Looks again until the time to live of the name's earlier record is over, and ends before that when two looks in a
    row find nobody.
  - Spares the server's own threads, replicas that copy, sessions over the host's own socket, and the accounts of
    O(config_file) or O(login_user) and of O(kept_accounts).
  - Never fails for what the old primary does. Where it does not answer, nobody can sit on it.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  seconds_max:
    description:
      - How long to look for clients that come back.
      - The default is how long clients may keep the name's earlier record, and 60 seconds at the most.
    type: float
  kept_accounts:
    description: User names that are never disconnected, for example that of a monitoring tool.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - altair.mysql_ha.zookeeper
  - altair.mysql_ha.mysql
  - altair.mysql_ha.step
"""

EXAMPLES = r"""
- name: Disconnect clients that still sit on the old primary
  altair.mysql_ha.disconnect_clients:
    zookeeper_hosts: zk1.example.com:2181
    cluster: orders
    epoch: 42
    config_file: /etc/altair/mysql.cnf
    kept_accounts: [pmm]
"""

RETURN = r"""
msg:
  description: What the step did, in one sentence.
  returned: always
  type: str
evidence:
  description:
    - How many sessions were C(disconnected), and of each of the C(accounts), as user@host, how many; C(looks) says how
      often the old primary was looked at.
    - C(left) names those that could not be disconnected, with the reason; C(unreachable) why the old primary could not
      be looked at.
  returned: success
  type: dict
seconds:
  description: How long the step took.
  returned: success
  type: float
"""

import time
from collections.abc import Collection

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import MysqlError, Server, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.sessions import (
    Tally,
    clients,
    seconds_to_look,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Evidence
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import (
    MYSQL_SPEC,
    STEP_SPEC,
    Parameters,
    Result,
    main,
    step_work,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import current_job, read_record
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Outcome, Scene

ARGUMENT_SPEC = {
    **STEP_SPEC,
    **MYSQL_SPEC,
    "seconds_max": {"type": "float"},
    "kept_accounts": {"type": "list", "elements": "str", "default": []},
}

LOOK_SECONDS = 0.5


def _round(server: Server, tally: Tally, kept: Collection[str]) -> None:
    """One look, and the end of every client that it shows."""
    killed, left = [], {}
    try:
        for session in clients(server.sessions(), kept):
            try:
                if server.kill(session.id):
                    killed.append(session.account)
            except MysqlError as error:
                if error.reach is not Reach.DUBIOUS:
                    raise
                left[session.account] = str(error)  # the server refuses: an account with more rights than ours
    finally:
        tally.add(killed, left)


def _seconds(scene: Scene, asked: float | None) -> float:
    before = scene.evidence_of("switch_dns").get("ttl_seconds_before")
    known = before if isinstance(before, int) else 0
    return seconds_to_look(max(known, scene.spec.dns.ttl_seconds), asked)


def _look_until_quiet(scene: Scene, tally: Tally, kept: Collection[str], seconds_max: float) -> MysqlError | None:
    """Why the old primary could not be looked at, or not any more, if so."""
    node, deadline = scene.old_primary, time.monotonic() + seconds_max
    try:
        with connect(node.address, node.port, scene.neighbours.login) as server:
            while True:
                _round(server, tally, kept)
                if tally.quiet or time.monotonic() + LOOK_SECONDS > deadline:
                    return None
                time.sleep(LOOK_SECONDS)
                # Who slept here might look at a node that a later job has made the primary again.
                current_job(read_record(scene.store, scene.spec.cluster), scene.job.epoch)
    except MysqlError as error:
        return error


def _sentence(node: str, tally: Tally, unreachable: MysqlError | None) -> str:
    count, again = tally.killed.total(), tally.came_back.total()
    if unreachable is not None and not count:
        if unreachable.reach is Reach.REFUSED:
            return f"mysqld on {node} is not there, so no client sits on it"
        return f"{node} cannot be looked at, so whoever sits on it stays: {unreachable}"
    if tally.left:
        stay = ", ".join(tally.left)
        return f"{count} client sessions on {node} were disconnected, and those of {stay} could not be"
    if not count:
        return f"no client sits on {node}"
    came_back = f", {again} of them had come back" if again else ""
    return f"{count} client sessions on {node} were disconnected{came_back}"


def _rehearse(scene: Scene, kept: Collection[str]) -> Outcome:
    node = scene.old_primary
    try:
        with connect(node.address, node.port, scene.neighbours.login) as server:
            found = len(clients(server.sessions(), kept))
    except MysqlError as error:
        return Outcome(changed=False, sentence=_sentence(node.name, Tally(), error))
    return Outcome(changed=bool(found), sentence=f"{found} client sessions on {node.name} would be disconnected")


def act_with(scene: Scene, seconds_max: float | None, kept_accounts: Collection[str]) -> Outcome:
    kept = {scene.neighbours.login.user, *kept_accounts}
    if scene.check:
        return _rehearse(scene, kept)
    tally = Tally()
    unreachable = _look_until_quiet(scene, tally, kept, _seconds(scene, seconds_max))
    evidence: Evidence = {
        "disconnected": tally.killed.total(),
        "came_back": tally.came_back.total(),
        "looks": tally.looks,
        "accounts": tally.accounts(),
    }
    if tally.left:
        evidence["left"] = tally.left
    if unreachable:
        evidence["unreachable"] = str(unreachable)
    return Outcome(
        changed=bool(tally.killed),
        sentence=_sentence(scene.old_primary.name, tally, unreachable),
        evidence=evidence,
    )


def run(parameters: Parameters, check: bool) -> Result:
    seconds_max, kept = parameters["seconds_max"], parameters["kept_accounts"]
    return step_work("disconnect_clients", lambda scene: act_with(scene, seconds_max, kept))(parameters, check)


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
