"""A second cluster, on other ports of two of the lab's hosts: served while the first one's job stands still."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, suppress

import dns.query
import dns.tsigkeyring
import dns.update
import pymysql
import pytest
import yaml
from kazoo.exceptions import NotEmptyError

from tests.integration.record import CLUSTER, ROOT, Json
from tests.integration.world import World, servers
from tests.lab import addresses, credentials, daemons, services, template

pytestmark = pytest.mark.lab

NAME = "payments"
NODES = ("db2", "db3")
PORT, AGENT_PORT = 3307, 8431
LABEL = f"{NAME}-db-primary"


class Second:
    """The cluster `payments`, with a mysqld and an agent on each of its hosts."""

    def __init__(self, world: World) -> None:
        self._world = world

    def query(self, node: str, statement: str) -> Json:
        host = self._world.host(node)
        with host.inside():
            connection = pymysql.connect(
                host=host.address,
                port=PORT,
                user="altair",
                password=credentials.PASSWORDS["altair"],
                connect_timeout=5,
                read_timeout=5,
                autocommit=True,
                cursorclass=pymysql.cursors.DictCursor,
                ssl_disabled=True,
            )
        with closing(connection), connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone() or {}

    def start(self) -> None:
        primary, replica = NODES
        for name in NODES:
            self._start_mysqld(name)
        for name in NODES:
            services.wait_until(f"{NAME} on {name}", lambda name=name: bool(self.query(name, "SELECT 1 AS one")))  # type: ignore[misc]
        for setting in ("super_read_only", "read_only"):
            self.query(primary, f"SET GLOBAL {setting} = OFF")
        self.query(
            replica,
            f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='{addresses.HOSTS[primary]}', SOURCE_PORT={PORT},"
            f" SOURCE_USER='repl', SOURCE_PASSWORD='{credentials.PASSWORDS['repl']}', SOURCE_AUTO_POSITION=1,"
            " SOURCE_SSL=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400, SOURCE_HEARTBEAT_PERIOD=1",
        )
        self.query(replica, "START REPLICA")
        self._name(primary)
        for name in NODES:
            self._start_agent(name)
        given = daemons.registration(self._world.lab, cool_down_seconds=0.0)
        nodes = [
            {"name": name, "address": addresses.HOSTS[name], "port": PORT, "agent_port": AGENT_PORT} for name in NODES
        ]
        names = {**given["dns"], "name": f"{LABEL}.{addresses.ZONE}"}
        variables = {**given, "cluster": NAME, "primary": primary, "nodes": nodes, "dns": names}
        code, output = daemons.playbook(self._world.lab, "register", variables)
        assert code == 0, output

    def _start_mysqld(self, name: str) -> None:
        host = self._world.host(name)
        data, config = host.folder / NAME, host.etc / f"{NAME}.cnf"
        data.mkdir()
        template.copy_to(data)
        text = services.mysqld_config(host, self._world.lab.etc / "tls").replace(str(host.data), str(data))
        text = text.replace(services.SOCKET, f"/run/mysqld/{NAME}.sock")
        config.write_text(text.replace(f"port={addresses.MYSQL_PORT}\n", f"port={PORT}\n"))
        known = host.state().processes["mysqld"]
        host.start(NAME, [word.replace("my.cnf", config.name) for word in known.argv])

    def _start_agent(self, name: str) -> None:
        host = self._world.host(name)
        given = daemons.agent_settings(self._world.lab, host, self._world.profile)
        data = host.folder / NAME
        given |= {"cluster": NAME, "listen": {"host": host.address, "port": AGENT_PORT}}
        given["state_file"] = str(host.folder / f"{NAME}-lease.json")
        given["mysqld"] |= {"port": PORT, "pid_file": str(data / "mysqld.pid"), "data_folder": str(data)}
        path = host.etc / f"{NAME}-agent.yml"
        path.write_text(yaml.safe_dump(given))
        host.start(f"{NAME}-agent", daemons.command("agent", path))

    def _name(self, primary: str) -> None:
        secret = re.search(r'secret "([^"]+)"', (self._world.lab.etc / "altair-update.key").read_text())
        assert secret is not None
        keyring = dns.tsigkeyring.from_text({credentials.KEY_NAME: secret[1]})
        update = dns.update.UpdateMessage(addresses.ZONE, keyring=keyring)
        update.replace(LABEL, 1, "A", addresses.HOSTS[primary])
        with self._world.lab.inside("client"):
            dns.query.tcp(update, addresses.HOSTS["ns1"], timeout=5)

    def read(self, what: str) -> Json:
        return self._world.record.read(f"{ROOT}/clusters/{NAME}/{what}")

    def health(self, node: str) -> str:
        return str(self._world.record.read(f"{ROOT}/health/{NAME}/{node}").get("health"))

    def forget(self) -> None:
        """Off the record first, so that nobody suspects what is killed next."""
        for folder in ("clusters", "fleet/troubles", "health"):
            self._world.wait_for(f"the end of {NAME} in {folder}", lambda folder=folder: self._forgotten(folder))  # type: ignore[misc]
        for name in NODES:
            host = self._world.host(name)
            for process in (f"{NAME}-agent", NAME):
                if host.running(process):
                    host.kill(process)
                with self._world.lab.state.change() as state:
                    state.hosts[name].processes.pop(process, None)

    def _forgotten(self, folder: str) -> bool:
        with suppress(NotEmptyError):
            self._world.record.delete(f"{ROOT}/{folder}/{NAME}")
        return NAME not in self._world.record.names(f"{ROOT}/{folder}")


@pytest.fixture
def second(world: World) -> Iterator[Second]:
    cluster = Second(world)
    try:
        cluster.start()
        world.wait_for("its health", lambda: all(cluster.health(name) == "healthy" for name in NODES))
        yield cluster
    finally:
        cluster.forget()


@pytest.mark.scenario(21)
@pytest.mark.nightly
def test_one_orchestrator_acts_on_a_cluster_at_a_time_while_another_cluster_is_failed_over(
    world: World, second: Second
) -> None:
    old, earlier, history = world.primary, world.record.job, world.record.history
    with world.writing() as client, world.appliers_held() as let_go:
        begun = world.kill_and_wait_for_the_fence(client)
        assert world.record.read(f"{CLUSTER}/lock")["owner"] == begun["owner"]
        world.host(NODES[0]).kill(NAME)
        world.wait_for("the other cluster's failover", lambda: second.read("job").get("state") == "done")
        meanwhile = world.record.job
        assert (meanwhile["state"], meanwhile["owner"]) == ("running", begun["owner"])
        assert meanwhile["epoch"] == begun["epoch"]
        assert world.record.read(f"{CLUSTER}/lock")["owner"] == begun["owner"]
        let_go()
        job = world.wait_for_job(earlier)
        client.wait_for_another_server()
    assert (job["id"], job["epoch"], job["owner"]) == (begun["id"], begun["epoch"], begun["owner"])
    assert {step["epoch"] for step in job["steps"]} == {begun["epoch"]}
    assert world.record.history == sorted([*history, job["id"]])
    assert len(servers(client)) == 2
    assert world.judge(old).violations == []
    other = second.read("job")
    assert (other["old_primary"], other["candidate"], other["epoch"]) == (*NODES, 2)
    assert second.read("state") == {"epoch": 2, "primary": NODES[1]}
    assert second.query(NODES[1], "SELECT @@read_only AS shut")["shut"] == 0
    assert services.name_server_says(world.host("ns1"), f"{LABEL}.{addresses.ZONE}") == [addresses.HOSTS[NODES[1]]]
