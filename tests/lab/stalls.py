"""Whether the machine itself stood still, or ran for others: a lease may have ended, and a test has proven nothing."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

NAP_SECONDS = 0.05
KEPT_SECONDS = 0.1  # shorter ones are not remembered


def now() -> float:
    """Seconds of the clock that goes on while a machine is suspended, which is the one that leases go by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Processor:
    """Time of all processors since the machine's start, in ticks: what its host gave to others of it, and all."""

    stolen: int
    total: int

    @classmethod
    def read(cls, stat: str | None = None) -> Processor:
        """From the first line of /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq steal guest ..."""
        line = (Path("/proc/stat").read_text() if stat is None else stat).splitlines()[0]
        ticks = [int(each) for each in line.split()[1:9]]  # those of guests are counted as user, too
        return cls(stolen=ticks[7], total=sum(ticks))

    def stolen_since(self, earlier: Processor) -> float:
        """The share, from 0 to 1, that was stolen since; 0 where no tick has gone by."""
        passed = self.total - earlier.total
        return (self.stolen - earlier.stolen) / passed if passed > 0 else 0.0


class Stalls:
    """Looks at the clock all the time, and remembers for how long it could not."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        before = now()
        while True:
            time.sleep(NAP_SECONDS)
            woken = now()
            late = woken - before - NAP_SECONDS
            if late > KEPT_SECONDS:
                self._found.append((woken, late))
            before = woken

    def longest_since(self, since: float) -> float:
        """Seconds of the longest standstill that ended after ``since``, by ``now()``; 0 when there was none."""
        return max((seconds for at, seconds in self._found if at > since), default=0.0)
