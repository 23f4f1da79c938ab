"""Thousands of simulated agents in one process: real certificates, real reports, one real connection each.

Reads orders (JSON, one a line) from standard input and answers each on standard output:

    {"do": "begin"}                   beat from now on
    {"do": "status"}                  how many have been acknowledged since the last "forget"
    {"do": "forget"}                  count acknowledgements anew
    {"do": "measure", "beats": 6}     the next six beats of every agent, answered when they are over
    {"do": "unwell", "nodes": [...]}  these report another health from their next beat on
    {"do": "silence", "nodes": [...]} these report no more
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import resource
import select
import ssl
import sys
import time
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.daemon import RETRY_SECONDS
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.reporter import PATIENCE
from tests.fleet.link import Answer, Link
from tests.fleet.plan import Member, Words, clusters, members, words
from tests.fleet.tally import Tally

FIRST_BEATS = 3  # over how many beats the agents of a fleet start
PATIENCE_BEATS = PATIENCE / 4  # how long an agent waits for its answer
OVER_SECONDS = 0.5  # a beat is over when the next one has been due and looked at


class SimulatedAgent:
    """One node's agent. ``asked_at`` is None while nothing is under way."""

    __slots__ = (
        "acked",
        "asked_at",
        "context",
        "due_at",
        "link",
        "member",
        "number",
        "retrying",
        "sequence",
        "silent",
        "version",
        "well",
        "words",
    )

    def __init__(self, number: int, member: Member, text: Words, context: ssl.SSLContext) -> None:
        self.number, self.member, self.words, self.context = number, member, text, context
        self.link: Link | None = None
        self.sequence = self.version = 0
        self.well, self.silent, self.retrying = True, False, False
        self.asked_at: float | None = None
        self.due_at, self.acked = 0.0, True

    def request(self, host: str) -> bytes:
        self.sequence += 1
        body = self.words.body(self.sequence, self.version, well=self.well)
        head = f"POST /v1/report HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


class Crowd:
    """All agents of one process, each beating at its own moment of the beat."""

    def __init__(self, given: argparse.Namespace) -> None:
        host, _, port = given.monitor.partition(":")
        self._address, self._host = (host, int(port)), given.monitor
        self._beat = given.beat_seconds
        incarnation = time.time_ns()
        fleet = [(spec, member) for spec in clusters(given.nodes) for member in members((spec,))]
        self._agents = [
            SimulatedAgent(number, member, words(spec, member, incarnation), _context(given.tls, member.node))
            for number, (spec, member) in enumerate(fleet)
        ]
        self._named = {agent.member.node: agent for agent in self._agents}
        self._epoll = select.epoll()
        self._linked: dict[int, SimulatedAgent] = {}
        self._due: list[tuple[float, int, bool]] = []
        self._acknowledged: set[str] = set()
        self._tally = Tally(0.0, 0.0)
        self._measuring = False

    def run(self) -> None:
        """Until standard input ends."""
        self._epoll.register(0, select.EPOLLIN)
        orders = b""
        while True:
            wait = self._due[0][0] - time.monotonic() if self._due else 1.0
            for descriptor, _event in self._epoll.poll(min(max(wait, 0.0), 0.1)):
                if descriptor:
                    self._readable(self._linked.get(descriptor))
                    continue
                chunk = os.read(0, 1 << 20)
                if not chunk:
                    return
                *lines, orders = (orders + chunk).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self._beat_one(*heapq.heappop(self._due), now)
            if self._measuring and now > self._tally.until + self._beat + OVER_SECONDS:
                self._measuring = False
                _say(self._tally.result())

    def _obey(self, order: dict[str, Any]) -> None:
        what = order["do"]
        if what == "measure":
            self._tally, self._measuring = Tally(time.monotonic(), order["beats"] * self._beat), True
            return
        if what == "begin":
            begun, count = time.monotonic(), len(self._agents)
            # Each at its own moment of the beat; a handshake costs many times a report, so not all in the first.
            moments = (begun + self._beat * (number / count + number % FIRST_BEATS) for number in range(count))
            self._due = [(moment, number, True) for number, moment in enumerate(moments)]
            heapq.heapify(self._due)
        for node in order.get("nodes", ()):
            agent = self._named[node]
            agent.well = what != "unwell"
            agent.silent = what == "silence"
        if what == "forget":
            self._acknowledged.clear()
        _say({"acknowledged": len(self._acknowledged), "agents": len(self._agents)})

    def _beat_one(self, due_at: float, number: int, regular: bool, now: float) -> None:
        agent = self._agents[number]
        if regular:
            heapq.heappush(self._due, (due_at + self._beat, number, True))
            if not agent.acked:
                self._tally.note("missed", agent.due_at)
            agent.due_at, agent.acked = due_at, agent.silent
            if not agent.silent:
                self._tally.due(due_at, now)
        else:
            agent.retrying = False
        if agent.asked_at is not None and now - agent.asked_at > self._beat * PATIENCE_BEATS:
            self._drop(agent, now)  # as an agent does, though no sooner than when it is due again
        if not agent.acked and agent.asked_at is None:
            self._report(agent, now)

    def _report(self, agent: SimulatedAgent, now: float) -> None:
        try:
            if agent.link is None:
                agent.link = Link(agent.context, self._address)
                self._linked[agent.link.sock.fileno()] = agent
                self._epoll.register(agent.link.sock.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
            agent.asked_at = now
            self._tally.note("sent", agent.due_at)
            agent.link.send(agent.request(self._host))
        except OSError:
            self._drop(agent, now)

    def _readable(self, agent: SimulatedAgent | None) -> None:
        now = time.monotonic()
        if agent is None or agent.link is None:
            return
        try:
            answer = agent.link.receive()
        except OSError:
            self._drop(agent, now)
            return
        if answer is not None and agent.asked_at is not None:
            self._answered(agent, answer, agent.asked_at, now)

    def _answered(self, agent: SimulatedAgent, answer: Answer, asked_at: float, now: float) -> None:
        agent.asked_at = None
        if answer.status != 200:
            self._tally.refused(agent.due_at, answer.sentence)
            self._retry(agent, now)
        elif asked_at < agent.due_at:
            # What was asked in the beat before does not answer for this one.
            self._tally.note("late", agent.due_at - self._beat)
            if not agent.acked:
                self._report(agent, now)
        else:
            agent.acked = True
            self._acknowledged.add(agent.member.node)
            self._tally.acknowledged(agent.due_at, now - asked_at)
            if agent.member.primary:
                agent.version = answer.voters_version

    def _drop(self, agent: SimulatedAgent, now: float) -> None:
        if agent.link is not None:
            del self._linked[agent.link.sock.fileno()]
            self._epoll.unregister(agent.link.sock.fileno())
            agent.link.close()
        agent.link = agent.asked_at = None
        self._tally.note("connections_lost", agent.due_at)
        self._retry(agent, now)

    def _retry(self, agent: SimulatedAgent, now: float) -> None:
        if not agent.acked and not agent.retrying:
            agent.retrying = True
            heapq.heappush(self._due, (now + RETRY_SECONDS, agent.number, False))


def _context(folder: str, node: str) -> ssl.SSLContext:
    """Made beforehand: to load a certificate takes longer than to use it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(f"{folder}/ca.pem")
    context.load_cert_chain(f"{folder}/{node}.pem", f"{folder}/key.pem")
    return context


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--monitor", required=True, metavar="HOST:PORT")
    parser.add_argument("--tls", required=True, metavar="FOLDER")
    parser.add_argument("--beat-seconds", type=float, required=True)
    given = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    Crowd(given).run()


if __name__ == "__main__":
    main()
