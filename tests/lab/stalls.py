"""Whether the machine itself stood still: a lease may have ended then, and a test has proven nothing."""

from __future__ import annotations

import threading
import time

NAP_SECONDS = 0.05
KEPT_SECONDS = 0.1  # shorter ones are not remembered


def now() -> float:
    """Seconds of the clock that goes on while a machine is suspended, which is the one that leases go by."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


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
