# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor knows of each node it watches: the last report, and since when it has been silent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import HealthRule, NodeRecord, judge_node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.lease import TAKE_OVER_BEATS
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation, Reach

Key = tuple[str, str]  # cluster, node


@dataclass(slots=True)
class _Entry:
    last: Observation | None
    heard_at: float
    epoch: int | None = None  # under which it is primary on record
    read_only_since: float | None = None  # when the first report came that showed it so, under this epoch
    read_only_until: float = 0.0  # ... and the last one


CROWD_BEATS = 36.0  # how much longer a node that was never heard may be waited for while others arrive late


class Register:
    """Times are of a monotonic clock, in seconds, and come in as ``now``."""

    def __init__(self, beat_seconds: float) -> None:
        self._beat_seconds = beat_seconds
        # Who watched before may have acknowledged until its last proof was too old: silence counts from then.
        self._take_over_seconds = TAKE_OVER_BEATS * beat_seconds
        self._entries: dict[Key, _Entry] = {}
        self._late_at = float("-inf")  # when a node was last heard for the first time, more than a beat after we began

    @property
    def keys(self) -> frozenset[Key]:
        return frozenset(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def watch_only(self, keys: frozenset[Key], now: float) -> None:
        """Take over what is new, let go of the rest."""
        self.let_go(self.keys - keys)
        self.take_over(keys, now)

    def take_over(self, keys: Iterable[Key], now: float) -> None:
        """Those that are not ours yet. Silence of a node taken over counts from now."""
        for key in keys:
            if key not in self._entries:
                self._entries[key] = _Entry(None, now + self._take_over_seconds)

    def let_go(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._entries.pop(key, None)

    def restart_silence(self, now: float) -> None:
        """After our own absence nobody's silence means anything yet, and another may have watched meanwhile."""
        for entry in self._entries.values():
            entry.heard_at = now + self._take_over_seconds

    def forgive(self, seconds: float, now: float) -> None:
        """For so long we did not run, just before ``now``: that nothing was heard then is nobody's silence."""
        for entry in self._entries.values():
            entry.heard_at = max(entry.heard_at, min(entry.heard_at + seconds, now))

    def hear(self, report: Observation, now: float) -> bool:
        """Take a report; False when it is not ours or a newer one is here already."""
        entry = self._entries.get((report.cluster, report.node))
        if entry is None:
            return False
        last = entry.last
        if last is None and now > entry.heard_at + self._take_over_seconds:
            self._late_at = now
        entry.heard_at = max(entry.heard_at, now)
        if last is not None and (last.incarnation, last.sequence) >= (report.incarnation, report.sequence):
            return False
        entry.last = report
        if report.reach is not Reach.REACHED or report.server is None or report.server.writable:
            entry.read_only_since = None
        else:
            entry.read_only_since = now if entry.read_only_since is None else entry.read_only_since
            entry.read_only_until = now
        return True

    def last(self, key: Key) -> Observation | None:
        entry = self._entries.get(key)
        return entry.last if entry else None

    def judge(self, key: Key, now: float, epoch: int | None = None, overload_seconds_max: float = 0.0) -> HealthRule:
        """``epoch``: the one under which the node is primary on record; None when it is not. ``overload_seconds_max``:
        of the cluster's policy."""
        entry = self._entries[key]
        if epoch != entry.epoch:
            # What was reported before says nothing: a node that was just promoted was read-only until then.
            entry.epoch, entry.read_only_since = epoch, None
        since = entry.read_only_since
        return judge_node(
            NodeRecord(
                last=entry.last,
                silence_beats=(now - self._awaited_since(entry)) / self._beat_seconds,
                primary=epoch is not None,
                read_only_beats=None if since is None else (entry.read_only_until - since) / self._beat_seconds,
                overload_seconds_max=overload_seconds_max,
            )
        )

    def _awaited_since(self, entry: _Entry) -> float:
        """Thousands taken over at once connect one after the other: who is still in that queue is not silent."""
        if entry.last is not None:
            return entry.heard_at
        return max(entry.heard_at, min(self._late_at, entry.heard_at + CROWD_BEATS * self._beat_seconds))
