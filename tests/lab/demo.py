"""A real failover on this machine, shown as it happens: `make demo`. Writes build/demo.json."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.lab import addresses, daemons
from tests.lab.errors import LabError
from tests.lab.failover import Failover, fail_over
from tests.lab.lab import Lab
from tests.lab.timeline import Event

OUT = addresses.TREE / "build" / "demo.json"
PRIMARY = "db1"


def show_topology(lab: Lab, console: Console) -> None:
    table = Table("host", "address", "what runs there", title="the lab: each host is a network namespace")
    for host in lab.hosts.values():
        table.add_row(host.name, host.address, ", ".join(host.live()) or "the client")
    console.print(table)
    console.print(f"cluster {daemons.CLUSTER}: {PRIMARY} is primary, {addresses.PRIMARY_NAME} leads to it\n")


def result(done: Failover) -> dict[str, object]:
    """What build/demo.json holds; times are in seconds, `stages` after the kill."""
    report = done.report
    return {
        "write_gap_seconds": report.gap_seconds and round(report.gap_seconds, 3),
        "acked": report.acked,
        "lost": len(report.lost),
        "lost_unnamed": len(report.lost) - len(report.named),
        "stages": done.stages,
        "new_primary": done.new_primary,
        "dns": report.dns,
        "writable": report.writable,
        "replicas_following": report.replicas_following,
        "violations": report.violations,
    }


def show_result(done: Failover, console: Console) -> None:
    report = done.report
    table = Table("stage", "seconds after the kill", title=f"job {done.job.id}: {done.job.because}")
    for stage, seconds in done.stages.items():
        table.add_row(stage.replace("_", " "), f"{seconds:.3f}")
    console.print(table)
    gap = "not known" if report.gap_seconds is None else f"{report.gap_seconds:.3f} s"
    console.print(f"writes were not possible for {gap}; {report.acked} acknowledged, {len(report.lost)} lost")
    console.print(f"writable: {', '.join(report.writable)}; DNS: {', '.join(report.dns)}")
    console.print(f"following: {', '.join(report.replicas_following) or 'nobody'}")
    for sentence in report.violations:
        console.print(f"[bold red]violation:[/] {sentence}")


def run(lab: Lab, profile: str, rate: float, console: Console) -> Failover:
    began = time.monotonic()
    console.print("starting MySQL, ZooKeeper, BIND, agents, monitors and orchestrators ...")
    lab.up(lambda ready: daemons.start(ready, profile))
    console.print(f"up after {time.monotonic() - began:.1f} s\n")
    show_topology(lab, console)
    console.print(f"the client writes {rate:g} rows a second; in 3 seconds mysqld on {PRIMARY} gets SIGKILL\n")
    killed: list[float] = []

    def hurt() -> None:
        killed.append(time.time())
        lab.host(PRIMARY).kill("mysqld")

    def tell(event: Event) -> None:
        console.print(f"{event.at - killed[0]:8.3f} s  [bold]{event.stage.replace('_', ' '):<12}[/] {event.sentence}")

    done = fail_over(lab, hurt, tell, primary=PRIMARY, rate=rate)
    console.print()
    return done


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 when nothing was violated, 1 otherwise, and for a mistake that is explained in one sentence."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--name", default="demo", help="the lab's name (default: %(default)s)")
    parser.add_argument("--profile", choices=list(Profile), default="altair", help="beat of 10, 2 or 1 s")
    parser.add_argument("--rate", type=float, default=300, help="writes a second (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="where the result goes (default: build/demo.json)")
    parser.add_argument("--keep", action="store_true", help="leave the lab running, to look around")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    lab = Lab(options.name)
    try:
        done = run(lab, options.profile, options.rate, console)
    except LabError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"demo: {error}", markup=False)
        return 1
    finally:
        if not options.keep:
            lab.down(keep_folder=True)
    show_result(done, console)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result(done), indent=2) + "\n")
    console.print(f"\nwritten to {options.out}")
    return 1 if done.report.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
