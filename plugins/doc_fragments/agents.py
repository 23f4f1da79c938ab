# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """How to talk to the agents."""

    DOCUMENTATION = r"""
options:
  agent_ca:
    description: Authority that signed the agents' certificates.
    type: path
    required: true
  agent_cert:
    description: Our certificate. Its organizational unit must be C(orchestrator) or C(operator).
    type: path
    required: true
  agent_key:
    description: Key of O(agent_cert). Keep it at mode 0600.
    type: path
    required: true
  agent_timeout:
    description: Seconds to wait for an agent's answer.
    type: float
    default: 3.0
requirements:
  - aiohttp
"""
