# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server says of the last CLONE into it, and what the end of the statement CLONE INSTANCE means.

The words are those of performance_schema.clone_status and clone_progress (MySQL Reference Manual, "The Clone Plugin").
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

NOT_STARTED = "Not Started"
IN_PROGRESS = "In Progress"
COMPLETED = "Completed"
FAILED = "Failed"
DROPPING = "DROP DATA"
RECOVERY = "RECOVERY"
# With these the connection broke or the server went down; it says nothing of the copy.
LOST_CODES = frozenset({1053, 2002, 2003, 2006, 2013, 2055})
RESTART_FAILED = 3707  # ER_RESTART_SERVER_FAILED: nobody supervises mysqld
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyStage:
    """One stage of a copy; bytes and bytes a second."""

    name: str
    state: str
    estimate: int = 0
    done: int = 0
    speed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """``state``: empty where nothing was ever cloned, or the plugin is not there to tell. ``begun``: when, by the
    server's clock. ``session``: that carries it out. ``source``: the donor as host:port."""

    state: str = ""
    begun: str = ""
    session: int = 0
    source: str = ""
    error: str = ""
    stages: tuple[CopyStage, ...] = ()

    @property
    def removed_data(self) -> bool:
        return any(each.name == DROPPING and each.state != NOT_STARTED for each in self.stages)

    @property
    def unfinished(self) -> bool:
        """The server's own data is gone, and that of the donor is not there."""
        return self.state in (IN_PROGRESS, FAILED) and self.removed_data

    @property
    def finished(self) -> bool:
        """Copied, and recovered by the start after it."""
        recovered = (each.state == COMPLETED for each in self.stages if each.name == RECOVERY)
        return self.state == COMPLETED and all(recovered)

    @property
    def sentence(self) -> str:
        """How far it is."""
        running = next((each for each in self.stages if each.state == IN_PROGRESS), None)
        if running is None:
            return self.state.lower() or "not begun"
        said = running.name.lower()
        if running.estimate:
            share = min(100 * running.done // running.estimate, 100)
            said += f": {running.done // MIB} of {running.estimate // MIB} MiB ({share}%)"
        return f"{said}, {running.speed // MIB} MiB/s" if running.speed else said


class Ending(StrEnum):
    RESTARTS = "restarts"
    TO_START = "to_start"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EndingRule:
    """One row; the first that matches. ``matches``: MySQL's error number, None where the statement succeeded."""

    ending: Ending
    because: str
    matches: Callable[[int | None], bool]


ENDINGS: tuple[EndingRule, ...] = (
    EndingRule(
        Ending.RESTARTS, "all is copied, and the server starts itself again to take it over", lambda code: code is None
    ),
    EndingRule(
        Ending.TO_START,
        "all is copied, and mysqld has shut down because nobody supervises it; the next start takes the copy over",
        lambda code: code == RESTART_FAILED,
    ),
    EndingRule(
        Ending.UNKNOWN,
        "the connection broke: the server restarts or has died; what it says when it is back counts",
        lambda code: code in LOST_CODES,
    ),
    EndingRule(Ending.FAILED, "the copy has failed; another attempt is made, from the next donor", lambda _code: True),
)


def ending_of(code: int | None) -> Ending:
    return next(row for row in ENDINGS if row.matches(code)).ending
