"""Random short flaps under load: `make flaps MINUTES=30`. Each is too short to be a failure, so nothing may come of it.

Writes build/flaps.json. A false alarm is a suspicion of the primary, a job, or a primary that its own agent fenced.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from kazoo.client import KazooClient
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.integration.record import CLUSTER
from tests.integration.world import World, servers
from tests.lab import addresses, daemons
from tests.lab.checker import check
from tests.lab.errors import LabError
from tests.lab.failover import load
from tests.lab.lab import Lab
from tests.lab.stalls import Stalls, now

OUT = addresses.TREE / "build" / "flaps.json"
LONGEST_BEATS = 1.0  # a report and its repetition may both fall into it, three reports in a row may not
REST_BEATS = (1.0, 3.0)
PLACES = ("db1", "db2", "db3", "mon1", "mon2", "orc1", "orc2", "zk1")
FENCED = "the lease is lost"  # what an agent logs when it fences its own mysqld


@dataclass(frozen=True)
class Flap:
    """``begin`` hurts, ``end`` mends; ``what`` tells it in a few words."""

    kind: str
    what: str
    begin: Callable[[], None]
    end: Callable[[], None]


def _cut(lab: Lab, dice: random.Random) -> Flap:
    one, other = dice.sample(PLACES, 2)
    one_way = dice.random() < 0.3
    return Flap(
        "cut",
        f"{one} {'->' if one_way else '<->'} {other}",
        lambda: lab.partition(one, other, one_way=one_way),
        lambda: lab.heal(one, other),
    )


def _isolated(lab: Lab, dice: random.Random) -> Flap:
    host = dice.choice(PLACES)
    return Flap("isolated", host, lambda: lab.isolate(host), lambda: lab.heal(host))


def _suspended(lab: Lab, dice: random.Random) -> Flap:
    host = lab.host(dice.choice(PLACES))
    process = dice.choice([*host.live(), None])
    return Flap(
        "suspended", f"{process or 'everything'} on {host.name}", lambda: host.stop(process), lambda: host.cont(process)
    )


KINDS: tuple[tuple[int, Callable[[Lab, random.Random], Flap]], ...] = ((5, _cut), (3, _isolated), (4, _suspended))


def draw(lab: Lab, dice: random.Random) -> Flap:
    ((_weight, make),) = dice.choices(KINDS, [weight for weight, _make in KINDS])
    return make(lab, dice)


@dataclass
class Tally:
    """What build/flaps.json holds."""

    minutes: float
    seed: int
    profile: str
    flaps: dict[str, int] = field(default_factory=dict)
    suspicions: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    self_fences: list[str] = field(default_factory=list)
    acked: int = 0
    lost: int = 0
    servers: int = 0
    longest_write_gap_seconds: float = 0.0
    longest_stall_seconds: float = 0.0  # for which the machine did not run us, and so perhaps no host of the lab
    violations: list[str] = field(default_factory=list)

    @property
    def false_alarms(self) -> int:
        return len(self.suspicions) + len(self.jobs) + len(self.self_fences)


class Watch:
    """Writes down every suspicion and every job that appears, by a client of our own."""

    def __init__(self, lab: Lab, tally: Tally, under_way: list[str]) -> None:
        self._tally, self._under_way = tally, under_way
        with lab.inside("client"):
            self._client = KazooClient(hosts=daemons.zookeeper_hosts(), timeout=30.0)
            self._client.start(timeout=10.0)
        for name, seen in (("suspicion", tally.suspicions), ("job", tally.jobs)):
            self._follow(name, seen)

    def _follow(self, name: str, seen: list[str]) -> None:
        known = {"id": self._id(self._client, f"{CLUSTER}/{name}")}

        def changed(data: bytes | None, _stat: object) -> None:
            if data is None:
                known["id"] = None
                return
            found = json.loads(data)
            this = found.get("id") or found.get("raised_at")
            if this != known["id"]:
                known["id"] = this
                seen.append(f"{found['because']} (during {self._under_way[-1:] or 'no flap'})")

        self._client.DataWatch(f"{CLUSTER}/{name}", changed)

    @staticmethod
    def _id(client: KazooClient, path: str) -> object:
        if client.exists(path) is None:
            return None
        found = json.loads(client.get(path)[0])
        return found.get("id") or found.get("raised_at")

    def close(self) -> None:
        self._client.stop()
        self._client.close()


def longest_gap(times: Sequence[float]) -> float:
    """Seconds between two acknowledgements in a row, at most."""
    ordered = sorted(times)
    return max((later - earlier for earlier, later in pairwise(ordered)), default=0.0)


def shake(lab: Lab, tally: Tally, dice: random.Random, under_way: list[str], console: Console) -> None:
    beat, began = Profile(tally.profile).beat_seconds, time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("flaps", total=tally.minutes * 60)
        while (passed := time.monotonic() - began) < tally.minutes * 60:
            progress.update(
                bar,
                completed=passed,
                description=f"{sum(tally.flaps.values())} flaps, {tally.false_alarms} false alarms",
            )
            flap = draw(lab, dice)
            under_way.append(f"{flap.kind} {flap.what}")
            with suppress(LabError):  # a process that is just being replaced
                flap.begin()
                try:
                    time.sleep(dice.uniform(0.1, LONGEST_BEATS) * beat)
                finally:
                    flap.end()
                tally.flaps[flap.kind] = tally.flaps.get(flap.kind, 0) + 1
            time.sleep(dice.uniform(*REST_BEATS) * beat)


def run(tally: Tally, rate: float, console: Console) -> None:
    lab = Lab("flaps")
    world = World(lab, tally.profile)
    under_way: list[str] = []
    try:
        console.print("starting MySQL, ZooKeeper, BIND, agents, monitors and orchestrators ...")
        world.make_whole()
        world.wait_for("a lease", lambda: world.record.health(world.primary).get("lease") == "held")
        watch, stalls, began = Watch(lab, tally, under_way), Stalls(), now()
        with load(lab, rate=rate, seconds=tally.minutes * 60 + 120) as client:
            client.wait_for(lambda ack: ack.n >= 20)
            shake(lab, tally, random.Random(tally.seed), under_way, console)
        watch.close()
        tally.longest_stall_seconds = round(stalls.longest_since(began), 3)
        world.wait_for("a whole cluster again", lambda: not world.faults(), 120.0)
        screening = world.record.screening  # by another road: whatever was suspected was screened
        if screening and not tally.suspicions:
            tally.suspicions.append(f"{screening['primary']} was screened: {screening['because']}")
        report, acked = check(lab, client.log), client.acked()
        tally.acked, tally.lost, tally.violations = report.acked, len(report.lost), report.violations
        tally.servers = len(servers(client))
        tally.longest_write_gap_seconds = round(longest_gap([ack.acked for ack in acked]), 3)
        for name in addresses.databases():
            fences = world.log(name, "agent").count(FENCED)
            tally.self_fences += [f"{name} fenced itself"] * fences
    finally:
        world.down(keep_folder=True)


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 without a false alarm and a violation, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="make flaps", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of flaps (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=300.0, help="writes a second (default: %(default)s)")
    parser.add_argument("--profile", choices=list(Profile), default=Profile.STEADY.value, help="(default: %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="where the result goes (default: build/flaps.json)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    tally = Tally(options.minutes, options.seed, options.profile)
    try:
        run(tally, options.rate, console)
    except LabError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"flaps: {error}", markup=False)
        return 1
    shown = asdict(tally) | {"false_alarms": tally.false_alarms}
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(shown, indent=2) + "\n")
    console.print_json(data=shown)
    return 1 if tally.false_alarms or tally.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
