"""What an agent leaves for the dead-man: a lock that only its life holds, and a will that says what it has earned."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import lifeline
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import LeaseTerms
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent import bequest
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.bequest import Bequest, read_will
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.guard import Guard

BEAT = 10.0
START = 1000.0
NODES = {name: Node(name=name, address=f"10.0.0.{name[-1]}") for name in ("db1", "db2", "db3")}


def terms(primary: str = "db1", *voters: str, version: int = 1) -> LeaseTerms:
    voting = tuple(NODES[name] for name in voters or ("db2", "db3"))
    return LeaseTerms(epoch=1, primary=NODES[primary], settled=True, version=version, voters=voting)


class Agent:
    """As much of db1's agent as leaves something."""

    def __init__(self, folder: Path, memory: Path | None = None) -> None:
        self.clock = START
        self.guard = Guard(
            ("orders", "db1"),
            BEAT,
            str(memory) if memory else None,
            writable=lambda: True,
            make_read_only=lambda: None,
            kill=lambda: None,
            now=lambda: self.clock,
        )
        self.process_id: int | None = os.getpid()
        self.folder = folder
        self.bequest = Bequest(
            str(folder), "db1", BEAT, self.guard, process_id=lambda: self.process_id, now=lambda: self.clock
        )

    def acknowledged(self, told: LeaseTerms | None = None) -> None:
        self.guard.acknowledged(told, self.clock)
        self.bequest.renew()

    def left(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "will.json").read_bytes())
        return found


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "run")


def test_a_primary_s_agent_leaves_its_voters_its_mysqld_and_the_end_of_what_was_answered(agent: Agent) -> None:
    agent.acknowledged(terms())
    left = agent.left()
    assert left["good_until"] == START + 25.0
    assert [voter["name"] for voter in left["terms"]["voters"]] == ["db2", "db3"]
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    assert (left["process_id"], left["process_started"]) == (os.getpid(), int(fields[19]))
    assert stat.S_IMODE((agent.folder / "will.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(agent.folder.stat().st_mode) == 0o700


def test_it_is_written_once_a_beat_and_at_once_when_it_names_somebody_else(agent: Agent) -> None:
    agent.acknowledged(terms())
    agent.clock += 7.4
    agent.acknowledged()
    assert agent.left()["good_until"] == START + 25.0
    agent.acknowledged(terms("db1", "db2", version=2))
    assert [voter["name"] for voter in agent.left()["terms"]["voters"]] == ["db2"]
    assert agent.left()["good_until"] == START + 32.4
    agent.clock += 1.0
    agent.acknowledged()
    assert agent.left()["good_until"] == START + 32.4
    agent.bequest.end()
    assert agent.left()["good_until"] == START + 33.4


def test_an_agent_that_ends_in_good_order_is_dead_to_the_dead_man_from_then_on(agent: Agent) -> None:
    lock = agent.folder / "agent.lock"
    assert lifeline.is_held(lock)
    agent.bequest.end()
    assert not lifeline.is_held(lock)


def test_vouches_count_as_they_do_for_the_lease(agent: Agent) -> None:
    agent.acknowledged(terms())
    agent.clock += 10.0
    assert agent.guard._holder is not None
    agent.guard._holder.vouched("db3", agent.clock)
    agent.bequest.renew()
    assert agent.left()["good_until"] == START + 35.0


def test_a_node_that_is_not_primary_says_so(agent: Agent) -> None:
    agent.acknowledged(terms())
    agent.acknowledged(terms("db2", "db1", "db3", version=2))
    assert agent.left()["terms"]["primary"]["name"] == "db2"


def test_an_agent_that_nobody_has_answered_leaves_its_predecessor_s_word_as_it_is(tmp_path: Path) -> None:
    first = Agent(tmp_path / "run", tmp_path / "lease.json")
    first.acknowledged(terms())
    first.bequest.end()
    second = Agent(tmp_path / "run", tmp_path / "lease.json")
    second.clock = START + 20.0
    second.bequest.renew()
    assert second.guard.terms == terms()
    assert second.left()["good_until"] == START + 25.0
    second.acknowledged()
    assert second.left()["good_until"] == START + 45.0


def test_a_cluster_of_one_whose_lease_never_ends_leaves_a_moment_that_can_be_written(agent: Agent) -> None:
    alone = LeaseTerms(epoch=1, primary=NODES["db1"], settled=True, version=1)
    agent.acknowledged(alone)
    assert agent.left()["good_until"] == START + 25.0


def test_a_mysqld_that_is_not_there_is_left_out(agent: Agent) -> None:
    agent.process_id = None
    agent.acknowledged(terms())
    assert (agent.left()["process_id"], agent.left()["process_started"]) == (None, None)


def test_a_folder_that_is_gone_costs_the_will_and_not_the_agent(agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    agent.acknowledged(terms())
    for path in agent.folder.iterdir():
        path.unlink()
    agent.folder.rmdir()
    for _ in range(3):
        agent.clock += BEAT
        agent.acknowledged()
    assert len([record for record in caplog.records if "cannot be written" in record.message]) == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"terms": null, "good_until": 1.0}'])
def test_what_cannot_be_read_counts_as_nothing_and_is_said(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "will.json").write_bytes(content)
    assert read_will(str(tmp_path)) is None
    assert str(tmp_path / "will.json") in caplog.text


def test_no_will_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_will(str(tmp_path / "nowhere")) is None
    assert caplog.text == ""


def test_a_second_agent_in_the_same_folder_is_refused(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bequest, "LOCK_SECONDS", 0.0)
    with pytest.raises(InvalidInput, match=r"agent\.lock is held by another process"):
        Agent(agent.folder)


def test_a_look_at_the_lock_neither_keeps_it_nor_is_kept_from_it(tmp_path: Path) -> None:
    lock = tmp_path / "run" / "agent.lock"
    looks: list[Callable[[Path], object]] = [lifeline.is_held, lifeline.wait_until_free]
    assert [look(lock) for look in looks] == [False, None]
    held = lifeline.hold(lock, 0.0)
    assert lifeline.is_held(lock)
    os.close(held)
    assert not lifeline.is_held(lock)
