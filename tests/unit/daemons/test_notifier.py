"""Telling people holds up nobody: a thread and a bounded queue for each target, whatever the others do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Letter, Notice, Severity, Wants
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.notifier import Counters, Notifier, Postbox

PATIENCE_SECONDS = 60.0


def notice(sentence: str, severity: Severity = Severity.WARNING) -> Notice:
    return Notice(kind=Kind.SUSPICION, severity=severity, cluster="orders", sentence=sentence, at=1.0, by="mon1")


class Target:
    """A target that works, or does with a notice what ``act`` does; ``heard`` is what came through."""

    def __init__(self, act: Callable[[Letter], None] = lambda _letter: None) -> None:
        self._act = act
        self._changed = threading.Condition()
        self.heard: list[Letter] = []
        self.tried = 0

    def prove(self) -> None:
        return None

    async def send(self, letter: Letter, _seconds: float) -> None:
        with self._changed:
            self.tried += 1
            self._changed.notify_all()
        self._act(letter)
        with self._changed:
            self.heard.append(letter)
            self._changed.notify_all()

    def wait(self, reached: Callable[[Target], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: reached(self), PATIENCE_SECONDS)

    def wait_heard(self, *sentences: str) -> None:
        self.wait(lambda _target: [each.notice.sentence for each in self.heard] == list(sentences))


def box(
    target: Target,
    name: str = "pager",
    wants: Wants = Wants(),  # noqa: B008 - frozen
    *,
    pauses: Sequence[float] = (0.0, 0.0),
    waiting_max: int = 100,
    seconds: float = PATIENCE_SECONDS,
) -> Postbox:
    return Postbox(name, target, wants, seconds=seconds, repeat_seconds=3600.0, waiting_max=waiting_max, pauses=pauses)


@contextmanager
def started(*boxes: Postbox) -> Iterator[Notifier]:
    notifier = Notifier(boxes)
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop(0.0)


def wait_counters(notifier: Notifier, name: str, wanted: Counters) -> None:
    """Counted right after the target has answered."""
    pause = threading.Event()
    for _ in range(int(PATIENCE_SECONDS * 100)):
        if notifier.counters()[name] == wanted:
            return
        pause.wait(0.01)
    assert notifier.counters()[name] == wanted


def test_a_target_that_hangs_delays_nobody() -> None:
    let_go = threading.Event()
    hung, well = Target(lambda _letter: void(let_go.wait(PATIENCE_SECONDS))), Target()

    async def daemon() -> int:
        """Turns of a daemon's loop, each of which tells something while a target is stuck."""
        turns = 0
        for number in range(300):
            notifier.notify(notice(f"sentence {number}"))
            await asyncio.sleep(0)
            turns += 1
        return turns

    with started(box(hung, "hung", waiting_max=10), box(well, "well", waiting_max=1000)) as notifier:
        notifier.notify(notice("before"))
        hung.wait(lambda target: target.tried == 1)
        assert asyncio.run(daemon()) == 300
        well.wait_heard("before", *(f"sentence {number}" for number in range(300)))
        assert hung.heard == []
        assert notifier.counters()["hung"] == Counters(dropped=290)
        let_go.set()
        hung.wait(lambda target: len(target.heard) == 11)
        assert hung.heard[1].missed == 290
        assert [each.missed for each in hung.heard[2:]] == [0] * 9


def void(_value: object) -> None:
    return None


def test_a_daemon_that_ends_does_not_wait_for_a_target_that_hangs() -> None:
    let_go = threading.Event()
    hung = Target(lambda _letter: void(let_go.wait(PATIENCE_SECONDS)))
    notifier = Notifier([box(hung)])
    notifier.start()
    notifier.notify(notice("x"))
    hung.wait(lambda target: target.tried == 1)
    notifier.stop(0.1)
    assert hung.heard == []
    let_go.set()


def test_a_daemon_that_ends_tells_what_still_waits() -> None:
    gate = threading.Event()
    slow = Target(lambda _letter: void(gate.wait(PATIENCE_SECONDS)))
    notifier = Notifier([box(slow)])
    notifier.start()
    for name in ("a", "b", "c"):
        notifier.notify(notice(name))
    gate.set()
    notifier.stop(PATIENCE_SECONDS)
    assert [each.notice.sentence for each in slow.heard] == ["a", "b", "c"]


def failing(times: int) -> Callable[[Letter], None]:
    left = [times]

    def act(_letter: Letter) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise Unavailable("it answered with 500")

    return act


def test_what_fails_is_tried_again_and_told_once() -> None:
    target = Target(failing(2))
    with started(box(target)) as notifier:
        notifier.notify(notice("a"))
        target.wait_heard("a")
        assert target.tried == 3
        wait_counters(notifier, "pager", Counters(sent=1))


def test_what_fails_every_time_is_given_up_and_the_next_says_so(caplog: pytest.LogCaptureFixture) -> None:
    target = Target(failing(3))
    with started(box(target)) as notifier:
        notifier.notify(notice("a"))
        notifier.notify(notice("b"))
        target.wait_heard("b")
        assert target.heard[0].missed == 1
        wait_counters(notifier, "pager", Counters(sent=1, failed=1))
    assert "pager was not told (suspicion): it answered with 500" in caplog.text


def test_a_defect_in_a_target_ends_neither_its_thread_nor_the_daemon() -> None:
    def act(letter: Letter) -> None:
        if letter.notice.sentence == "a":
            raise ZeroDivisionError

    target = Target(act)
    with started(box(target, pauses=())) as notifier:
        notifier.notify(notice("a"))
        notifier.notify(notice("b"))
        target.wait_heard("b")


def test_a_target_that_sleeps_past_its_deadline_is_given_up() -> None:
    class Sleeper(Target):
        async def send(self, letter: Letter, seconds: float) -> None:
            if letter.notice.sentence == "a":
                await asyncio.Event().wait()
            await super().send(letter, seconds)

    target = Sleeper()
    with started(box(target, pauses=(), seconds=0.1)) as notifier:
        notifier.notify(notice("a"))
        notifier.notify(notice("b"))
        target.wait_heard("b")
        wait_counters(notifier, "pager", Counters(sent=1, failed=1))


def test_a_target_hears_what_it_wants_and_nothing_twice() -> None:
    target = Target()
    with started(box(target, wants=Wants(severity_min=Severity.CRITICAL))) as notifier:
        notifier.notify(notice("a"))
        for _ in range(3):
            notifier.notify(notice("b", Severity.CRITICAL))
        notifier.notify(notice("c", Severity.CRITICAL))
        target.wait_heard("b", "c")


def test_telling_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    target = Target()
    with started(box(target)) as notifier:
        notifier.notify(None)  # type: ignore[arg-type]
        notifier.notify(notice("b"))
        target.wait_heard("b")
    assert "a notice for pager is lost" in caplog.text
