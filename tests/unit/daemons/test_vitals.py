"""What an agent finds around its mysqld, on real file systems; and that a disk that hangs delays nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import Observation, Vitals
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.daemon import Agent
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.vitals import Examiner, look_at_disk
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import (
    AgentSettings,
    Listen,
    Mysqld,
    Tls,
)

BEAT, HUNG = 10.0, 2.0


class Disk:
    """A file system that answers when it is let to; it counts how often it was looked at."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.entered = threading.Semaphore(0)
        self.left = threading.Semaphore(0)
        self.looks = 0

    def look(self) -> Vitals:
        self.looks += 1
        self.entered.release()
        self.gate.wait()
        self.left.release()
        return Vitals(disk_bytes_used=1, disk_bytes_total=2, disk_writable=True)


@pytest.fixture
def disk() -> Iterator[Disk]:
    made = Disk()
    yield made
    made.gate.set()


def until(asked: Callable[[], bool]) -> None:
    while not asked():
        os.sched_yield()


def test_a_disk_that_hangs_is_told_as_unknown_is_looked_at_once_and_known_again_when_it_answers(disk: Disk) -> None:
    examiner = Examiner(disk.look, BEAT, HUNG)
    for beat in range(5):
        examiner.begin(BEAT * beat)
        seen = examiner.seen(BEAT * beat)
        assert (seen.disk_bytes_used, seen.disk_writable) == (None, None)
    assert seen.disk_detail == "the file system has not answered for 40 s"
    disk.entered.acquire()
    assert disk.looks == 1
    disk.gate.set()
    disk.left.acquire()
    until(lambda: examiner.seen(50.0).disk_detail != "the file system has not answered for 50 s")
    examiner.begin(50.0)
    until(lambda: examiner.seen(50.0).disk_writable is True)
    assert disk.looks == 2


def test_what_was_seen_two_beats_ago_is_not_told_any_more(disk: Disk) -> None:
    disk.gate.set()
    examiner = Examiner(disk.look, BEAT, HUNG)
    examiner.begin(0.0)
    until(lambda: examiner.seen(0.0).disk_bytes_total == 2)
    assert examiner.seen(2 * BEAT).disk_bytes_total == 2
    assert examiner.seen(2 * BEAT + 0.1).disk_bytes_total is None


def test_a_look_that_fails_is_told_and_the_next_one_is_begun() -> None:
    looks = []

    def fail() -> Vitals:
        looks.append(1)
        raise RuntimeError("no such thing")

    examiner = Examiner(fail, BEAT, HUNG)

    def looked_twice() -> bool:
        examiner.begin(0.0)
        return len(looks) >= 2

    until(looked_twice)
    until(lambda: examiner.seen(0.0).disk_detail == "the look failed: no such thing")


def test_a_hung_disk_delays_no_beat(disk: Disk, tmp_path: Path) -> None:
    """An agent that reports while its look at the disk stands still, for as many beats as one likes."""
    settings = AgentSettings(
        node="db1",
        cluster="orders",
        listen=Listen(host="127.0.0.1", port=8430),
        tls=Tls(ca="ca", certificate="certificate", key="key"),
        monitors=("https://127.0.0.1:8440",),
        mysqld=Mysqld(credentials_file="c", pid_file=str(tmp_path / "pid"), data_folder=str(tmp_path)),
    )

    async def beats() -> list[Observation]:
        agent = Agent(settings, Login(user="u", password="p", connect_timeout=0.1), 1)
        agent.examiner = Examiner(disk.look, BEAT, HUNG)
        return [await agent.observe() for _beat in range(10)]

    seen = asyncio.run(beats())
    assert not disk.gate.is_set(), "nothing has let the look go on"
    assert [each.sequence for each in seen] == list(range(1, 11))
    assert all(each.vitals.disk_bytes_used is None for each in seen)
    assert disk.looks == 1


def test_a_look_that_hangs_does_not_keep_the_agent_from_ending() -> None:
    program = (
        "import threading, sys\n"
        "from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.vitals import Examiner\n"
        "entered = threading.Event()\n"
        "def look():\n    entered.set()\n    threading.Event().wait()\n"
        "Examiner(look, 10.0, 2.0).begin(0.0)\n"
        "entered.wait()\nprint('ended')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "ended\n"


def test_the_numbers_are_those_that_df_shows(tmp_path: Path) -> None:
    seen = look_at_disk(str(tmp_path), None, None, None)
    shown = subprocess.run(
        ["df", "--block-size=1", "--output=used,avail,iused,iavail", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    used, available, inodes_used, _inodes_free = (
        None if word == "-" else int(word) for word in shown.stdout.splitlines()[1].split()
    )
    assert used is not None
    assert available is not None
    assert seen.disk_bytes_used == pytest.approx(used, rel=0.05)
    assert seen.disk_bytes_total == pytest.approx(used + available, rel=0.05)
    if inodes_used:
        assert seen.inodes_used == pytest.approx(inodes_used, rel=0.05)


def test_a_file_is_written_only_where_the_settings_allow_it_and_never_left(tmp_path: Path) -> None:
    data, state = tmp_path / "data", tmp_path / "state"
    data.mkdir()
    state.mkdir()
    assert look_at_disk(str(data), None, None, None).disk_writable is None
    assert look_at_disk(str(data), None, None, str(state / "lease.json")).disk_writable is True
    assert look_at_disk(str(data), None, str(data / "probe"), None).disk_writable is True
    assert list(data.iterdir()) == list(state.iterdir()) == []


def test_a_state_file_on_another_file_system_proves_nothing_of_the_data_folders(tmp_path: Path) -> None:
    seen = look_at_disk("/proc", None, None, str(tmp_path / "lease.json"))
    assert seen.disk_writable is None
    assert (seen.inodes_used, seen.inodes_total) == (None, None)


def test_a_place_where_nobody_may_write_says_nothing_about_the_file_system(tmp_path: Path) -> None:
    for wanted in ("/proc/altair.probe", str(tmp_path / "nowhere" / "probe")):
        seen = look_at_disk(str(tmp_path), None, wanted, None)
        assert seen.disk_writable is None
        assert seen.disk_detail.startswith(f"{wanted} cannot be written: ")


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "probe").symlink_to(precious)
    assert look_at_disk(str(tmp_path), None, str(tmp_path / "probe"), None).disk_writable is True
    assert precious.read_text() == "kept"


@pytest.mark.parametrize(
    ("mount", "wanted", "said"),
    [
        ("mount -t tmpfs -o size=64k,ro tmpfs {folder}", None, "is mounted read-only"),
        ("mount -t tmpfs -o size=64k,ro tmpfs {folder}", "probe", "Read-only file system"),
        ("mount -t tmpfs -o size=64k tmpfs {folder} && head -c 64k /dev/zero > {folder}/x", "probe", "No space left"),
        ("mount -t tmpfs -o nr_inodes=2 tmpfs {folder} && touch {folder}/x", "probe", "No space left"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
def test_a_full_or_read_only_file_system_is_told_with_its_reason(
    tmp_path: Path, mount: str, wanted: str | None, said: str
) -> None:
    """In a mount namespace of its own, by a process that works in the folder like mysqld does."""
    program = (
        "import os, sys\n"
        "from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.vitals import look_at_disk\n"
        "folder = sys.argv[1]\n"
        "os.chdir(folder)\n"
        "seen = look_at_disk(folder, None if sys.argv[2] else os.getpid(), sys.argv[2] or None, None)\n"
        "print(seen.disk_writable, seen.disk_detail)\n"
    )
    probe = str(tmp_path / wanted) if wanted else ""
    script = f'{mount.format(folder=tmp_path)} && exec "$0" -c "$1" {tmp_path} \'{probe}\''
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, sys.executable, program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("False ")
    assert said in done.stdout


def test_the_agent_tells_what_it_costs_itself() -> None:
    examiner = Examiner(Vitals, BEAT, HUNG)
    sum(number * number for number in range(200_000))
    seen = examiner.seen(0.0)
    assert seen.agent_cpu_share is not None
    assert 0 < seen.agent_cpu_share <= os.cpu_count() * 1.1  # type: ignore[operator]
    assert seen.agent_memory_bytes is not None
    assert 1_000_000 < seen.agent_memory_bytes < 10_000_000_000
