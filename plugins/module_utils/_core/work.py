# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a process that does not answer works or hangs, by the CPU time that it uses between looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WORKING_SHARE = 0.2  # of one core; an idle mysqld uses some hundredths
LOOKS = 3  # so many looks in a row must show no work: one alone may fall into a pause


@dataclass(frozen=True, slots=True)
class Effort:
    """What a process had used at one look. ``dying``: what it uses now is for its end, such as writing a core file."""

    at: float
    cpu_seconds: float
    dying: bool = False


def works(looks: Sequence[Effort]) -> bool | None:
    """``looks``: at one process, the newest last. None where they are too few. A stopped process uses nothing."""
    if len(looks) < 2:
        return None
    if looks[-1].dying:
        return False
    recent = looks[-LOOKS - 1 :]
    return any(
        later.at > earlier.at and later.cpu_seconds - earlier.cpu_seconds >= WORKING_SHARE * (later.at - earlier.at)
        for earlier, later in pairwise(recent)
    )
