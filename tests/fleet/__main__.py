"""``python -m tests.fleet``: the benchmark. Writes build/fleet.json and exits with 1 when something must not be."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.fleet.trial import HOSTS_NEEDED, Figures, Trial, faults
from tests.lab.addresses import TREE
from tests.lab.lab import Lab

RATIO_MAX = 1.5
PAGE = TREE / "docs" / "scale.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
RESULT = TREE / "build" / "fleet.json"


def ratio(trials: Sequence[Figures]) -> float | None:
    """CPU of the monitor for a node: the largest fleet's by that of the one before."""
    if len(trials) < 2:
        return None
    small, large = (float(trial["rest"]["monitor_cpu_ms_a_minute_and_node"]) for trial in trials[-2:])
    return round(large / small, 2)


def table(trials: Sequence[Figures]) -> str:
    """For people, and for docs/scale.md."""
    rows: list[tuple[str, Callable[[Figures], object]]] = [
        ("nodes", lambda t: t["nodes"]),
        ("clusters", lambda t: t["clusters"]),
        ("beats expected", lambda t: t["rest"]["expected"]),
        ("acknowledged in time", lambda t: t["rest"]["acknowledged"]),
        ("missed", lambda t: t["rest"]["missed"]),
        ("late", lambda t: t["rest"]["late"]),
        ("refused, then tried again", lambda t: t["rest"]["refused"]),
        ("acknowledged after, p50 / p99 (ms)", lambda t: _pair(t["rest"]["acknowledged_ms"])),
        ("monitor: CPU seconds a minute", lambda t: t["rest"]["monitor_cpu_seconds_a_minute"]),
        ("monitor: CPU ms a minute and node", lambda t: t["rest"]["monitor_cpu_ms_a_minute_and_node"]),
        ("monitor: resident memory (MB)", lambda t: t["rest"]["monitor_resident_mb"]),
        ("monitor: longest lag of its loop (ms)", lambda t: t["rest"]["monitor_loop_lag_ms_max"]),
        ("ZooKeeper writes a second, at rest", lambda t: t["rest"]["zookeeper_writes_a_second"]),
        ("ZooKeeper reads a second, at rest", lambda t: t["rest"]["zookeeper_reads_a_second"]),
        ("burst: nodes that changed", lambda t: t["burst"]["changed"]),
        ("burst: ZooKeeper writes", lambda t: t["burst"]["zookeeper_writes"]),
        ("burst: beats missed", lambda t: t["burst"]["missed"]),
        ("first start: ZooKeeper writes", lambda t: t["start_up"]["zookeeper_writes"]),
        ("first start: ZooKeeper reads", lambda t: t["start_up"]["zookeeper_reads"]),
        ("first start: watching all after (s)", lambda t: t["start_up"]["watching_after_seconds"]),
        ("take-over: ZooKeeper writes", lambda t: t["take_over"]["zookeeper_writes"]),
        ("take-over: ZooKeeper reads", lambda t: t["take_over"]["zookeeper_reads"]),
        ("take-over: all acknowledged after (s)", lambda t: t["take_over"]["all_acknowledged_after_seconds"]),
        ("ZooKeeper watches", lambda t: t["rest"]["zookeeper_watches"]),
        (
            "silent agents / clusters suspected",
            lambda t: f"{t['silence']['silent']} / {len(t['silence']['suspected'])}",
        ),
        ("false suspicions", lambda t: len(t["silence"]["falsely_suspected"]) + len(t["take_over"]["suspected"])),
    ]
    lines = ["| | " + " | ".join("" for _ in trials) + " |", "| --- |" + " ---: |" * len(trials)]
    lines += [f"| {name} | " + " | ".join(str(of(trial)) for trial in trials) + " |" for name, of in rows]
    return "\n".join(lines)


def publish() -> None:
    """Put the table of the last run into the page."""
    found = json.loads(RESULT.read_text())
    page = PAGE.read_text()
    head, tail = page.split(BEGIN)[0], page.split(END)[1]
    cost = f"A node costs {found['cost_ratio']} times as much CPU in the largest of these fleets as in the one before."
    PAGE.write_text(f"{head}{BEGIN}\n{table(found['trials'])}\n\n{cost}\n{END}{tail}")


def _pair(quantiles: dict[str, float]) -> str:
    return f"{quantiles['p50']:g} / {quantiles['p99']:g}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fleet", description=__doc__)
    parser.add_argument("--nodes", default="100,1000,10000", help="sizes, separated by commas")
    parser.add_argument("--profile", choices=list(Profile), default="altair")
    parser.add_argument("--rest-beats", type=int, default=6, help="how many beats to measure at rest")
    parser.add_argument("--publish", action="store_true", help="only put the last result into docs/scale.md")
    given = parser.parse_args(arguments)
    if given.publish:
        publish()
        return 0
    trials: list[Figures] = []
    found: list[str] = []
    flat: float | None = None
    begun = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - begun:7.1f} s  {sentence}", flush=True)

    for nodes in (int(size) for size in given.nodes.split(",")):
        with Lab("fleet", HOSTS_NEEDED) as lab:
            trials.append(Trial(lab, nodes, given.profile, given.rest_beats, say).run())
        found, flat = faults(trials), ratio(trials)
        if flat is not None and flat > RATIO_MAX:
            found.append(f"a node costs {flat} times as much in the largest fleet as in the one before")
        RESULT.write_text(json.dumps({"trials": trials, "cost_ratio": flat, "faults": found}, indent=2) + "\n")
    print(table(trials))
    print(f"cost of a node, the two largest: {flat}" if flat is not None else "")
    print("\n".join(found) or "no fault")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
