"""What became of the beats of a stretch of time. A beat belongs to the moment at which it was due."""

from __future__ import annotations

from array import array
from collections import Counter
from typing import Any


class Tally:
    """Beats due before ``since`` or from ``until`` on are not counted."""

    def __init__(self, since: float, seconds: float) -> None:
        self.since, self.until = since, since + seconds
        self._counts: Counter[str] = Counter()
        self._waited = array("d")
        self._own_delay = array("d")
        self._refusals: Counter[str] = Counter()

    def _counted(self, due_at: float) -> bool:
        return self.since <= due_at < self.until

    def note(self, what: str, due_at: float) -> None:
        if self._counted(due_at):
            self._counts[what] += 1

    def due(self, due_at: float, now: float) -> None:
        """``now - due_at``: by how much the simulation itself is late."""
        if self._counted(due_at):
            self._counts["expected"] += 1
            self._own_delay.append(now - due_at)

    def acknowledged(self, due_at: float, seconds: float) -> None:
        if self._counted(due_at):
            self._counts["acknowledged"] += 1
            self._waited.append(seconds)

    def refused(self, due_at: float, sentence: str) -> None:
        if self._counted(due_at):
            self._counts["refused"] += 1
            self._refusals[sentence] += 1

    def result(self) -> dict[str, Any]:
        names = ("expected", "sent", "acknowledged", "refused", "late", "missed", "connections_lost")
        return {
            **{name: self._counts[name] for name in names},
            "acknowledged_ms": _quantiles(self._waited),
            "simulation_late_ms": _quantiles(self._own_delay),
            "refusals": dict(self._refusals.most_common(3)),
        }


def _quantiles(seconds: array[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    if not ordered:
        return {}
    ranks = (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    return {name: round(ordered[min(int(len(ordered) * rank), len(ordered) - 1)] * 1000, 1) for name, rank in ranks}
