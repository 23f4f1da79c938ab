# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process known by its number and the moment of its start; nothing here touches a disk, which may be what hangs."""

from __future__ import annotations

import os
from pathlib import Path

from .data_folder import has_exited


def started(process_id: int) -> int | None:
    """When it started, in clock ticks since boot (proc(5)); None when it is gone."""
    try:
        stat = Path(f"/proc/{process_id}/stat").read_bytes()
        # After the name in brackets, which may hold anything: the state, and proc(5)'s fields from the fourth on.
        return int(stat[stat.rindex(b")") + 1 :].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def hold_same(process_id: int, started_at: int) -> int | None:
    """A pidfd, to be closed, of the process that started then under this number; None when it is gone."""
    try:
        handle = os.pidfd_open(process_id)
    except (OSError, OverflowError):
        return None
    # The handle is taken before the look, so a number reused in between cannot be mistaken for it.
    if started(process_id) != started_at or has_exited(handle):
        os.close(handle)
        return None
    return handle
