#!/usr/bin/python
# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A rung of the fence's ladder, climbed on the old primary's own host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stop_mysqld
short_description: Kill the mysqld of this host, and prove that it is gone
description:
  - For the host of an old primary whose agent does not answer, over SSH. Kills mysqld with SIGKILL and waits until
    nobody holds the lock that InnoDB keeps on its data folder, which is the proof.
  - A systemd unit that is named is masked first, until the host's next boot, so that it does not start mysqld again.
    C(systemctl unmask --runtime UNIT) takes that back. A unit that cannot be masked does not keep mysqld from being
    killed; a node boots super_read_only.
  - Refuses when the agent of the host has been told of a newer epoch than O(epoch), since its mysqld may be primary
    again.
version_added: 0.1.0
author: The altair.mysql_ha maintainers (!UNKNOWN)
options:
  epoch:
    description: The epoch of the job that orders it.
    type: int
    required: true
  pid_file:
    description: The pid file that mysqld writes.
    type: path
    required: true
  data_folder:
    description: The data folder of mysqld.
    type: path
    required: true
  unit:
    description: The systemd unit that runs mysqld.
    type: str
  state_file:
    description: Where the agent keeps what it was told of the cluster. Not looked at where there is no such file.
    type: path
    default: /var/lib/altair-agent/lease.json
  seconds:
    description: How long mysqld may take to be gone, and C(systemctl) to answer.
    type: float
    default: 10.0
attributes:
  check_mode:
    description: Says whether a mysqld runs that would be killed, and changes nothing.
    support: full
  diff_mode:
    description: There is nothing to compare.
    support: none
"""

EXAMPLES = r"""
- name: Kill the old primary's mysqld
  altair.mysql_ha.stop_mysqld:
    epoch: 42
    pid_file: /run/mysqld/mysqld.pid
    data_folder: /var/lib/mysql
    unit: mysql.service
  delegate_to: db1
  become: true
"""

RETURN = r"""
msg:
  description: What was done and what is proven, in one sentence.
  returned: always
  type: str
proven:
  description: Whether no mysqld runs on the data folder any more.
  returned: success
  type: bool
masked:
  description: Whether the unit was masked.
  returned: success
  type: bool
"""

import os
import time
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import data_folder, systemd
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.state_file import epoch_known
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import StaleEpoch
from ansible_collections.altair.mysql_ha.plugins.module_utils._module import Parameters, Result, main

ARGUMENT_SPEC = {
    "epoch": {"type": "int", "required": True},
    "pid_file": {"type": "path", "required": True},
    "data_folder": {"type": "path", "required": True},
    "unit": {"type": "str"},
    "state_file": {"type": "path", "default": "/var/lib/altair-agent/lease.json"},
    "seconds": {"type": "float", "default": 10.0},
}

LOOK_SECONDS = 0.05


def _kill(pid_file: Path, folder: Path, seconds: float) -> int | None:
    """The process that was killed; None when there was none to be found."""
    held = data_folder.hold(pid_file, folder)
    if held is None:
        return None
    process_id, handle = held
    try:
        data_folder.kill(handle)
        data_folder.has_exited(handle, seconds)
    finally:
        os.close(handle)
    return process_id


def _wait_until_free(folder: Path, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not data_folder.is_free(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def run(parameters: Parameters, check: bool) -> Result:
    pid_file, folder, seconds = Path(parameters["pid_file"]), Path(parameters["data_folder"]), parameters["seconds"]
    known = epoch_known(Path(parameters["state_file"]))
    if known is not None and known > parameters["epoch"]:
        raise StaleEpoch(
            f"the agent of this host was told of epoch {known}, the order is of epoch {parameters['epoch']};"
            " another job has taken over and this one may stop nothing"
        )
    if check:
        free = data_folder.is_free(folder)
        sentence = f"no mysqld runs on {folder}" if free else f"the mysqld that runs on {folder} would be killed"
        return {"changed": not free, "msg": sentence, "proven": free, "masked": False}
    fault = systemd.mask(parameters["unit"], seconds) if parameters["unit"] else ""
    killed = _kill(pid_file, folder, seconds)
    proven = _wait_until_free(folder, seconds)
    what = f"mysqld, process {killed}, was killed" if killed else f"no mysqld was found by {pid_file}"
    proof = f"nobody holds {folder}" if proven else f"somebody still holds {folder}, or it cannot be told"
    unit = f"; {parameters['unit']} could not be masked: {fault}" if fault else ""
    return {
        "changed": killed is not None,
        "msg": f"{what}, and {proof}{unit}",
        "proven": proven,
        "masked": bool(parameters["unit"]) and not fault,
    }


if __name__ == "__main__":
    main(ARGUMENT_SPEC, run)
