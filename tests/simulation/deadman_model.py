"""The model of the lease with a primary whose agent dies for good at a random moment, and a dead-man beside it.

The decisions are those of ``_core/deadman.py``. The other two kinds of primaries show that the model can fail.
"""

from __future__ import annotations

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import deadman
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms
from tests.simulation.lease_model import Monitor, Primary, Voter, World

FENCE_BEATS = 0.24  # after that an agent has killed a mysqld that has not become read-only
KILL_BEATS = 0.02
LOOK_BEATS = 0.05
STALE_BEATS = deadman.RENEW_BEATS + 0.25


def will(voters: dict[str, Voter], good_until: float) -> deadman.Will:
    nodes = tuple(Node(name=name, address=f"192.0.2.{number}") for number, name in enumerate(voters, 1))
    own = Node(name="p", address="192.0.2.100")
    terms = LeaseTerms(epoch=1, primary=own, settled=True, version=1, voters=nodes)
    return deadman.Will(terms=terms, good_until=good_until, process_id=1, process_started=1)


class Unguarded(Primary):
    """Its agent dies, also in the middle of a fence, and nobody is beside it."""

    dead = False

    def __init__(self, world: World, monitors: dict[str, Monitor], voters: dict[str, Voter]) -> None:
        super().__init__(world, monitors, voters)
        world.at(world.random.uniform(0.5, 14.0), self.die)

    def die(self) -> None:
        if self.fenced_at is None or self.fenced_at > self.world.now:
            self.dead, self.fenced_at = True, None

    def beat(self) -> None:
        if not self.dead:
            super().beat()

    def acknowledged(self, monitor: str, asked: float) -> None:
        if not self.dead:
            super().acknowledged(monitor, asked)

    def guard(self) -> None:
        now = self.world.clock("p")
        if self.dead:
            return
        if self.holder.held(now):
            self.world.after("p", self.holder.ends_at - now + 1e-9, self.guard)
        else:
            took = self.world.random.uniform(0.0, FENCE_BEATS)
            self.fenced_at = self.world.now + took / self.world.rates["p"]


class Guarded(Unguarded):
    """Its dead-man reads what the agent has written last, which may be old, and asks the voters in its place."""

    ask_beats = deadman.ASK_BEATS

    def die(self) -> None:
        super().die()
        if not self.dead:
            return
        self.noticed_at = self.world.clock("p")
        stale = self.world.random.uniform(0.0, STALE_BEATS)
        left = will(self.voters, max(self.holder.earned_until - stale, 0.0))
        self.holder = deadman.holder_after(left, self.noticed_at, 1.0)
        self.ask()
        self.look()

    def ask(self) -> None:
        for voter in self.voters.values():
            self._ask(voter, self.world.clock("p"))
        self.world.after("p", self.ask_beats, self.ask)

    def look(self) -> None:
        now, tried_at = self.world.clock("p"), self.noticed_at + deadman.TRY_BEATS
        view = deadman.DeadmanView(
            agent_lives=False,
            will=True,
            primary=True,
            voters=len(self.voters),
            mysqld=True,
            held=self.holder.held(now),
            trying=now < tried_at,
        )
        if deadman.judge(view).act is deadman.Act.FENCE:
            self.fenced_at = self.world.now + self.world.random.uniform(0.0, KILL_BEATS)
            return
        ends = (end - now + 1e-9 for end in (self.holder.ends_at, tried_at) if end > now)
        self.world.after("p", min(LOOK_BEATS, *ends, 9.0), self.look)


class ByAnswersAlone(Guarded):
    """Its dead-man only sees each beat whether the voters answer at all, and believes that for a beat and a quarter."""

    ask_beats = 1.0

    def _ask(self, voter: Voter, asked: float) -> None:
        if not self.dead:
            super()._ask(voter, asked)
            return
        believed = asked - 1.25
        answer = lambda: self.vouched(voter.name, believed)  # noqa: E731
        self.world.send("p", voter.name, lambda: self.world.send(voter.name, "p", answer))
