# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was seen of a suspected primary, frozen together, before anything is concluded from it."""

from __future__ import annotations

from dataclasses import dataclass

from .health import Health
from .lease import words_needed
from .observation import ProcessState, Reach, Sighting


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """One screening's answers.

    ``suspected``: what the monitor that watches the primary made of its reports and its silence. ``reported``: mysqld
    by the last report that the monitor has (UNKNOWN: it has none). ``agent``: the word of the primary's own agent,
    asked now (UNKNOWN: it did not answer), and ``agent_reach``: what came of its look at mysqld. ``host``: its host is
    up, or is known to be down (None: cannot tell). ``orchestrator``: our own connect. ``replicas``: one sighting for
    each replica, UNKNOWN where its agent did not answer. ``read_only``: whether it is, as the orchestrator read when
    it got in, or else the primary's agent (None: neither did). ``voters``: who votes on its lease (None: all
    replicas); a replica that died before has left them, and its silence says nothing.
    """

    cluster: str
    primary: str
    suspected: Health
    reported: ProcessState
    agent: ProcessState
    host: bool | None
    orchestrator: Reach
    read_only: bool | None
    replicas: tuple[Sighting, ...]
    voters: tuple[str, ...] | None = None
    agent_reach: Reach = Reach.UNKNOWN

    @property
    def replicas_reaching_primary(self) -> tuple[str, ...]:
        return tuple(seen.observer for seen in self.replicas if seen.reach.shows_life)

    @property
    def replicas_denying_primary(self) -> tuple[str, ...]:
        return tuple(seen.observer for seen in self.replicas if seen.reach.denies_life)

    @property
    def replicas_silent(self) -> tuple[str, ...]:
        return tuple(seen.observer for seen in self.replicas if seen.reach is Reach.UNKNOWN)

    @property
    def exit_was_reported(self) -> bool:
        """A monitor was told of an exit, before the silence if there is one, whatever runs there now."""
        return self.suspected is Health.MYSQLD_EXITED or self.reported is ProcessState.EXITED

    @property
    def voters_denying_primary(self) -> tuple[str, ...]:
        denying = self.replicas_denying_primary
        return denying if self.voters is None else tuple(name for name in denying if name in self.voters)

    @property
    def enough_deny(self) -> bool:
        """As many as it takes to call its lease expired, too: then one dead replica's silence is not in the way."""
        voters = len(self.replicas) if self.voters is None else len(self.voters)
        return voters > 0 and len(self.voters_denying_primary) >= words_needed(voters)

    @property
    def exit_was_seen(self) -> bool:
        """The agent's word, given now or, where it no longer answers, in its last report."""
        if self.agent is ProcessState.UNKNOWN:
            return self.exit_was_reported
        return self.agent is ProcessState.EXITED
