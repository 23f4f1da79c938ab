"""The dead-man as a daemon: a process that holds the agent's lock dies by SIGKILL, and another one is killed or is not.

The voters serve HTTPS with real certificates. What stands in for mysqld is a process known by its number and its start.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from aiohttp import web

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import TlsFiles, tls_context

DAEMON = "ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.deadman"
BEAT_SECONDS = 1.0  # of the profile fast
PATIENCE_SECONDS = 60.0
HOLD = """
import fcntl, sys
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@dataclass
class Voters:
    """Two of them, on addresses of their own; ``asked``: who was asked for a vouch, about whom and by which name."""

    files: TlsFiles
    vouching: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for _ in range(2):
                application = web.Application()
                application.router.add_post("/v1/vouch", self._vouch)
                runner = web.AppRunner(application, shutdown_timeout=0.1)
                await runner.setup()
                stack.push_async_callback(runner.cleanup)
                context = tls_context(self.files, server=True)
                await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
                self.ports.append(runner.addresses[0][1])
            yield

    async def _vouch(self, request: web.Request) -> web.Response:
        body = await request.json()
        certificate = request.transport.get_extra_info("peercert") if request.transport else {}
        subject = {key: value for part in certificate["subject"] for key, value in part}
        self.asked.append((body["node"], subject["commonName"]))
        if not self.vouching:
            return web.json_response({"sentence": "not I"}, status=503)
        return web.json_response({"voter": "db2"})


class Host:
    """db1: an agent's lock, its will, its mysqld, and the dead-man beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = folder / "run"
        self.run.mkdir(mode=0o700)
        self._started: list[subprocess.Popen[Any]] = []
        self.tls = self._certificates()
        self.agent = self._agent()
        self.mysqld = self._start(["sleep", "3600"])

    def _certificates(self) -> TlsFiles:
        authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
        issued = authority.issue_cert(
            "127.0.0.1", common_name="db1", organization_unit_name="agent", key_type=trustme.KeyType.ECDSA
        )
        (self.folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
        (self.folder / "db1.pem").write_bytes(issued.cert_chain_pems[0].bytes())
        (self.folder / "db1.key").write_bytes(issued.private_key_pem.bytes())
        paths = (str(self.folder / name) for name in ("ca.pem", "db1.pem", "db1.key"))
        return TlsFiles(**dict(zip(("ca", "certificate", "key"), paths, strict=True)))

    def _start(self, argv: list[str], **more: Any) -> subprocess.Popen[Any]:
        process = subprocess.Popen(argv, **more)
        self._started.append(process)
        return process

    def _agent(self) -> subprocess.Popen[Any]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        agent = self._start([sys.executable, "-c", HOLD, str(self.run / "agent.lock")], **pipes)
        assert agent.stdout is not None
        assert agent.stdout.readline() == b"held\n"
        return agent

    def leave(self, ports: list[int], primary: str = "db1", seconds: float = 60.0) -> None:
        """The will, whose lease was good for so long. It ends 2.5 beats after the death is noticed at the latest,
        however long it takes this machine to start a dead-man."""
        stat = Path(f"/proc/{self.mysqld.pid}/stat").read_text().rpartition(")")[2].split()
        nodes = [{"name": "db1", "address": "127.0.0.1", "port": 3306, "agent_port": 8430}]
        nodes += [
            {"name": f"db{number}", "address": "127.0.0.1", "port": 3306, "agent_port": port}
            for number, port in enumerate(ports, 2)
        ]
        own = next(node for node in nodes if node["name"] == primary)
        voters = [node for node in nodes if node["name"] != primary]
        terms = {"epoch": 1, "primary": own, "settled": True, "version": 1, "voters": voters}
        will = {
            "terms": terms,
            "good_until": time.clock_gettime(time.CLOCK_BOOTTIME) + seconds,
            "process_id": self.mysqld.pid,
            "process_started": int(stat[19]),
        }
        (self.run / "will.json").write_text(json.dumps(will))

    def start_deadman(self) -> None:
        settings = {
            "node": "db1",
            "cluster": "orders",
            "listen": {"host": "127.0.0.1", "port": 8430},
            "monitors": ["https://127.0.0.1:8440"],
            "profile": "fast",
            "runtime_folder": str(self.run),
            "mysqld": {"credentials_file": "/nowhere", "pid_file": "/nowhere", "data_folder": "/nowhere"},
            "tls": {"ca": self.tls.ca, "certificate": self.tls.certificate, "key": self.tls.key},
        }
        (self.folder / "agent.yml").write_text(yaml.safe_dump(settings))
        with (self.folder / "deadman.log").open("ab") as log:
            argv = [sys.executable, "-m", DAEMON, "--settings", str(self.folder / "agent.yml"), "--verbose"]
            self._start(argv, stdout=log, stderr=log)

    def log(self) -> str:
        return (self.folder / "deadman.log").read_text()

    async def said(self, sentence: str) -> None:
        await until(lambda: sentence in self.log())

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


async def until(holds: Any) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.end()


def tell(host: Host, story: Any) -> Voters:
    voters = Voters(host.tls)

    async def whole() -> None:
        async with voters.serve():
            await story(voters)

    asyncio.run(whole())
    return voters


def test_a_killed_agent_is_noticed_and_its_mysqld_killed_once_no_voter_vouches(host: Host) -> None:
    async def story(voters: Voters) -> None:
        voters.vouching = False
        host.start_deadman()
        host.leave(voters.ports)
        # It waits for the lock before the agent dies, or finds it free: the same must come of both.
        host.agent.send_signal(signal.SIGKILL)
        await until(lambda: host.mysqld.poll() is not None)
        await host.said("too few voters vouch to hold its lease; mysqld is killed")

    voters = tell(host, story)
    assert host.mysqld.returncode == -signal.SIGKILL
    assert ("db1", "db1") in voters.asked


def test_while_the_agent_lives_nobody_is_asked_and_a_lease_that_is_long_over_kills_nothing(host: Host) -> None:
    async def story(voters: Voters) -> None:
        host.leave(voters.ports, seconds=-100.0)
        host.start_deadman()
        await asyncio.sleep(3 * BEAT_SECONDS)
        assert host.mysqld.poll() is None
        assert voters.asked == []
        # That it was up, and would have: now it does.
        voters.vouching = False
        host.agent.kill()
        await until(lambda: host.mysqld.poll() is not None)

    tell(host, story)


def test_voters_that_vouch_keep_mysqld_running_and_when_they_stop_it_is_killed(host: Host) -> None:
    async def story(voters: Voters) -> None:
        host.leave(voters.ports)
        host.start_deadman()
        host.agent.kill()
        await until(lambda: len(voters.asked) > 20)  # five beats
        assert host.mysqld.poll() is None
        voters.vouching = False
        await until(lambda: host.mysqld.poll() is not None)

    tell(host, story)
    assert "its lease is still held" in host.log()


def test_an_agent_that_comes_back_stands_the_dead_man_down(host: Host) -> None:
    async def story(voters: Voters) -> None:
        host.leave(voters.ports)
        host.start_deadman()
        host.agent.kill()
        await host.said("its lease is still held")
        host.agent = host._agent()
        await host.said("the agent lives")
        voters.vouching = False
        await asyncio.sleep(4 * BEAT_SECONDS)
        assert host.mysqld.poll() is None

    tell(host, story)


@pytest.mark.parametrize("of", ["replica", "nobody", "another process"])
def test_what_is_no_primarys_mysqld_is_never_killed(host: Host, of: str) -> None:
    async def story(voters: Voters) -> None:
        voters.vouching = False
        if of != "nobody":
            host.leave(voters.ports, primary="db2" if of == "replica" else "db1", seconds=-100.0)
        if of == "another process":
            will = json.loads((host.run / "will.json").read_text())
            will["process_started"] += 1
            (host.run / "will.json").write_text(json.dumps(will))
        host.start_deadman()
        host.agent.kill()
        because = {"replica": "another node is primary", "nobody": "no agent has left word"}
        await host.said(because.get(of, "the mysqld that the agent knew has exited"))
        await asyncio.sleep(2 * BEAT_SECONDS)
        assert host.mysqld.poll() is None

    tell(host, story)


def test_settings_without_a_runtime_folder_are_refused_in_one_sentence(host: Host) -> None:
    host.start_deadman()
    settings = yaml.safe_load((host.folder / "agent.yml").read_text())
    del settings["runtime_folder"]
    (host.folder / "without.yml").write_text(yaml.safe_dump(settings))
    argv = [sys.executable, "-m", DAEMON, "--settings", str(host.folder / "without.yml"), "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "have no runtime_folder" in done.stderr
