# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which connections of a replaced primary are clients that hold the old address, and for how long to look for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

QUIET_LOOKS = 2  # so many in a row without a client, and nobody is waited for any more
SECONDS_MAX = 60.0  # nobody waits longer than this for clients, however long the name may be kept
ACCOUNTS_MAX = 50  # named on record; what more there are is counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """One row of the process list, without what is being executed. ``host``: with the client's port, if it has one."""

    id: int
    user: str
    host: str
    command: str

    @property
    def account(self) -> str:
        """Who it is, on record: the same for all connections of one client host."""
        address, colon, port = self.host.rpartition(":")
        return f"{self.user}@{address if colon and port.isdigit() else self.host}"


@dataclass(frozen=True, slots=True)
class Spared:
    because: str
    matches: Callable[[Session, Collection[str]], bool]


SERVERS_OWN = ("system user", "event_scheduler")
# Any row that matches spares a session. The second argument: our own account, and those that an operator named.
SPARED: tuple[Spared, ...] = (
    Spared("it is a thread of the server's own", lambda one, _kept: one.user in SERVERS_OWN or one.command == "Daemon"),
    Spared("nobody has logged in through it yet", lambda one, _kept: one.user == "unauthenticated user"),
    Spared("it is being ended already", lambda one, _kept: one.command == "Killed"),
    Spared("a replica copies through it", lambda one, _kept: one.command.startswith("Binlog Dump")),
    Spared("its account is ours, or one to be kept", lambda one, kept: one.user in kept),
    Spared("it came by the host's own socket, so by no name", lambda one, _kept: one.host == "localhost"),
)


def clients(sessions: Iterable[Session], kept: Collection[str]) -> tuple[Session, ...]:
    """Those to be disconnected."""
    return tuple(one for one in sessions if not any(row.matches(one, kept) for row in SPARED))


def seconds_to_look(ttl_seconds: float, asked: float | None) -> float:
    """How long clients may come back: as long as they may keep the name, unless an operator said otherwise."""
    return min(ttl_seconds, SECONDS_MAX) if asked is None else asked


@dataclass(slots=True)
class Tally:
    """What was found from look to look."""

    killed: Counter[str] = field(default_factory=Counter)
    came_back: Counter[str] = field(default_factory=Counter)
    left: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    _quiet: int = 0

    def add(self, killed: Iterable[str], left: dict[str, str]) -> None:
        """One look: the accounts of the sessions that were killed, and of those that could not be, with the reason."""
        before, now = set(self.killed), list(killed)
        self.killed.update(now)
        self.came_back.update(account for account in now if account in before)
        self.left = left
        self.looks += 1
        self._quiet = 0 if now or left else self._quiet + 1

    @property
    def quiet(self) -> bool:
        return self._quiet >= QUIET_LOOKS

    def accounts(self) -> dict[str, str]:
        """For the record: the accounts with the most sessions, and how many came back after a first look."""
        named = self.killed.most_common(ACCOUNTS_MAX)
        found = {account: self._words(account, count) for account, count in named}
        others = len(self.killed) - len(named)
        if others:
            found["others"] = f"{self.killed.total() - sum(count for _account, count in named)} of {others} accounts"
        return found

    def _words(self, account: str, count: int) -> str:
        again = self.came_back[account]
        return f"{count}, of these {again} after the first look" if again else str(count)
