"""Whether the machine itself stood still: a lease may have ended then, and the test has proven nothing."""

from __future__ import annotations

import threading
import time

LOOK_SECONDS = 0.05
# A fifth of what a lease of these tests lasts, a third of a session with ZooKeeper and of an agent's time to answer.
STILL_SECONDS = 1.0


class Stalls:
    """Looks at the clock all the time, and remembers when it could not."""

    def __init__(self) -> None:
        self._found: list[tuple[float, float]] = []
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if now - before > STILL_SECONDS:
                self._found.append((now, now - before))
            before = now

    def longest_since(self, since: float) -> float:
        """Seconds of the longest standstill that ended after ``since``, by CLOCK_MONOTONIC; 0 when there was none."""
        return max((seconds for at, seconds in self._found if at > since), default=0.0)
