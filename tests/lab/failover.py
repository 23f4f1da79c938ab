"""One failover under load, from the first write to the judgement: what the demo, the tests and the benchmarks share."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Job
from tests.lab import acks
from tests.lab.checker import Report, check
from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.timeline import Event, Timeline, watching

JOB_SECONDS = 90.0


@dataclass(frozen=True)
class Load:
    """A running client. `log` is its log of acknowledged writes."""

    process: subprocess.Popen[bytes]
    log: Path
    stop_file: Path

    def acked(self) -> list[acks.Ack]:
        return acks.read(self.log)

    def wait_for(self, wanted: Callable[[acks.Ack], bool], seconds: float = 90.0) -> acks.Ack:
        """The first acknowledgement that is wanted, as soon as there is one."""
        deadline = time.monotonic() + seconds
        while (began := time.monotonic()) < deadline:
            found = next(filter(wanted, self.acked()), None)
            if found is not None:
                return found
            time.sleep(max(0.05, 2 * (time.monotonic() - began)))
        raise LabError(f"The client got no such acknowledgement within {seconds:.0f} s; read {self.log}.")

    def wait_for_another_server(self, after: float = 0.0) -> acks.Ack:
        """The first acknowledgement after that moment, of CLOCK_MONOTONIC, which is not of the log's first server."""
        first = self.wait_for(lambda _ack: True).server
        return self.wait_for(lambda ack: ack.server != first and ack.acked > after)

    def end(self) -> None:
        """Let the writers finish what they are at; what hangs is ended."""
        self.stop_file.touch()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def load(lab: Lab, *, writers: int = 4, rate: float = 300, seconds: float = 300) -> Iterator[Load]:
    """Keep writing through the DNS name for the block's length."""
    folder = lab.host("client").folder
    log, stop_file = folder / "acks.jsonl", folder / "stop"
    stop_file.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "tests.lab.load", "--writers", str(writers), "--rate", str(rate)]
    argv += ["--out", str(log), "--credentials", str(lab.etc / "app.cnf")]
    argv += ["--stop-file", str(stop_file), "--seconds", str(seconds)]
    running = Load(lab.host("client").popen(argv), log, stop_file)
    try:
        yield running
    finally:
        running.end()


@dataclass(frozen=True)
class Failover:
    """What came of one kill. Times of `stages` are seconds after the kill, of the machine's clock."""

    report: Report
    stages: dict[str, float]
    job: Job

    @property
    def new_primary(self) -> str | None:
        return self.job.candidate


def stages_of(timeline: Timeline, killed_at: float, first: acks.Ack | None) -> dict[str, float]:
    stages = {stage: round(event.at - killed_at, 3) for stage, event in timeline.events.items()}
    if first is not None:
        stages["first_write"] = round(first.wall - killed_at, 3)
    return dict(sorted(stages.items(), key=lambda item: item[1]))


def fail_over(
    lab: Lab,
    hurt: Callable[[], None],
    tell: Callable[[Event], None],
    *,
    primary: str = "db1",
    warm_up: Callable[[], None] = lambda: time.sleep(3.0),
    after_seconds: float = 2.0,
    writers: int = 4,
    rate: float = 300,
    watch_after_seconds: float = 0.0,
) -> Failover:
    """Write, warm up, hurt the primary, wait until the job has ended and writes go on, then judge.

    ``watch_after_seconds``: see ``watching``.
    """
    with load(lab, writers=writers, rate=rate) as client:
        old = client.wait_for(lambda _ack: True).server
        warm_up()
        with watching(lab, tell, watch_after_seconds) as timeline:
            event, killed_at = time.monotonic(), time.time()
            hurt()
            job = timeline.wait_until_ended(JOB_SECONDS)
            first = None
            if job.candidate is not None:
                first = client.wait_for(lambda ack: ack.acked > event and ack.server != old)
                tell(Event("first_write", first.wall, "the client writes through the name again"))
                time.sleep(after_seconds)
            stages = stages_of(timeline, killed_at, first)
    down = [primary] if not lab.host(primary).running("mysqld") else []
    return Failover(check(lab, client.log, event=event, down=down), stages, job)
