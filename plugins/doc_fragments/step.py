# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """What every step of a job has."""

    DOCUMENTATION = r"""
options:
  epoch:
    description:
      - The epoch of the job that this step belongs to, as M(altair.mysql_ha.open_job) returned it.
      - A step whose epoch is no longer the cluster's changes nothing and fails.
      - In check mode V(0) stands for the job that would be opened, so that a whole playbook can be rehearsed.
    type: int
    required: true
attributes:
  check_mode:
    description: Says what the step would do and changes nothing.
    support: full
  diff_mode:
    description: The evidence tells what was and what is.
    support: none
notes:
  - On the controller (connection C(local)) the step runs inside the Ansible process; over any other connection it
    is an ordinary module.
  - A step whose result holds already changes nothing, so a failed or interrupted job is run again from the start.
"""
