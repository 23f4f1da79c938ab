"""One size of the fleet, from an empty ZooKeeper to the last question: every phase, and what was found in it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import Profile
from tests.fleet import record
from tests.fleet.certificates import Authority
from tests.fleet.plan import clusters, members
from tests.lab import daemons
from tests.lab.addresses import HOSTS, TREE
from tests.lab.errors import LabError
from tests.lab.lab import Lab

MONITOR, CROWD = "mon1", "client"
HOSTS_NEEDED = ["zk1", MONITOR, CROWD]
UNWELL_SHARE = 0.05
SILENT_CLUSTERS = 2
Figures = dict[str, Any]
_TICKS = os.sysconf("SC_CLK_TCK")


class Crowd:
    """The process with the simulated agents; see agents.py for what it can be told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, what: str, **more: object) -> Figures:
        if self._process.stdin is None or self._process.stdout is None:
            raise LabError("The simulated agents have no pipe.")
        self._process.stdin.write(json.dumps({"do": what, **more}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise LabError("The simulated agents have ended; their complaint is above.")
        told: Figures = json.loads(answer)
        return told


class Trial:
    """``say`` is told of every phase as it begins."""

    def __init__(self, lab: Lab, nodes: int, profile: str, rest_beats: int, say: Callable[[str], None]) -> None:
        self._lab, self._profile, self._rest_beats, self._say = lab, profile, rest_beats, say
        self._beat = Profile(profile).beat_seconds
        self.fleet = clusters(nodes)
        self.members = members(self.fleet)
        self._authority = Authority(lab.folder / "fleet")

    def run(self) -> Figures:
        nodes = len(self.members)
        self._say(f"{nodes} nodes in {len(self.fleet)} clusters: certificates and registration")
        self._authority.issue((member.node for member in self.members), "agent", HOSTS[CROWD])
        self._authority.issue([MONITOR], "monitor", HOSTS[MONITOR])
        self._authority.issue(["operator"], "operator", HOSTS[CROWD])
        record.register(self._lab, self.fleet)
        before = record.counters(self._lab)
        with self._crowd() as crowd:
            crowd.tell("status")
            self._say("start-up: the monitor, then every agent's first beats")
            started_at = time.monotonic()
            self._start_monitor()
            self._await("the monitor to watch every node", lambda: self._status()["nodes"] == nodes)
            watching_after = time.monotonic() - started_at
            crowd.tell("begin")
            start = self._settle(crowd, started_at)
            start |= self._spent(before, record.counters(self._lab), time.monotonic() - started_at)
            figures: Figures = {"nodes": nodes, "clusters": len(self.fleet), "beat_seconds": self._beat}
            figures["start_up"] = {"watching_after_seconds": round(watching_after, 1), **start}
            self._say(f"rest: {self._rest_beats} beats")
            figures["rest"] = self._measured(crowd, self._rest_beats)
            figures["burst"] = self._burst(crowd)
            figures["take_over"] = self._take_over(crowd)
            figures["silence"] = self._silence(crowd)
        return figures

    def _start_monitor(self) -> None:
        host = self._lab.host(MONITOR)
        settings = daemons.monitor_settings(self._lab, host, self._profile)
        settings["tls"] = self._authority.files(MONITOR)
        settings["zookeeper"]["session_seconds"] = 6.0
        path = host.etc / "monitor.yml"
        path.write_text(yaml.safe_dump(settings))
        # As many files as the unit of the role allows, if this machine does.
        limit = ["/bin/sh", "-c", 'ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"', "monitor"]
        host.start("monitor", [*limit, *daemons.command("monitor", path)])

    @contextmanager
    def _crowd(self) -> Iterator[Crowd]:
        argv = [sys.executable, "-m", "tests.fleet.agents", "--nodes", str(len(self.members))]
        argv += ["--monitor", f"{HOSTS[MONITOR]}:{daemons.MONITOR_PORT}", "--tls", str(self._authority.folder)]
        argv += ["--beat-seconds", str(self._beat)]
        entry = self._lab.host(CROWD).entry(["setpriv", "--pdeathsig", "KILL", *argv])
        with subprocess.Popen(entry, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield Crowd(process)
            finally:
                process.kill()

    def _settle(self, crowd: Crowd, since: float) -> Figures:
        """Until every agent has been acknowledged, and nothing is written any more."""
        crowd.tell("forget")
        nodes = len(self.members)
        self._await("every agent to be acknowledged", lambda: crowd.tell("status")["acknowledged"] == nodes)
        acknowledged_after = time.monotonic() - since
        self._await("ZooKeeper to be at rest", self._at_rest)
        return {"all_acknowledged_after_seconds": round(acknowledged_after, 1)}

    def _at_rest(self) -> bool:
        before = record.counters(self._lab)["writes"]
        time.sleep(self._beat * 1.2)
        return record.counters(self._lab)["writes"] == before

    def _measured(self, crowd: Crowd, beats: int) -> Figures:
        """``beats`` of every agent, and what they cost the monitor and ZooKeeper."""
        before, cpu, begun = record.counters(self._lab), self._cpu_seconds(), time.monotonic()
        figures = crowd.tell("measure", beats=beats)
        seconds = time.monotonic() - begun
        used = self._cpu_seconds() - cpu
        status = self._status()
        return {
            **figures,
            **self._spent(before, record.counters(self._lab), seconds),
            "monitor_cpu_seconds_a_minute": round(used / seconds * 60, 2),
            "monitor_cpu_ms_a_minute_and_node": round(used / seconds * 60 / len(self.members) * 1000, 3),
            "monitor_resident_mb": round(status["resident_bytes"] / 2**20, 1),
            "monitor_loop_lag_ms_max": round(status["lag_seconds_max"] * 1000, 1),
        }

    def _burst(self, crowd: Crowd) -> Figures:
        """One node in twenty, replicas all, changes its health in the same beat."""
        replicas = [member.node for member in self.members if not member.primary]
        unwell = replicas[: max(int(len(self.members) * UNWELL_SHARE), 1)]
        self._say(f"burst: {len(unwell)} nodes change their health within a beat")
        crowd.tell("unwell", nodes=unwell)
        figures = self._measured(crowd, 2)
        found = record.healths(self._lab, self.members)
        right = {member.node: "mysqld_dubious" if member.node in set(unwell) else "healthy" for member in self.members}
        figures |= {"changed": len(unwell), "wrong_on_record": _differing(found, right)}
        crowd.tell("well", nodes=unwell)
        return figures

    def _take_over(self, crowd: Crowd) -> Figures:
        """The monitor is killed and started again; the agents have nobody else."""
        self._say("take-over: the monitor is killed and started again")
        before, since = record.counters(self._lab), time.monotonic()
        self._lab.host(MONITOR).kill("monitor", signal.SIGKILL)
        self._start_monitor()
        figures = self._settle(crowd, since)
        figures |= self._spent(before, record.counters(self._lab), time.monotonic() - since)
        figures["suspected"] = record.suspected(self._lab, self.fleet)
        figures["after_it"] = self._measured(crowd, 1)
        return figures

    def _silence(self, crowd: Crowd) -> Figures:
        """A few agents fall silent, a primary's and a replica's of clusters of their own; nobody else must suffer."""
        primaries = [spec.names[0] for spec in self.fleet[:SILENT_CLUSTERS]]
        replicas = [spec.names[1] for spec in self.fleet[SILENT_CLUSTERS : 2 * SILENT_CLUSTERS]]
        self._say(f"silence: {len(primaries)} primaries and {len(replicas)} replicas say no more")
        crowd.tell("silence", nodes=primaries + replicas)
        figures = self._measured(crowd, 5)
        found = record.healths(self._lab, self.members)
        right = {member.node: "healthy" for member in self.members}
        right |= dict.fromkeys(primaries + replicas, "host_silent")
        expected = {spec.cluster for spec in self.fleet[:SILENT_CLUSTERS]}
        seen = set(record.suspected(self._lab, self.fleet))
        return figures | {
            "silent": len(primaries + replicas),
            "wrong_on_record": _differing(found, right),
            "suspected": sorted(seen),
            "not_suspected": sorted(expected - seen),
            "falsely_suspected": sorted(seen - expected),
        }

    def _spent(self, before: Mapping[str, int], after: Mapping[str, int], seconds: float) -> Figures:
        writes, reads = after["writes"] - before["writes"], after["reads"] - before["reads"]
        return {
            "seconds": round(seconds, 1),
            "zookeeper_writes": writes,
            "zookeeper_reads": reads,
            "zookeeper_writes_a_second": round(writes / seconds, 2),
            "zookeeper_reads_a_second": round(reads / seconds, 2),
            "zookeeper_watches": after["watches"],
        }

    def _status(self) -> Figures:
        """The monitor's own word, asked as an operator would."""
        files = self._authority.files("operator")
        context = ssl.create_default_context(cafile=files["ca"])
        context.load_cert_chain(files["certificate"], files["key"])
        with self._lab.inside(CROWD):
            connection = http.client.HTTPSConnection(HOSTS[MONITOR], daemons.MONITOR_PORT, timeout=30, context=context)
            try:
                connection.request("GET", "/v1/status")
                told: Figures = json.loads(connection.getresponse().read())
            finally:
                connection.close()
        return told

    def _cpu_seconds(self) -> float:
        """Of the monitor's process, by the kernel's word."""
        fields = Path(f"/proc/{self._lab.host(MONITOR).pid('monitor')}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _await(self, what: str, asked: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60 + self._beat * 12 + len(self.members) / 50
        while time.monotonic() < deadline:
            try:
                if asked():
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        raise LabError(f"Waited in vain for {what}; the logs are in {self._lab.folder.relative_to(TREE)}.")


def _differing(found: Mapping[str, str], right: Mapping[str, str]) -> list[str]:
    return sorted(node for node, health in right.items() if found.get(node) != health)


def faults(trials: Sequence[Figures]) -> list[str]:
    """What must not be: a sentence each."""
    found = []
    for trial in trials:
        where = f"at {trial['nodes']} nodes"
        phases = {name: trial[name] for name in ("rest", "burst", "silence")}
        phases["the beat after a take-over"] = trial["take_over"]["after_it"]
        for name, phase in phases.items():
            if phase["missed"] or phase["expected"] != phase["acknowledged"]:
                found.append(f"{where}, {name}: {phase['missed']} of {phase['expected']} beats were missed")
            if phase.get("wrong_on_record"):
                found.append(f"{where}, {name}: the record is wrong of {', '.join(phase['wrong_on_record'][:5])}")
        false = trial["silence"]["falsely_suspected"] + trial["take_over"]["suspected"]
        found += [f"{where}: {cluster} was suspected and had nothing" for cluster in false]
        found += [f"{where}: {cluster} was silent and not suspected" for cluster in trial["silence"]["not_suspected"]]
    return found
