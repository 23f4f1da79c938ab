# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent keeps of the cluster on its host, read by others who have no more than Python there."""

from __future__ import annotations

import json
from pathlib import Path


def epoch_known(path: Path) -> int | None:
    """The newest epoch that the agent was told of; None where there is no such file, or nothing usable in it."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    epoch = found.get("epoch") if isinstance(found, dict) else None
    return epoch if isinstance(epoch, int) else None
