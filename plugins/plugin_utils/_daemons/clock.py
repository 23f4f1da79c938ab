# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock by which a lease is counted."""

from __future__ import annotations

import time


def now() -> float:
    """Seconds since the host's boot, those in which it was suspended included (clock_gettime(2), CLOCK_BOOTTIME).

    ``time.monotonic`` stands still while a host is suspended: a lease counted by it would outlive everything.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)
