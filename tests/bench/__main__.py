"""A killed primary under load, again and again, each time in a fresh lab. Writes build/failover.json.

python -m tests.bench --runs 20          20 failovers, and as many by a bare script beside them
python -m tests.bench --runs 3 --lagging 16 writers, one applier worker, thousands of rows behind
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

from rich.console import Console

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Create, Replace, open_store
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.bench import bare
from tests.lab import addresses, daemons
from tests.lab.checker import check
from tests.lab.errors import LabError
from tests.lab.failover import fail_over, load
from tests.lab.lab import Lab
from tests.lab.services import binary_logs, mysqlbinlog, wait_until
from tests.lab.stalls import Stalls, now

RESULT = addresses.TREE / "build" / "failover.json"
PRIMARY = "db1"
WARM_SECONDS = 3.0
ZOOKEEPER_ROUNDS = 400
RATE = 300.0  # writes a second
QUIET_SECONDS = 2.0  # nobody looks on while the primary is replaced, as nobody does beside the bare script
GTID_MAX = 2**62
ROWS_BEHIND = 3000
LAG_SECONDS_MAX = 60.0  # how long the writers may take to get so far ahead


@dataclass(frozen=True, kw_only=True)
class Run:
    """One failover. Times in seconds; ``applied_seconds``: from the kill until the new primary had committed the last
    of the old one's transactions, by its own binary log. Nobody can promote it before that and lose nothing."""

    kind: str
    gap_seconds: float | None
    acked: int
    lost: int
    stages: dict[str, float]
    violations: list[str]
    machine_stood_still_seconds: float
    rows_behind: int = 0
    applied_seconds: float | None = None


def rows_behind(lab: Lab) -> int:
    """Of the replica that is behind least."""
    with lab.mysql(PRIMARY, "altair", timeout=30) as session, session.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) AS many FROM app.writes")
        written = int((cursor.fetchone() or {})["many"])
    behind = []
    for name in addresses.databases():
        if name != PRIMARY:
            with lab.mysql(name, "altair", timeout=30) as session, session.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) AS many FROM app.writes")
                behind.append(written - int((cursor.fetchone() or {})["many"]))
    return min(behind)


def last_applied_at(lab: Lab, node: str) -> float:
    """Unix time at which ``node`` committed the last of the old primary's transactions, by its own binary log."""
    (old,) = re.findall(r"^server-uuid=(\S+)", (lab.host(PRIMARY).data / "auto.cnf").read_text(), re.MULTILINE)
    argv = [mysqlbinlog(lab.etc / "bin"), "--no-defaults", f"--include-gtids={old}:1-{GTID_MAX}"]
    argv += binary_logs(lab.host(node))
    printed = subprocess.run(argv, capture_output=True, check=True, timeout=120).stdout
    return max(int(at) for at in re.findall(rb"^#\s*immediate_commit_timestamp=(\d+)", printed, re.MULTILINE)) / 1e6


def one_applier(lab: Lab) -> None:
    for name in addresses.databases():
        if name != PRIMARY:
            with lab.mysql(name, "altair", timeout=30) as session, session.cursor() as cursor:
                cursor.execute("STOP REPLICA SQL_THREAD")
                cursor.execute("SET GLOBAL replica_parallel_workers = 1")
                cursor.execute("START REPLICA SQL_THREAD")


def run_bare(lab: Lab, stalls: Stalls) -> Run:
    lab.up()
    with load(lab, rate=RATE) as client:
        old = client.wait_for(lambda _ack: True).server
        time.sleep(WARM_SECONDS)
        event, began = time.monotonic(), now()
        lab.host(PRIMARY).kill("mysqld")
        bare.fail_over(lab, PRIMARY)
        client.wait_for(lambda ack: ack.acked > event and ack.server != old)
        still = stalls.longest_since(began)
        time.sleep(1.0)
    report = check(lab, client.log, event=event, down=[PRIMARY])
    return Run(
        kind="bare",
        gap_seconds=report.gap_seconds,
        acked=report.acked,
        lost=len(report.lost),
        stages={},
        violations=[],
        machine_stood_still_seconds=round(still, 3),
    )


def warm_zookeeper(lab: Lab) -> None:
    """As one that has run for a while is: the lab's was started seconds ago, and its JVM has compiled nothing yet."""
    with lab.inside("client"), open_store(daemons.zookeeper_hosts(), "/warm") as store:
        for number in range(ZOOKEEPER_ROUNDS):
            store.create(f"many/{number}", now())
            store.commit([Replace(f"many/{number}", now(), 0), Create("one", number)])
            store.read_many([(f"many/{number}", float), ("one", int)])
            store.children("many")
            store.version("one")
            store.delete("one")
            store.delete(f"many/{number}")


def run_real(lab: Lab, stalls: Stalls, profile: str, *, lag: bool) -> Run:
    lab.up(lambda ready: daemons.start(ready, profile))
    behind: list[int] = [0]
    warm_zookeeper(lab)
    if lag:
        one_applier(lab)

    def far_enough() -> bool:
        behind.append(rows_behind(lab))
        return behind[-1] >= ROWS_BEHIND

    def warm_up() -> None:
        if lag:
            wait_until(f"replicas {ROWS_BEHIND} rows behind", far_enough, LAG_SECONDS_MAX)
        else:
            time.sleep(WARM_SECONDS)

    killed: list[float] = []

    def kill() -> None:
        killed.append(time.time())
        lab.host(PRIMARY).kill("mysqld")

    began = now()
    done = fail_over(
        lab,
        kill,
        lambda _event: None,
        warm_up=warm_up,
        writers=16 if lag else 4,
        rate=0 if lag else RATE,
        watch_after_seconds=QUIET_SECONDS,
    )
    return Run(
        kind="lagging" if lag else "real",
        gap_seconds=done.report.gap_seconds,
        acked=done.report.acked,
        lost=len(done.report.lost),
        stages=done.stages,
        violations=done.report.violations,
        machine_stood_still_seconds=round(stalls.longest_since(began), 3),
        rows_behind=behind[-1],
        applied_seconds=round(last_applied_at(lab, done.new_primary) - killed[0], 3)
        if lag and done.new_primary
        else None,
    )


def summary(runs: list[Run]) -> dict[str, object]:
    gaps = sorted(run.gap_seconds for run in runs if run.gap_seconds is not None)
    return {
        "runs": len(runs),
        "lost": sum(run.lost for run in runs),
        "write_gap_seconds_median": round(statistics.median(gaps), 3) if gaps else None,
        "write_gap_seconds_min": round(gaps[0], 3) if gaps else None,
        "write_gap_seconds_max": round(gaps[-1], 3) if gaps else None,
        "machine_stood_still_seconds_max": max((run.machine_stood_still_seconds for run in runs), default=0.0),
    }


def told(run: Run) -> str:
    gap = "no end in sight" if run.gap_seconds is None else f"{run.gap_seconds:.3f} s"
    more = ""
    if run.applied_seconds is not None and run.gap_seconds is not None:
        beyond = run.gap_seconds - run.applied_seconds
        more = (
            f", {run.rows_behind} rows behind, applied {run.applied_seconds:.3f} s after the kill: {beyond:.3f} s more"
        )
    stages = " ".join(f"{name} {seconds:.3f}" for name, seconds in run.stages.items())
    return f"{run.kind:<8} no write for {gap}; {run.acked} acknowledged, {run.lost} lost{more} {stages}"


def order(runs: int, bare_max: int) -> list[str]:
    """The two in turn, so that what the machine does besides falls on both; the rest after that."""
    pairs = min(runs, bare_max)
    return ["bare", "real"] * pairs + ["real"] * (runs - pairs)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 when nothing was lost and nothing violated, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--bare", type=int, default=20, help="at most so many runs of the bare script (%(default)s)")
    parser.add_argument("--profile", choices=list(Profile), default="altair")
    parser.add_argument("--lagging", action="store_true", help="16 writers, one applier worker")
    given = parser.parse_args(arguments)
    console, stalls, runs = Console(highlight=False, soft_wrap=True), Stalls(), list[Run]()
    kinds = order(given.runs, 0 if given.lagging else given.bare)
    for kind in kinds:
        lab = Lab("bench")
        try:
            run = run_bare(lab, stalls) if kind == "bare" else run_real(lab, stalls, given.profile, lag=given.lagging)
        except LabError as error:
            console.print(f"bench: {error}", markup=False)
            return 1
        finally:
            lab.down()
        runs.append(run)
        console.print(f"{len(runs):3}/{len(kinds)} {told(run)}", markup=False)
        write(runs)
    return 1 if any(run.lost or run.violations for run in runs if run.kind != "bare") else 0


def write(runs: list[Run]) -> None:
    groups = {kind: summary([run for run in runs if run.kind == kind]) for kind in ("real", "bare", "lagging")}
    found = {kind: group for kind, group in groups.items() if group["runs"]}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({**found, "each": [asdict(run) for run in runs]}, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
