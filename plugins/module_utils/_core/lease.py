# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: when a primary may write, who keeps it alive, and when others may conclude that it has fenced itself.

The arithmetic, its assumptions and its proof are in docs/decisions/0006-lease.md. Times are seconds of the asker's own
monotonic clock and come in as arguments; ages are in beats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .observation import Reach
from .wire import VoterWord

LEASE_BEATS = 2.5  # how long an acknowledgement or a vouch is good, from the moment the primary's agent asked
FENCE_BEATS = 0.4  # how long a primary may take to fence itself once its lease has run out
EXPIRY_BEATS = 3.0  # how old the monitors' silence, and each voter's last vouch, must be for the lease to be over
PROOF_BEATS = 0.5  # how old ZooKeeper's last answer to a monitor may be when it acknowledges
TAKE_OVER_BEATS = PROOF_BEATS  # so long may the monitor before us have acknowledged on its last proof
START_BEATS = 1.5  # how long a restarted agent of a primary has to find grounds for its lease
USURPER_BEATS = 1.0  # for how long a node must have been writable before a word that another is primary is about it
CLOCK_RATE = 0.01  # by how much a clock may run too fast or too slow


def vouches_needed(voters: int) -> int:
    """How many of ``voters`` keep the primary writing when no monitor acknowledges: k."""
    return (voters + 1) // 2


def words_needed(voters: int) -> int:
    """How many of ``voters`` must say that they keep it no more: with fewer, k others could."""
    return voters - vouches_needed(voters) + 1


def usurps(
    *, own: str, primary: str, settled: bool, writable_since: float | None, asked_at: float, beat_seconds: float
) -> bool:
    """Whether node ``own`` takes writes although it is not primary: nobody gave it the epoch.

    A promotion makes its candidate writable while the job is open, and puts it on record before the job ends. So of two
    words that a monitor may say of a moment at which the node was writable already, *no job is open* (``settled``) and
    *another is primary*, one is wrong. What a monitor says may be PROOF_BEATS old; hence ``asked_at``, the moment at
    which the report was sent that it answers, must lie a whole beat after ``writable_since``.
    """
    if writable_since is None or not settled or primary == own:
        return False
    return asked_at - writable_since >= USURPER_BEATS * beat_seconds


class Holder:
    """What a primary's agent holds: when it asked for what was answered. Voters are known by name."""

    def __init__(self, beat_seconds: float, started_at: float) -> None:
        self._good_seconds = LEASE_BEATS * beat_seconds
        # A restarted agent knows nothing of its predecessor's answers, and is given the time to ask.
        self._grace_until = started_at + START_BEATS * beat_seconds
        self._acknowledged_until = float("-inf")
        self._vouched: dict[str, float] = {}
        self._voters: tuple[str, ...] | None = None

    def adopt(self, voters: Iterable[str]) -> None:
        """From now on these voters' vouches count, and no others."""
        self._voters = tuple(voters)

    def acknowledged(self, asked_at: float) -> None:
        self._acknowledged_until = max(self._acknowledged_until, asked_at + self._good_seconds)

    def vouched(self, voter: str, asked_at: float) -> None:
        self._vouched[voter] = max(self._vouched.get(voter, asked_at), asked_at)

    def vouching(self, now: float) -> tuple[str, ...]:
        """The voters whose vouch is still good."""
        return tuple(voter for voter in self._voters or () if now < self._vouch_ends(voter))

    def _vouch_ends(self, voter: str) -> float:
        asked_at = self._vouched.get(voter)
        return float("-inf") if asked_at is None else asked_at + self._good_seconds

    @property
    def ends_at(self) -> float:
        """The moment from which the lease is not held any more unless something new is answered."""
        return max(self._grace_until, self.earned_until)

    @property
    def earned_until(self) -> float:
        """The same by what was answered alone, without the time that a restarted agent is given to ask."""
        if self._voters is None:
            return self._acknowledged_until
        needed = vouches_needed(len(self._voters))
        if needed == 0:
            return float("inf")  # a cluster of one: nobody could be promoted on this lease's end
        ends = sorted((self._vouch_ends(voter) for voter in self._voters), reverse=True)
        return max(self._acknowledged_until, ends[needed - 1])

    def held(self, now: float) -> bool:
        return now < self.ends_at


@dataclass(frozen=True, kw_only=True, slots=True)
class VoterView:
    """What a voter knows of a primary when it is asked. ``vouch_beats``: since its last vouch, or since its start.

    ``outlived``: it saw the primary writable when no lease could be held any more. Its agent does not fence it.
    """

    reach: Reach
    vouch_beats: float
    denied: bool = False
    primary_is_another: bool = False
    outlived: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row: a reason not to give what was asked for."""

    because: str
    matches: Callable[[VoterView], bool]


VOUCH_REFUSALS: tuple[Refusal, ...] = (
    Refusal("an orchestrator's job ended the vouches for it", lambda view: view.denied),
    Refusal("another node is primary by the newest word of the monitors", lambda view: view.primary_is_another),
    Refusal("my own last look at its mysqld did not succeed", lambda view: not view.reach.shows_life),
)

EXPIRY_REFUSALS: tuple[Refusal, ...] = (
    Refusal("I reach it", lambda view: view.reach.shows_life),
    Refusal("I could not try to reach it", lambda view: not view.reach.denies_life),
    Refusal("my last vouch is not older than three beats", lambda view: view.vouch_beats <= EXPIRY_BEATS),
    Refusal(
        "I have seen it writable when it could hold no lease any more; its agent does not protect it",
        lambda view: view.outlived,
    ),
)

EXPIRED_SENTENCE = "I cannot reach it, my last vouch is older than three beats, and I vouch no more"


def vouch_refusal(view: VoterView) -> str | None:
    """Why a voter does not vouch; None when it does."""
    return next((row.because for row in VOUCH_REFUSALS if row.matches(view)), None)


def expiry_refusal(view: VoterView) -> str | None:
    """Why a voter does not call the lease expired; None when it does."""
    return next((row.because for row in EXPIRY_REFUSALS if row.matches(view)), None)


def expired(voter_sets: Iterable[tuple[str, ...]], first: Iterable[VoterWord], second: Iterable[VoterWord]) -> bool:
    """Whether the voters' words prove that no vouches keep the primary writing.

    ``voter_sets``: the voters on record and, until the primary's agent has acknowledged a change, those before it; each
    needs its own quorum. ``first``, ``second``: the answers of two rounds, the second asked when the first had ended.
    A voter counts that answered against it in both under one incarnation: between the rounds all of them kept still.
    """
    earlier = {(word.voter, word.incarnation) for word in first if word.against}
    standing = {word.voter for word in second if word.against and (word.voter, word.incarnation) in earlier}
    sets = tuple(voter_sets)
    return bool(sets) and all(len(standing & set(voters)) >= words_needed(len(voters)) for voters in sets)


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchView:
    """What a monitor knows when a report wants its acknowledgement.

    ``proof_beats``: since it sent the last question that ZooKeeper answered, having shown the same monitors as ours.
    ``claimed``: the node's znode bears our name, and what is open was read after that. ``doubted``: a suspicion is
    open, or may be, or a job that came of one has not ended.
    """

    watches: bool
    claimed: bool
    proof_beats: float
    doubted: bool


@dataclass(frozen=True, slots=True)
class AckRefusal:
    because: str
    matches: Callable[[WatchView], bool]


ACK_REFUSALS: tuple[AckRefusal, ...] = (
    AckRefusal("this monitor does not watch the node", lambda view: not view.watches),
    AckRefusal(
        "ZooKeeper has not answered this monitor within half a beat, so another may be watching the node",
        lambda view: view.proof_beats >= PROOF_BEATS,
    ),
    AckRefusal(
        "this monitor has taken the node over and does not know yet whether it is suspected",
        lambda view: not view.claimed,
    ),
    AckRefusal("the node is suspected, or the job about it has not ended", lambda view: view.doubted),
)


def ack_refusal(view: WatchView) -> str | None:
    """Why a monitor does not acknowledge a report; None when it does."""
    return next((row.because for row in ACK_REFUSALS if row.matches(view)), None)
