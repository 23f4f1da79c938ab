"""How clients find the primary: a name server out of reach, clients that keep the old address, other providers."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymysql
import pytest

from tests.integration.record import CLUSTER, step_of
from tests.integration.world import World
from tests.lab import addresses, credentials, daemons

pytestmark = pytest.mark.lab

NS1, CLIENT = addresses.HOSTS["ns1"], addresses.HOSTS["client"]
OPERATING = addresses.TREE / "docs" / "operating.md"


@pytest.mark.scenario(45)
@pytest.mark.nightly
def test_a_name_server_out_of_reach_leaves_the_new_primary_in_place_and_the_job_open_until_it_answers(
    world: World,
) -> None:
    old, earlier = world.primary, world.record.job
    for orchestrator in ("orc1", "orc2"):
        world.lab.partition(orchestrator, "ns1")
    world.host(old).kill("mysqld")
    world.wait_for(
        "the trouble",
        lambda: world.record.job.get("id") != earlier.get("id") and "name server" in world.record.job["trouble"],
    )
    job = world.record.job
    assert job["state"] == "running"
    assert job["trouble"].startswith(f"switch_dns: the name server {NS1} does not answer for {addresses.PRIMARY_NAME}")
    assert world.record.state["primary"] == job["candidate"] != old
    assert world.judge(old).writable == [job["candidate"]]
    assert world.dns() == [addresses.HOSTS[old]]
    world.lab.heal()
    done = world.wait_for_job(earlier)
    assert (done["id"], done["candidate"], done["trouble"]) == (job["id"], job["candidate"], "")
    assert world.dns() == [addresses.HOSTS[done["candidate"]]]
    report = world.judge(old)
    assert report.violations == []
    assert report.writable == [done["candidate"]]


class Pool:
    """A client that has looked the name up once, keeps the address, and connects to it again and again."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.connects = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(0.05):
            with suppress(pymysql.MySQLError, OSError):
                self._sit()

    def _sit(self) -> None:
        with pymysql.connect(
            host=self.address,
            port=addresses.MYSQL_PORT,
            user="app",
            password=credentials.PASSWORDS["app"],
            connect_timeout=1,
            read_timeout=2,
            autocommit=True,
            ssl_disabled=True,
        ) as session:
            self.connects += 1
            while not self._over.wait(0.05):
                with session.cursor() as cursor:
                    cursor.execute("SELECT 1")

    def end(self) -> None:
        self._over.set()


@contextmanager
def sitting_on(world: World, node: str) -> Iterator[Pool]:
    """A client on the client's host sits on a node by its address for the block's length."""
    pool = Pool(addresses.HOSTS[node])

    def sit() -> None:
        with world.lab.inside("client"):
            pool.run()

    thread = threading.Thread(target=sit)
    thread.start()
    try:
        world.wait_for("the client's first connection", lambda: pool.connects > 0)
        yield pool
    finally:
        pool.end()
        thread.join()


def fence_by_hand(world: World) -> Callable[[str], None]:
    """A primary that takes no writes is replaced, and goes on to answer."""

    def hurt(node: str) -> None:
        world.sql(node, "SET GLOBAL super_read_only = ON")

    return hurt


@pytest.mark.scenario(46)
@pytest.mark.nightly
def test_a_client_that_keeps_the_old_address_is_disconnected_and_on_record(world: World) -> None:
    old = world.primary
    with sitting_on(world, old) as pool:
        done = world.replaced_after(fence_by_hand(world))
        assert world.host(old).running("mysqld")
        assert pool.connects >= 2, "its session was ended, and it came back to the same address"
    step = step_of(done.job, "disconnect_clients")
    assert step["changed"]
    assert step["evidence"]["disconnected"] >= 1
    assert f"app@{CLIENT}" in step["evidence"]["accounts"]
    assert all(account.startswith("app@") for account in step["evidence"]["accounts"])
    assert done.report.violations == []
    assert done.report.writable == [done.new]
    # The other replica, and the agents, were left alone.
    assert done.report.replicas_following == [name for name in world.replicas if name != old]


@pytest.mark.scenario(46)
@pytest.mark.nightly
def test_a_dead_old_primary_costs_the_job_no_wait_for_clients(world: World) -> None:
    done = world.replaced_after(lambda node: world.host(node).kill("mysqld"))
    step = step_of(done.job, "disconnect_clients")
    assert step["sentence"] == f"mysqld on {done.old} is not there, so no client sits on it"
    assert (step["changed"], step["evidence"]["looks"]) == (False, 0)


PROVIDER = """#!{python}
import pathlib
import sys
import dns.query
import dns.tsigkeyring
import dns.update

name, old, new, ttl = sys.argv[1:]
update = dns.update.UpdateMessage("{zone}", keyring=dns.tsigkeyring.from_text({{"{key}": "{secret}"}}))
update.replace(name + ".", int(ttl), "A", new)
code = dns.query.tcp(update, "{server}", timeout=5).rcode()
pathlib.Path(__file__).with_suffix(".said").write_text(" ".join(sys.argv[1:]))
sys.exit(int(code))
"""


def example(program: Path) -> str:
    """The tasks that docs/operating.md shows, with this program in the place of the one that they name."""
    found = re.search(r"```yaml\n(# /etc/altair/dns\.yml\n.*?)```", OPERATING.read_text(), re.DOTALL)
    assert found is not None
    assert "/usr/local/bin/set-address" in found[1]
    return found[1].replace("/usr/local/bin/set-address", str(program))


def test_a_sites_own_tasks_change_the_name_as_the_manual_shows_and_no_key_is_needed(world: World) -> None:
    for host in ("orc1", "orc2"):
        world.host(host).kill("orchestrator")
    world.wait_for("their locks' end", lambda: world.record.read(f"{CLUSTER}/lock") == {})
    secret = re.search(r'secret "([^"]+)"', (world.lab.etc / "altair-update.key").read_text())
    assert secret is not None
    program, tasks = world.lab.etc / "provider.py", world.lab.etc / "dns.yml"
    program.write_text(
        PROVIDER.format(
            python=sys.executable, zone=addresses.ZONE, key=credentials.KEY_NAME, secret=secret[1], server=NS1
        )
    )
    program.chmod(0o700)
    tasks.write_text(example(program))
    old = world.primary
    world.host(old).kill("mysqld")
    variables = {
        "cluster": daemons.CLUSTER,
        "altair_dns_tasks_file": str(tasks),
        "altair_tsig_key_file": "/no/such.key",
    }
    code, output = daemons.playbook(world.lab, "failover", variables)
    assert code == 0, output
    job = world.record.job
    new = addresses.HOSTS[job["candidate"]]
    assert (job["state"], job["old_primary"]) == ("done", old)
    assert world.dns() == [new]
    said = program.with_suffix(".said").read_text()
    assert said == f"{addresses.PRIMARY_NAME} {addresses.HOSTS[old]} {new} 1"
    proof = step_of(job, "switch_dns")["evidence"]
    assert (proof["provider"], proof["after"]) == ("external", new)
    assert proof["server_uuid"] == world.sql(job["candidate"], "SELECT @@server_uuid AS uuid")["uuid"]
    assert world.judge(old).violations == []


def test_the_status_names_what_is_wrong_with_the_name_and_a_registration_warns_of_it(world: World) -> None:
    given = daemons.registration(world.lab, cool_down_seconds=0.0)
    code, output = daemons.playbook(world.lab, "status", {"cluster": daemons.CLUSTER, "altair_output": "json"})
    assert code == 0, output
    assert '"dns": []' in output
    try:
        warned = world.by_hand("register", **{**given, "dns": {**given["dns"], "ttl_seconds": 0}})
        assert f"{addresses.PRIMARY_NAME} may be kept for 1 s by {NS1}'s word" in " ".join(warned.split())
        code, output = daemons.playbook(world.lab, "status", {"cluster": daemons.CLUSTER, "altair_output": "json"})
        assert code == 0, output
        assert f"{addresses.PRIMARY_NAME} may be kept for 1 s by {NS1}'s word" in output
    finally:
        world.by_hand("register", **given)
