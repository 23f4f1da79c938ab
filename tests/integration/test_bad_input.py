"""Bad input ends in one clear sentence that names the thing at fault, a documented exit code, and nothing changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from tests.integration.record import CLUSTER, ROOT, Json
from tests.integration.world import World
from tests.lab import addresses, credentials, daemons

pytestmark = pytest.mark.lab

HOSTS = {"agent": "db1", "monitor": "mon1", "orchestrator": "orc1"}
NOBODY = "10.77.0.21:1"
Change = Callable[[Json], object]


def settings_of(world: World, daemon: str) -> Json:
    host = world.host(HOSTS[daemon])
    return daemons.settings_of(world.lab, host, world.profile)


def ends(world: World, daemon: str, text: str, *extra: str) -> tuple[int, str]:
    """How the daemon ends with settings of this text, run from the command line: exit code and standard error."""
    path = world.host("client").folder / f"{daemon}.yml"
    path.write_text(text)
    done = world.host("client").run([*daemons.command(daemon, path), *extra], timeout=60)
    return done.returncode, done.stderr.replace(str(path), "FILE")


def one_sentence(daemon: str, stderr: str) -> str:
    """What it said, without its name; fails when it said more than one line."""
    lines = stderr.splitlines()
    assert len(lines) == 1, stderr
    return lines[0].removeprefix(f"altair-{daemon}: ")


NOT_USABLE: list[tuple[str, Change | str, str]] = [
    ("agent", "node: [", "the settings file FILE, line 1 is not YAML"),
    ("monitor", "- name", "the settings file FILE must hold keys and values"),
    ("agent", lambda given: given["mysqld"].update(surprise=1), "mysqld.surprise: there is no such key"),
    ("monitor", lambda given: given["listen"].update(port="many"), "listen.port: Input should be a valid integer"),
    ("orchestrator", lambda given: given["runner"].update(kind="magic"), "runner.kind: Input should be 'hot_spare' or"),
    ("orchestrator", lambda given: given.pop("mysql"), "mysql: is missing"),
    (
        "monitor",
        lambda given: given["zookeeper"].update(root="not a path"),
        "zookeeper: root must be a path",
    ),
    ("agent", lambda given: given["tls"].update(key="/no/such.key"), "the TLS file /no/such.key cannot be read"),
    (
        "agent",
        lambda given: given["mysqld"].update(credentials_file="/no/such.cnf"),
        "the MySQL option file /no/such.cnf cannot be read",
    ),
    (
        "orchestrator",
        lambda given: given["runner"].update(variables_file="/no/such.yml"),
        "the playbook's variables file /no/such.yml cannot be read",
    ),
]


def said_of(world: World, daemon: str, fault: Change | str, *extra: str) -> str:
    """The sentence with which the daemon refuses its settings with this fault in them."""
    text = fault if isinstance(fault, str) else ""
    if not isinstance(fault, str):
        given = settings_of(world, daemon)
        fault(given)
        text = yaml.safe_dump(given)
    code, stderr = ends(world, daemon, text, *extra)
    assert code == 2
    return one_sentence(daemon, stderr)


@pytest.mark.parametrize(("daemon", "fault", "sentence"), NOT_USABLE, ids=[row[2] for row in NOT_USABLE])
def test_check_of_a_daemon_names_what_is_wrong_with_its_settings(
    shared_world: World, daemon: str, fault: Change | str, sentence: str
) -> None:
    shared_world.be_there()
    assert sentence in said_of(shared_world, daemon, fault, "--check")


@pytest.mark.parametrize("daemon", HOSTS)
def test_a_daemon_does_not_start_with_settings_that_it_cannot_use(shared_world: World, daemon: str) -> None:
    shared_world.be_there()
    said = said_of(shared_world, daemon, lambda given: given["tls"].update(ca="/no/such.pem"))
    assert said == "the TLS file /no/such.pem cannot be read: No such file or directory"


@pytest.mark.parametrize("daemon", ["monitor", "orchestrator"])
def test_a_daemon_without_zookeeper_ends_and_says_where_it_looked(shared_world: World, daemon: str) -> None:
    shared_world.be_there()
    given = settings_of(shared_world, daemon)
    given["zookeeper"].update(hosts=NOBODY, connect_seconds=0.5)
    code, stderr = ends(shared_world, daemon, yaml.safe_dump(given))
    assert code == 3
    assert one_sentence(daemon, stderr) == f"ZooKeeper at {NOBODY} does not answer within 0.5 s"


def refusal(world: World, playbook: str, variables: Mapping[str, object]) -> str:
    """The sentence with which a playbook run by hand fails; it must be an answer of ours, not a traceback."""
    code, output = daemons.playbook(world.lab, playbook, {"cluster": daemons.CLUSTER, **variables})
    assert code == 2, output
    assert "Traceback" not in output
    found = re.search(r"^fatal: \[localhost\]: FAILED! => (\{.*\})$", output, re.MULTILINE)
    assert found, output
    result = json.loads(found[1])
    assert result["reason"] in ("InvalidInput", "Unavailable", "NotFound", "Refused", "PostconditionFailed")
    return str(result["msg"])


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"cluster": "nope"}, "cluster nope is not registered at /altair in ZooKeeper at 10.77.0.21:2181"),
        ({"cluster": "../x"}, "cluster name '../x' is not usable: take lower-case letters, digits and inner hyphens"),
        (
            {"altair_zookeeper_root": "alt/../air"},
            "the ZooKeeper root 'alt/../air' is not usable; it must be a path such as /altair",
        ),
        (
            {"altair_zookeeper_root": "/nowhere"},
            "cluster orders is not registered at /nowhere in ZooKeeper at 10.77.0.21:2181",
        ),
        ({"altair_zookeeper_hosts": NOBODY}, f"ZooKeeper at {NOBODY} does not answer within 5 s"),
        (
            {"altair_tsig_key_file": "/no/such.key"},
            "the TSIG key file /no/such.key cannot be read: No such file or directory",
        ),
        ({"altair_tls_key": "/no/such.key"}, "the TLS file /no/such.key cannot be read: No such file or directory"),
        (
            {"altair_mysql_credentials_file": "/no/such.cnf"},
            "the MySQL option file /no/such.cnf cannot be read: No such file or directory",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failover_by_hand_names_what_is_wrong_before_it_changes_anything(
    shared_world: World, variables: Mapping[str, object], sentence: str
) -> None:
    shared_world.be_there()
    before = shared_world.record.everything()
    assert refusal(shared_world, "failover", variables) == sentence
    assert shared_world.record.everything() == before


def without_orchestrators(world: World) -> None:
    for host in ("orc1", "orc2"):
        world.host(host).kill("orchestrator")


@pytest.mark.scenario(45)
def test_a_wrong_tsig_key_leaves_the_job_open_the_new_primary_in_place_and_dns_to_the_next_run(world: World) -> None:
    without_orchestrators(world)
    old = world.primary
    world.host(old).kill("mysqld")
    wrong = {"altair_tsig_key_file": str(world.lab.etc / "wrong-update.key")}
    sentence = refusal(world, "failover", wrong)
    assert f"the name server {addresses.HOSTS['ns1']} refuses the TSIG key '{credentials.KEY_NAME}'" in sentence
    job = world.record.job
    assert job["state"] == "running"
    assert job["trouble"] == f"switch_dns: {sentence}"
    assert world.record.state["primary"] == job["candidate"] != old
    assert world.judge(old).writable == [job["candidate"]]
    assert world.dns() == [addresses.HOSTS[old]]
    code, output = daemons.playbook(world.lab, "failover", {"cluster": daemons.CLUSTER})
    assert code == 0, output
    done = world.record.job
    assert (done["id"], done["state"], done["candidate"]) == (job["id"], "done", job["candidate"])
    assert world.judge(old).violations == []


def wrong_password(world: World) -> Path:
    path = world.lab.etc / "wrong.cnf"
    credentials.write_private(path, "[client]\nuser=altair\npassword=wrong\n")
    return path


def test_a_refused_mysql_password_is_named_and_nothing_is_promoted_until_it_is_mended(world: World) -> None:
    without_orchestrators(world)
    old, replicas = world.primary, world.replicas
    world.host(old).kill("mysqld")
    sentence = refusal(world, "failover", {"altair_mysql_credentials_file": str(wrong_password(world))})
    assert sentence.startswith("no replica could be drained: ")
    for name in replicas:
        assert f"MySQL at {addresses.HOSTS[name]}:3306 does not let us in: Access denied for user 'altair'" in sentence
        assert world.fenced(name)
    assert "wrong" not in sentence
    assert world.dns() == [addresses.HOSTS[old]]
    code, output = daemons.playbook(world.lab, "failover", {"cluster": daemons.CLUSTER})
    assert code == 0, output
    assert world.judge(old).violations == []


def test_an_orchestrators_refused_password_is_the_jobs_trouble_until_it_is_mended(world: World) -> None:
    old, replicas, earlier = world.primary, world.replicas, world.record.job
    files = [world.host(host).etc / "failover.yml" for host in ("orc1", "orc2")]
    good = [path.read_text() for path in files]
    try:
        for path, text in zip(files, good, strict=True):
            variables = yaml.safe_load(text) | {"altair_mysql_credentials_file": str(wrong_password(world))}
            path.write_text(yaml.safe_dump(variables))
        world.restart("orc1", "orc2")
        world.host(old).kill("mysqld")
        world.wait_for(
            "the trouble", lambda: world.record.job.get("id") != earlier.get("id") and bool(world.record.job["trouble"])
        )
    finally:
        for path, text in zip(files, good, strict=True):
            path.write_text(text)
    job = world.record.job
    assert job["state"] == "running"
    assert job["trouble"].startswith("catch_up: no replica could be drained: MySQL at ")
    assert "Access denied for user 'altair'" in job["trouble"]
    assert all(world.fenced(name) for name in replicas)
    assert world.dns() == [addresses.HOSTS[old]]
    done = world.wait_for_job(earlier)
    assert done["trouble"] == ""
    assert world.judge(old).violations == []


GARBAGE = {
    "no-json": b"\xff not JSON",
    "no-spec": b'{"cluster": "no-spec", "nodes": []}',
    "no-state": None,
}


@pytest.mark.scenario(22)
def test_garbage_in_a_clusters_znode_is_set_aside_and_logged_while_others_are_served(world: World) -> None:
    good = world.record.read(CLUSTER)
    try:
        for name, raw in GARBAGE.items():
            path = f"{ROOT}/clusters/{name}"
            world.record.write(path, raw or json.dumps({**good, "cluster": name}).encode())
        logs = (("mon1", "monitor"), ("mon2", "monitor"), ("orc1", "orchestrator"), ("orc2", "orchestrator"))
        for host, daemon in logs:
            for name in GARBAGE:
                sentence = f"cluster {name} is set aside: "
                world.wait_for(
                    f"'{sentence}' of {host}",
                    lambda host=host, daemon=daemon, sentence=sentence: sentence in world.log(host, daemon),  # type: ignore[misc]
                )
            assert "/altair/clusters/no-json holds no valid ClusterSpec" in world.log(host, daemon)
            assert "Traceback" not in world.log(host, daemon)
        done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
        assert done.report.violations == []
    finally:
        for name in GARBAGE:
            world.record.delete(f"{ROOT}/clusters/{name}")


@pytest.mark.scenario(22)
def test_a_suspicion_that_cannot_be_read_is_set_aside_and_the_next_one_is_acted_on(world: World) -> None:
    path = f"{CLUSTER}/suspicion"
    world.record.write(path, b"\xff not JSON")
    world.wait_for("its end", lambda: "suspicion" not in world.record.names(CLUSTER))
    logs = world.log("orc1", "orchestrator") + world.log("orc2", "orchestrator")
    assert f"{path} holds no valid Suspicion" in logs
    assert "Traceback" not in logs
    done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
    assert done.report.violations == []
