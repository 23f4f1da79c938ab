"""A job that waits for a person: who is told, how often, and what each of the four words does."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.record import CLUSTER, Json, step_of, steps_of
from tests.integration.world import World
from tests.lab import addresses, daemons
from tests.lab.host import Host
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab

DEADLINE_SECONDS = 4.0
EVERY_SECONDS = 3.0
TEAMS = [{"name": "web", "target": "web"}, {"name": "billing"}]
ORCHESTRATORS = ("orc1", "orc2")


def told_at(host: Host, target: str) -> Path:
    return host.folder / f"told-{target}.jsonl"


def targets(host: Host) -> list[Json]:
    """``all`` is told of everything, ``web`` only of what is addressed to that team."""
    return [
        {"name": name, "kind": "command", "command": ["tee", "-a", str(told_at(host, name))], **more}
        for name, more in (("all", {}), ("web", {"addressed_only": True}))
    ]


class AskingWorld(World):
    """The cluster has two teams and little patience; orchestrators have the targets."""

    def _start(self, lab: Lab) -> None:
        for name in ("db1", "db2", "db3", "mon1", "mon2", *ORCHESTRATORS):
            host = lab.host(name)
            more = {"notifications": targets(host)} if name in ORCHESTRATORS else {}
            daemons.start_daemon(lab, host, self.profile, more)
        code, output = daemons.playbook(lab, "register", self.registration(lab))
        assert code == 0, output

    def registration(self, lab: Lab) -> Json:
        patience = {"acknowledge_seconds_max": DEADLINE_SECONDS, "escalate_every_seconds": EVERY_SECONDS}
        return {**daemons.registration(lab, cool_down_seconds=0.0, **patience), "teams": TEAMS}

    def told(self, kind: str, job: str, target: str = "all") -> list[Json]:
        """The notices of a kind and a job that a target was told, by either orchestrator."""
        lines = []
        for name in ORCHESTRATORS:
            path = told_at(self.host(name), target)
            lines += path.read_text().splitlines() if path.exists() else []
        notices = [json.loads(line) for line in lines if line.endswith("}")]
        return [each for each in notices if (each["kind"], each["job"]) == (kind, job)]

    def say(self, word: str, *extra: str, **variables: object) -> tuple[int, str]:
        return daemons.playbook(self.lab, word, {"cluster": daemons.CLUSTER, **variables}, *extra)

    def paused(self) -> tuple[str, Json]:
        """The primary that an isolated host without its agent has left unproven, and the job that waits."""
        self.wait_protected()
        old, earlier = self.primary, self.record.job
        self.isolate_without_its_agent(old)
        return old, self.wait_for_job(earlier, "paused")

    def untouched(self, old: str) -> bool:
        """Nobody was promoted."""
        others = [name for name in addresses.databases() if name != old]
        return all(self.fenced(name) for name in others) and self.dns() == [addresses.HOSTS[old]]


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    world = AskingWorld(Lab("asking"))
    yield world
    world.down()


@contextmanager
def ended(world: AskingWorld, old: str) -> Iterator[None]:
    """Whatever the block finds, no job is left that waits: the next test would need another lab for it."""
    try:
        yield
    finally:
        if world.record.job["state"] == "paused":
            world.host(old).power_off()
            world.say("force", reason="the test is over")
            world.wait_for("the job's end", lambda: world.record.job["state"] == "done")


@pytest.mark.scenario(38)
@pytest.mark.nightly
def test_a_job_that_nobody_answers_stays_paused_and_tells_again_and_again_who_is_silent(world: AskingWorld) -> None:
    old, job = world.paused()
    name = job["id"]
    with ended(world, old):
        assert [team["name"] for team in job["teams"]] == ["web", "billing"]
        world.wait_for("three reminders", lambda: len(world.told("job_escalated", name)) >= 3)
        (pause,) = world.told("job_paused", name)
        assert pause["severity"] == "critical"
        assert pause["sentence"].startswith(f"stop writing to {daemons.CLUSTER}, teams web, billing; nothing was prom")
        reminders = world.told("job_escalated", name)
        assert len({each["by"] for each in reminders}) == 1, "one of the two tells"
        assert [each["sentence"].partition(":")[0] for each in reminders] == [
            f"reminder {number}" for number in range(1, len(reminders) + 1)
        ]
        assert all("still silent: web, billing;" in each["sentence"] for each in reminders)
        assert reminders[0]["at"] - job["paused_at"] >= DEADLINE_SECONDS
        # The team with a target of its own is told there, and of nothing else.
        assert world.told("job_paused", name, "web")
        assert world.told("job_opened", name, "web") == []
        # A restarted orchestrator repeats one reminder at most.
        teller = reminders[0]["by"]
        world.host(teller).kill("orchestrator")
        world.host(teller).start("orchestrator")
        world.wait_for("two more", lambda: len(world.told("job_escalated", name)) >= len(reminders) + 2)
        said = [(each["by"], each["sentence"].partition(":")[0]) for each in world.told("job_escalated", name)]
        assert max(map(said.count, said)) <= 2
        assert world.record.job == job
        assert world.untouched(old)


@pytest.mark.scenario(38)
@pytest.mark.nightly
def test_each_teams_answer_is_on_record_and_once_all_have_answered_nobody_is_told_again(world: AskingWorld) -> None:
    old, job = world.paused()
    with ended(world, old):
        code, output = world.say("acknowledge", team="nobody")
        assert code == 2
        assert f"job {job['id']} asks no team 'nobody'; it asks: web, billing" in output
        assert world.record.job == job
        code, output = world.say("acknowledge", "--check", "--diff", team="web")
        assert code == 0, output
        assert '+            "team": "web"' in output
        assert world.record.job == job
        for team, by in (("web", "ann"), ("billing", "bob")):
            code, output = world.say("acknowledge", team=team, by=by, job=job["id"])
            assert code == 0, output
        answered = world.record.job
        assert [(each["team"], each["by"]) for each in answered["acknowledgements"]] == [
            ("web", "operator:ann"),
            ("billing", "operator:bob"),
        ]
        code, output = world.say("acknowledge", team="web")
        assert code == 0
        assert f"team web has acknowledged job {job['id']} already" in output
        assert "changed=0" in output
        output = world.by_hand("status", altair_output="json")
        assert '"web": "stopped writing, said operator:ann at ' in output
        told = len(world.told("job_escalated", job["id"]))
        time.sleep(4 * EVERY_SECONDS)
        assert len(world.told("job_escalated", job["id"])) <= told + 1, "one may have been under way"
        assert world.record.job == answered, "an answer resumes nothing"
        assert world.untouched(old)


@pytest.mark.scenario(37, 38)
@pytest.mark.nightly
def test_a_resumed_job_pauses_again_while_nothing_is_proven_and_a_forced_one_ends_in_a_promotion(
    world: AskingWorld,
) -> None:
    old, job = world.paused()
    with ended(world, old):
        code, output = world.say("resume", reason="try again")
        assert code == 0, output
        world.wait_for(
            "the second pause",
            lambda: world.record.job["epoch"] > job["epoch"] and world.record.job["state"] == "paused",
        )
        again = world.record.job
        assert again["id"] == job["id"]
        assert again["owner"] in ORCHESTRATORS
        assert f"{old} is not proven fenced by lease_expired" in again["because"]
        assert again["paused_at"] > job["paused_at"]
        assert world.untouched(old)
        code, output = world.say("force", "--check", reason="it is off", job=job["id"])
        assert code == 0, output
        assert world.record.job == again
        # Who vouches has pulled the plug.
        world.host(old).power_off()
        code, output = world.say("force", reason="switched it off", job=job["id"], by="ann")
        assert code == 0, output
        world.wait_for("the promotion", lambda: world.record.job["state"] == "done")
    done = world.record.job
    assert done["id"] == job["id"]
    assert done["owner"] in ORCHESTRATORS
    evidence = step_of(done, "fence")["evidence"]
    assert evidence["operator_word"] == f"{old} is fenced: an operator vouched that it can take no write"
    assert (evidence["operator"], evidence["operator_reason"]) == ("operator:ann", "switched it off")
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [done["candidate"]]
    assert world.dns() == [addresses.HOSTS[done["candidate"]]]
    world.wait_for("the word to the teams", lambda: bool(world.told("job_done", job["id"], "web")))
    assert "teams web, billing: restart what keeps" in world.told("job_done", job["id"], "web")[0]["sentence"]
    code, output = world.say("force", reason="once more", job=job["id"])
    assert code == 0
    assert f"job {job['id']} was forced already by operator:ann and is done" in output
    code, output = world.say("abort", reason="too late", job=job["id"])
    assert code == 2
    assert "it cannot be aborted any more" in output
    assert world.record.job == done


@pytest.mark.scenario(38)
@pytest.mark.nightly
def test_a_job_that_is_given_up_leaves_the_primary_as_it_is_and_no_other_is_opened(world: AskingWorld) -> None:
    old, job = world.paused()
    with ended(world, old):
        began = time.time()
        code, output = world.say("abort", reason="the switch works again soon", by="ann")
        assert code == 0, output
        assert f"job {job['id']} is given up: {old} is left as it is, and nothing proves" in output
        given_up = world.record.job
        assert (given_up["id"], given_up["state"], given_up["epoch"]) == (job["id"], "aborted", job["epoch"] + 1)
        assert world.record.state == {"epoch": job["epoch"] + 1, "primary": old}
        assert world.record.read(f"{CLUSTER}/pause") == {}
        assert steps_of(given_up) == ["pause_monitoring"]
        # It is suspected anew, screened, and nobody replaces it.
        found = world.wait_for_screening(began)
        assert "it is in maintenance" in found["blockers"]
        assert world.record.job == given_up
        assert world.untouched(old)
        assert not world.fenced(old)
        code, output = world.say("abort", reason="once more")
        assert code == 0
        assert f"job {job['id']} was given up already" in output
        assert world.record.job == given_up
    world.lab.heal()
    world.host(old).start("agent")
    code, output = world.say("maintenance", state="absent")
    assert code == 0, output
