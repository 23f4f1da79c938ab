"""Acknowledged writes, as the client logged them, and the arithmetic on them. Pure but for reading the log."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledged write.

    `sent` and `acked` are seconds of CLOCK_MONOTONIC, which all processes and namespaces of a machine share; `wall` is
    Unix time of the acknowledgement. `server` is the server_uuid of the connection that got it. `recovered`: the row
    was there already when it was sent again, so an earlier attempt, perhaps on another server, had been committed.
    """

    writer: int
    n: int
    server: str
    sent: float
    acked: float
    wall: float
    recovered: bool = False


def encode(ack: Ack) -> bytes:
    """One line of the log."""
    fields = [ack.writer, ack.n, ack.server, round(ack.sent, 6), round(ack.acked, 6), round(ack.wall, 6)]
    return json.dumps([*fields, int(ack.recovered)]).encode() + b"\n"


def read(log: Path) -> list[Ack]:
    """The log in the order of acknowledgement; a last line cut short by a kill was no acknowledgement yet."""

    def lines() -> Iterator[Ack]:
        for line in log.read_bytes().splitlines(keepends=True) if log.exists() else ():
            if line.endswith(b"\n"):
                writer, n, server, sent, acked, wall, recovered = json.loads(line)
                yield Ack(writer, n, server, sent, acked, wall, bool(recovered))

    return sorted(lines(), key=lambda ack: ack.acked)


def write_gap_seconds(acks: Sequence[Ack], event: float, grace: float = 0.25) -> float | None:
    """How long clients could not write because of what happened at `event` (seconds, CLOCK_MONOTONIC).

    Of all pairs of consecutive acknowledgements, whichever writers got them, that end after `event` and begin no later
    than `event + grace`, the longest time between the two. The grace is there because acknowledgements already on their
    way may still arrive just after the event. None when there is no acknowledgement on one of the two sides: then the
    gap has no end, or no beginning, in this log.
    """
    times = sorted(ack.acked for ack in acks)
    gaps = [later - earlier for earlier, later in pairwise(times) if later > event and earlier <= event + grace]
    return max(gaps, default=None)


def overlaps(acks: Iterable[Ack], planned: Sequence[float] = ()) -> list[tuple[str, str, float, float]]:
    """Pairs of servers that certainly took writes in overlapping spans of time: (server, server, from, to).

    A commit lies somewhere between `sent` and `acked`. So a server has certainly taken a write by its earliest `acked`,
    and takes one no sooner than its latest `sent`; that is its certain span, and it never claims too much. Two servers
    overlap when their certain spans do, or when a whole write of one lies within the certain span of the other.
    Recovered writes are left out, since the server that had committed them is not known. `planned` are moments at which
    the primary was moved back on purpose: spans are taken between them, so that db1 → db2 → db1 is no overlap.
    """
    found = []
    edges = [float("-inf"), *sorted(planned), float("inf")]
    known = [ack for ack in acks if not ack.recovered]
    for begin, end in pairwise(edges):
        by_server: dict[str, list[Ack]] = {}
        for ack in known:
            if begin <= ack.acked < end:
                by_server.setdefault(ack.server, []).append(ack)
        for (one, its), (other, others) in combinations(sorted(by_server.items()), 2):
            if shared := _shared(its, others):
                found.append((one, other, *shared))
    return found


def _shared(one: list[Ack], other: list[Ack]) -> tuple[float, float] | None:
    spans = [(min(ack.acked for ack in acks), max(ack.sent for ack in acks)) for acks in (one, other)]
    begin, end = max(span[0] for span in spans), min(span[1] for span in spans)
    if begin < end:
        return begin, end
    for (first, last), acks in ((spans[0], other), (spans[1], one)):
        within = [ack for ack in acks if ack.sent >= first and ack.acked <= last]
        if within:
            return min(ack.sent for ack in within), max(ack.acked for ack in within)
    return None
