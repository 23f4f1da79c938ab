"""Switchovers around the ring under load, in one lab. Writes build/switchover.json.

python -m tests.bench.switchover --runs 20
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from itertools import pairwise

from rich.console import Console

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import (
    ClusterState,
    Job,
    job_path,
    state_path,
)
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.bench.__main__ import RATE, WARM_SECONDS, warm_zookeeper
from tests.lab import acks, addresses, daemons, template
from tests.lab.checker import check
from tests.lab.errors import LabError
from tests.lab.failover import load
from tests.lab.lab import Lab
from tests.lab.services import wait_until
from tests.lab.stalls import Stalls, now

RESULT = addresses.TREE / "build" / "switchover.json"
AFTER_SECONDS = 1.0
LEVEL_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Run:
    """One switchover. ``gap_seconds``: the longest time without an acknowledged write from its start on.
    ``steps``: how long each took."""

    source: str
    target: str
    gap_seconds: float
    acked: int
    lost: int
    steps: dict[str, float]
    violations: list[str]
    machine_stood_still_seconds: float


def primary_of(lab: Lab) -> str:
    with lab.inside("client"), open_store(daemons.zookeeper_hosts(), "/altair") as store:
        return store.require(state_path(daemons.CLUSTER), ClusterState).value.primary


def job_of(lab: Lab) -> Job:
    with lab.inside("client"), open_store(daemons.zookeeper_hosts(), "/altair") as store:
        return store.require(job_path(daemons.CLUSTER), Job).value


def longest_gap(written: list[acks.Ack], began: float) -> float:
    """Whichever writers and servers the two acknowledgements are of."""
    times = sorted(ack.acked for ack in written)
    return max((later - earlier for earlier, later in pairwise(times) if later > began), default=0.0)


def begin_anew(lab: Lab, primary: str) -> None:
    """Of the runs before nothing is left to be counted."""
    with template.connect(lab.host(primary), "app", timeout=30) as session, session.cursor() as cursor:
        cursor.execute("TRUNCATE app.writes")
    (lab.host("client").folder / "acks.jsonl").unlink(missing_ok=True)


def asked(lab: Lab, node: str, statement: str) -> str:
    with lab.mysql(node, "altair", timeout=30) as session, session.cursor() as cursor:
        cursor.execute(statement)
        return str(next(iter((cursor.fetchone() or {}).values()), "")).replace("\n", "")


def all_the_same(lab: Lab) -> bool:
    """Whether all nodes come to hold the same transactions and the same rows."""
    names = addresses.databases()

    def level() -> bool:
        return len({asked(lab, name, "SELECT @@gtid_executed") for name in names}) == 1

    wait_until("nodes that are level", level, LEVEL_SECONDS)
    with_name = "SELECT SUM(CRC32(CONCAT_WS(',', writer, n, server_uuid, at))) FROM app.writes"
    return len({asked(lab, name, with_name) for name in names}) == 1


def switch_over(lab: Lab, stalls: Stalls, target: str) -> Run:
    source, began_at = primary_of(lab), now()
    begin_anew(lab, source)
    with load(lab, rate=RATE) as client:
        client.wait_for(lambda _ack: True)
        time.sleep(WARM_SECONDS)
        began = time.monotonic()
        code, output = daemons.playbook(lab, "switchover", {"cluster": daemons.CLUSTER, "target": target})
        if code:
            raise LabError(f"The switchover failed: {output[-2000:]}")
        client.wait_for_another_server(began)
        time.sleep(AFTER_SECONDS)
    report = check(lab, client.log, event=began)
    return Run(
        source=source,
        target=target,
        gap_seconds=round(longest_gap(client.acked(), began), 4),
        acked=report.acked,
        lost=len(report.lost),
        steps={step.step: step.seconds for step in job_of(lab).steps},
        violations=report.violations,
        machine_stood_still_seconds=round(stalls.longest_since(began_at), 3),
    )


def summary(runs: list[Run], *, identical: bool | None) -> dict[str, object]:
    """``identical``: None as long as it was not looked."""
    gaps, dns = [run.gap_seconds for run in runs], [run.steps["switch_dns"] for run in runs]
    return {
        "runs": len(runs),
        "lost": sum(run.lost for run in runs),
        "violations": sum(len(run.violations) for run in runs),
        "write_gap_seconds_median": round(statistics.median(gaps), 3),
        "write_gap_seconds_max": round(max(gaps), 3),
        "dns_seconds_median": round(statistics.median(dns), 3),
        "dns_seconds_max": round(max(dns), 3),
        "machine_stood_still_seconds_max": max(run.machine_stood_still_seconds for run in runs),
        "data_identical_on_all_nodes": identical,
    }


def write(runs: list[Run], *, identical: bool | None = None) -> None:
    RESULT.parent.mkdir(exist_ok=True)
    found = {**summary(runs, identical=identical), "each": [asdict(run) for run in runs]}
    RESULT.write_text(json.dumps(found, indent=2) + "\n")


def told(run: Run) -> str:
    steps = " ".join(f"{name} {seconds:.3f}" for name, seconds in run.steps.items())
    return (
        f"{run.source} -> {run.target} no write for {run.gap_seconds:.3f} s; {run.acked} acknowledged, {run.lost} lost"
        f" {steps}"
    )


def around(lab: Lab, stalls: Stalls, runs_max: int, console: Console) -> tuple[list[Run], bool]:
    ring, runs = addresses.databases(), list[Run]()
    for number in range(runs_max):
        run = switch_over(lab, stalls, ring[(number + 1) % len(ring)])
        runs.append(run)
        console.print(f"{number + 1:3}/{runs_max} {told(run)}", markup=False)
        write(runs)
    return runs, all_the_same(lab)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 when nothing was lost, nothing violated and all nodes hold the same, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.switchover", description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--profile", choices=list(Profile), default="altair")
    given = parser.parse_args(arguments)
    console, stalls, lab = Console(highlight=False, soft_wrap=True), Stalls(), Lab("switch")
    try:
        lab.up(lambda ready: daemons.start(ready, given.profile))
        warm_zookeeper(lab)
        runs, identical = around(lab, stalls, max(1, given.runs), console)
    except LabError as error:
        console.print(f"bench: {error}", markup=False)
        return 1
    finally:
        lab.down()
    write(runs, identical=identical)
    console.print(f"data identical on all nodes: {'yes' if identical else 'no'}; {RESULT}", markup=False)
    return 0 if identical and not any(run.lost or run.violations for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
