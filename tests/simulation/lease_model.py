"""A random model of the lease: a primary, its voters, monitors, ZooKeeper and an orchestrator under partitions.

Discrete events, one seed a schedule: messages take time and get lost, clocks run up to 1 % too fast or too slow, voters
restart, monitors come, and lose their sessions. The decisions are those of ``_core/lease.py``; around them stands only
what the daemons do. A rule can be left out by its name, to show that the model notices.

``python -m tests.simulation --seeds 20000`` looks for an overlap: a promotion before the primary is fenced.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise, product

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import lease
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Reach
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import VoterWord

OFTEN_MISSED = (
    "refuse acknowledgements while suspected",
    "acknowledge only through the watcher",
    "prove the ZooKeeper session",
    "age of the last vouch",
    "quorum of voters",
)
# Those without which an overlap takes thousands of schedules.
SELDOM_MISSED = (
    "raise only while owning the node",
    "count from the moment of asking",
    "vouch no more once said so",
    "half a beat more after a take-over",
)
RULES = OFTEN_MISSED + SELDOM_MISSED
HORIZON_BEATS = 24.0
Rules = frozenset[str]


@dataclass(frozen=True)
class Run:
    """How one schedule ended. Times are true time in beats; None: it did not happen."""

    seed: int
    promoted_at: float | None
    fenced_at: float | None

    @property
    def overlap(self) -> bool:
        return self.promoted_at is not None and (self.fenced_at is None or self.fenced_at > self.promoted_at)


class World:
    """True time, the hosts' clocks, and what gets from one host to another. The unit is a beat."""

    def __init__(self, seed: int, without: Rules) -> None:
        self.random = random.Random(seed)
        self.without = without
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0
        self.stopped = False
        self.voters = [f"v{number}" for number in range(self.random.choice((1, 2, 2, 2, 3, 4, 5)))]
        self.monitors = [f"m{number}" for number in range(self.random.choice((1, 2, 2, 3)))]
        hosts = ["p", *self.voters, *self.monitors, "o", "zk"]
        self.rates = {host: 1 + self.random.choice((-1, 1, self.random.uniform(-1, 1))) * 0.01 for host in hosts}
        self.slow = self.random.choice((0.002, 0.01, 0.05, 0.3))
        self.patience = self.random.choice((0.0, 0.5, 2.0))
        self.cuts: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for _ in range(self.random.randint(1, 4)):
            self._trouble(hosts)

    def on(self, rule: str) -> bool:
        return rule not in self.without

    def clock(self, host: str) -> float:
        return self.now * self.rates[host]

    def _trouble(self, hosts: list[str]) -> None:
        """What no longer reaches what, from when to when: often a primary that loses its neighbours one by one."""
        begin = self.random.uniform(0.0, 10.0)
        end = begin + self.random.choice((self.random.uniform(0.2, 3.0), self.random.uniform(3.0, 20.0)))
        kind = self.random.random()
        if kind < 0.5:
            for host in hosts[1:]:
                if self.random.random() < 0.85:
                    self._cut("p", host, max(0.0, begin + self.random.gauss(0.0, 1.0)), end)
        elif kind < 0.7:
            self._cut("zk", self.monitors[0], begin, end)
        else:
            side = [host for host in hosts if self.random.random() < 0.5]
            for a, b in product(side, set(hosts) - set(side)):
                self._cut(a, b, begin, end)

    def _cut(self, a: str, b: str, begin: float, end: float) -> None:
        for pair in ((a, b), (b, a)):
            self.cuts.setdefault(pair, []).append((begin, end))

    def opens_at(self, a: str, b: str) -> float:
        """When a message between the two gets through: now, or when the cut that is in its way has ended."""
        return max((end for begin, end in self.cuts.get((a, b), ()) if begin <= self.now < end), default=self.now)

    def reaches(self, a: str, b: str) -> bool:
        return self.opens_at(a, b) == self.now

    def at(self, delay: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (self.now + delay, self._count, event))

    def after(self, host: str, beats: float, event: Callable[[], None]) -> None:  # by the host's own clock
        self.at(max(0.0, beats) / self.rates[host], event)

    def send(self, a: str, b: str, event: Callable[[], None]) -> None:
        """What meets a cut is sent again until its sender's patience ends, as TCP does; it may come late."""
        held_up = self.opens_at(a, b) - self.now
        if held_up <= self.patience:
            self.at(held_up + self.random.expovariate(1 / self.slow), event)

    def run(self) -> None:
        while self._events and not self.stopped:
            self.now, _count, event = heapq.heappop(self._events)
            if self.now > HORIZON_BEATS:
                return
            event()


@dataclass
class Keeper:
    """ZooKeeper: monitors with a session, the claim on the primary's node, the suspicion and the job about it."""

    world: World
    session_beats: float
    heard: dict[str, float] = field(default_factory=dict)
    owner: str = ""
    claims: int = 0
    doubted: bool = False
    silent: bool = False

    def alive(self) -> tuple[str, ...]:
        return tuple(name for name, at in self.heard.items() if self.world.now - at < self.session_beats)


class Primary:
    """The primary with its agent. Once fenced it stays so."""

    def __init__(self, world: World, monitors: dict[str, Monitor], voters: dict[str, Voter]) -> None:
        self.world, self.monitors, self.voters = world, monitors, voters
        self.holder = lease.Holder(1.0, 0.0)
        self.holder.adopt(voters)
        self.fenced_at: float | None = None
        self.preferred = world.random.choice(world.monitors)

    def beat(self) -> None:
        world, asked = self.world, self.world.clock("p")
        monitor = self.preferred if world.random.random() < 0.7 else world.random.choice(world.monitors)
        world.send("p", monitor, lambda: self.monitors[monitor].report(lambda: self.acknowledged(monitor, asked)))
        for voter in self.voters.values():
            self._ask(voter, asked)
        world.after("p", 1.0, self.beat)

    def _ask(self, voter: Voter, asked: float) -> None:
        answer = lambda: self.vouched(voter.name, asked)  # noqa: E731
        self.world.send("p", voter.name, lambda: voter.vouch(answer))

    def _since(self, asked: float) -> float:
        return asked if self.world.on("count from the moment of asking") else self.world.clock("p")

    def acknowledged(self, monitor: str, asked: float) -> None:
        self.preferred = monitor
        self.holder.acknowledged(self._since(asked))

    def vouched(self, voter: str, asked: float) -> None:
        self.holder.vouched(voter, self._since(asked))

    def guard(self) -> None:
        """Wake when the lease ends; where it is not held any more, be fenced within the time allowed for that."""
        now = self.world.clock("p")
        if self.holder.held(now):
            self.world.after("p", self.holder.ends_at - now + 1e-9, self.guard)
        else:
            took = self.world.random.uniform(0.0, lease.FENCE_BEATS)
            self.fenced_at = self.world.now + took / self.world.rates["p"]


class Voter:
    """A replica's agent. ``start`` forgets everything."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.incarnation = world, name, 0
        self.start()

    def start(self) -> None:
        self.incarnation += 1
        self.last_vouch = self.world.clock(self.name)
        self.denied = False
        self.reach = Reach.UNKNOWN

    def look(self) -> None:
        self.reach = Reach.REACHED if self.world.reaches(self.name, "p") else Reach.TIMED_OUT
        self.world.after(self.name, 1.0, self.look)

    def view(self, reach: Reach) -> lease.VoterView:
        aged = self.world.on("age of the last vouch")
        age = self.world.clock(self.name) - self.last_vouch if aged else float("inf")
        return lease.VoterView(reach=reach, vouch_beats=age, denied=self.denied)

    def vouch(self, answer: Callable[[], None]) -> None:
        if lease.vouch_refusal(self.view(self.reach)) is None:
            self.last_vouch = self.world.clock(self.name)
            self.world.send(self.name, "p", answer)

    def word(self, answer: Callable[[VoterWord], None]) -> None:
        self.reach = Reach.REACHED if self.world.reaches(self.name, "p") else Reach.TIMED_OUT
        against = lease.expiry_refusal(self.view(self.reach))
        if against is None and self.world.on("vouch no more once said so"):
            self.denied = True
        word = VoterWord(voter=self.name, incarnation=self.incarnation, against=against is None, because=against or "")
        self.world.send(self.name, "o", lambda: answer(word))

    def release(self) -> None:
        self.denied = False


class Monitor:
    """``view``: the monitors that ZooKeeper has shown; the least of them watches."""

    def __init__(self, world: World, keeper: Keeper, name: str, others: dict[str, Monitor]) -> None:
        self.world, self.keeper, self.name, self.others = world, keeper, name, others
        self.view: tuple[str, ...] = ()
        self.proven_at = float("-inf")
        self.claimed = self.doubted = self.raising = False
        self.heard_at = 0.0
        self.claim = 0

    @property
    def watcher(self) -> str:
        return min(self.view, default="")

    def look(self) -> None:
        """Ask ZooKeeper who lives and what is open; the answer proves the session at the moment of asking."""
        asked = self.world.clock(self.name)
        self.world.send(self.name, "zk", lambda: self._at_keeper(asked))
        self.world.after(self.name, 0.25, self.look)
        self._judge()

    def _at_keeper(self, asked: float) -> None:
        keeper = self.keeper
        lost = self.name not in keeper.alive()
        keeper.heard[self.name] = self.world.now
        alive, doubted, owner = tuple(sorted(keeper.alive())), keeper.doubted, keeper.owner
        self.world.send("zk", self.name, lambda: self._shown(asked, alive, doubted, owner, lost))

    def _shown(self, asked: float, alive: tuple[str, ...], doubted: bool, owner: str, lost: bool) -> None:
        if asked < self.proven_at:
            return
        watched, self.view = self.watcher == self.name and not lost, alive
        self.proven_at = asked
        self.doubted = doubted or self.raising
        if self.watcher != self.name:
            self.claimed = False
        elif not watched or (self.claimed and owner != self.name):
            self.claimed = False
            more = lease.TAKE_OVER_BEATS if self.world.on("half a beat more after a take-over") else 0.0
            self.heard_at = self.world.clock(self.name) + more
        if self.watcher == self.name and not self.claimed:
            self.world.send(self.name, "zk", self._claim_at_keeper)

    def _claim_at_keeper(self) -> None:
        keeper = self.keeper
        keeper.owner, keeper.claims = self.name, keeper.claims + 1
        claim, doubted = keeper.claims, keeper.doubted
        self.world.send("zk", self.name, lambda: self._claimed(claim, doubted))

    def _claimed(self, claim: int, doubted: bool) -> None:
        self.claim = claim
        self.claimed, self.doubted = self.watcher == self.name, doubted or self.raising

    def _judge(self) -> None:
        silence = self.world.clock(self.name) - self.heard_at
        if self.claimed and not self.doubted and silence >= lease.EXPIRY_BEATS:
            self.raising = self.doubted = True
            claim = self.claim
            self.world.send(self.name, "zk", lambda: self._raise_at_keeper(claim))
            self.world.after(self.name, 2.0, self._raised)

    def _raise_at_keeper(self, claim: int) -> None:
        """The claim is named, not its owner: we may have lost the node and got it back since this was sent."""
        if self.keeper.claims == claim or not self.world.on("raise only while owning the node"):
            self.keeper.doubted = True

    def _raised(self) -> None:  # from now on what ZooKeeper shows is again what counts
        self.raising = False

    def report(self, answer: Callable[[], None]) -> None:
        """From the agent: judge it, or relay it to the watcher and answer when that has answered."""
        if self.watcher == self.name or not self.world.on("acknowledge only through the watcher"):
            self._take(self.name, answer)
        elif self.watcher:
            watcher = self.others[self.watcher]
            self.world.send(self.name, watcher.name, lambda: watcher._take(self.name, answer))

    def _take(self, receiver: str, answer: Callable[[], None]) -> None:
        now = self.world.clock(self.name)
        self.heard_at = max(self.heard_at, now)
        through = self.world.on("acknowledge only through the watcher")
        seen = lease.WatchView(
            watches=self.watcher == self.name or not through,
            claimed=self.claimed or not through,
            proof_beats=now - self.proven_at if self.world.on("prove the ZooKeeper session") else 0.0,
            doubted=self.doubted and self.world.on("refuse acknowledgements while suspected"),
        )
        if lease.ack_refusal(seen) is None:
            if receiver == self.name:
                self.world.send(self.name, "p", answer)
            else:
                self.world.send(self.name, receiver, lambda: self.world.send(receiver, "p", answer))


class Orchestrator:
    """Screens an open suspicion, gathers the voters' words in rounds, promotes on proof, else gives up."""

    def __init__(self, world: World, keeper: Keeper, voters: dict[str, Voter]) -> None:
        self.world, self.keeper, self.voters = world, keeper, voters
        self.rounds: list[dict[str, VoterWord]] = []
        self.promoted_at: float | None = None

    def look(self) -> None:
        self.world.after("o", 0.5, self.look)
        if self.rounds or not self.keeper.doubted or not self.world.reaches("o", "zk"):
            return
        if self.world.reaches("o", "p"):
            self._give_up()
        else:
            self._ask()

    def _ask(self) -> None:
        words: dict[str, VoterWord] = {}
        self.rounds.append(words)
        for voter in self.voters.values():
            self._ask_one(voter, words)
        self.world.after("o", self.world.random.uniform(0.1, 0.6), self._judge)

    def _ask_one(self, voter: Voter, words: dict[str, VoterWord]) -> None:
        def note(word: VoterWord) -> None:
            words.setdefault(word.voter, word)

        self.world.send("o", voter.name, lambda: voter.word(note))

    def _judge(self) -> None:
        sets = (tuple(self.voters),)
        if any(self._proves(sets, dict(first), dict(second)) for first, second in pairwise(self.rounds[-2:])):
            self.promoted_at = self.world.now
        elif len(self.rounds) >= 12:
            self._give_up()
        else:
            self._ask()

    def _proves(
        self, sets: tuple[tuple[str, ...], ...], first: dict[str, VoterWord], second: dict[str, VoterWord]
    ) -> bool:
        if self.world.on("quorum of voters"):
            return lease.expired(sets, first.values(), second.values())
        return any(word.against for word in second.values())

    def _give_up(self) -> None:
        """Refuted or aborted: acknowledgements and vouches go on."""
        self.rounds = []
        self.keeper.doubted = False
        for voter in self.voters.values():
            self.world.send("o", voter.name, voter.release)


def run(seed: int, without: Rules = frozenset(), kind: type[Primary] = Primary) -> Run:
    """One schedule, all of it told by its seed."""
    world = World(seed, without)
    keeper = Keeper(world, world.random.choice((0.5, 1.0, 3.0)))
    voters = {name: Voter(world, name) for name in world.voters}
    monitors: dict[str, Monitor] = {}
    for name in world.monitors:
        monitors[name] = Monitor(world, keeper, name, monitors)
        # One that comes later takes nodes over from one that lives.
        late = world.random.random() < 0.3 and name == world.monitors[0] and len(world.monitors) > 1
        world.at(world.random.uniform(1.0, 12.0) if late else 0.0, monitors[name].look)
    primary, orchestrator = kind(world, monitors, voters), Orchestrator(world, keeper, voters)
    for voter in voters.values():
        world.at(world.random.random(), voter.look)
        if world.random.random() < 0.15:
            world.at(world.random.uniform(2.0, 15.0), voter.start)
    world.at(0.1, primary.beat)
    world.at(0.9, primary.guard)
    world.at(world.random.random(), orchestrator.look)

    def watch() -> None:
        world.stopped = orchestrator.promoted_at is not None
        world.at(0.25, watch)

    watch()
    world.run()
    return Run(seed, orchestrator.promoted_at, primary.fenced_at)
