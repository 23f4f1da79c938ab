# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which monitor watches which node, which orchestrator is a cluster's first: rendezvous hashing, so a join or a death
moves only its own share.

Highest random weight (Thaler and Ravishankar, 1998): every monitor ranks alike without talking to another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def _weight(monitor: str, node: str) -> bytes:
    return hashlib.blake2b(f"{monitor}\0{node}".encode(), digest_size=8).digest()


def watcher(node: str, monitors: Iterable[str]) -> str | None:
    """The live monitor that judges ``node`` (``cluster/node``); None when no monitor lives."""
    return max(monitors, key=lambda monitor: (_weight(monitor, node), monitor), default=None)
