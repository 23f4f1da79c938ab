"""One lab with all its daemons, shared by the tests: its record, read by a client of our own, and its repair."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

from tests.integration import losses
from tests.integration.record import CLUSTER, ROOT, Json, Record, steps_of
from tests.lab import acks, addresses, checker, credentials, daemons, failover, services, template
from tests.lab.errors import LabError
from tests.lab.host import Host
from tests.lab.lab import Lab

DAEMONS = ("db1", "db2", "db3", "mon1", "mon2", "orc1", "orc2")
PROFILE = "steady"  # a machine of two cores stalls for seconds; a shorter beat would fence its primaries for it
RATE = 120.0  # writes a second: enough to see a lost one, little enough for a busy machine
ENDED = frozenset({"done", "failed", "aborted"})


@dataclass(frozen=True)
class Outcome:
    """What came of hurting a primary: the job as it ended, and the outside judge's report."""

    old: str
    new: str
    job: Json
    report: checker.Report


class World:
    """``make_whole`` first; then ``record``, ``lab`` and the ways to hurt and to wait."""

    def __init__(self, lab: Lab, profile: str = PROFILE) -> None:
        self.lab = lab
        self.profile = profile
        self._client: Any = None

    @property
    def record(self) -> Record:
        return Record(self._client)

    @property
    def primary(self) -> str:
        return str(self.record.state["primary"])

    @property
    def replicas(self) -> list[str]:
        return [name for name in addresses.databases() if name != self.primary]

    def host(self, name: str) -> Host:
        return self.lab.host(name)

    def up(self) -> None:
        self._disconnect()
        self.lab.up(self._start)
        with self.lab.inside("client"):
            self._client = KazooClient(hosts=daemons.zookeeper_hosts(), timeout=10.0)
            self._client.start(timeout=10.0)

    def down(self, *, keep_folder: bool = False) -> None:
        self._disconnect()
        self.lab.down(keep_folder=keep_folder)

    def _start(self, lab: Lab) -> None:
        for name in DAEMONS:
            daemons.start_daemon(lab, lab.host(name), self.profile)
        daemons.register(lab, cool_down_seconds=0.0)

    def _disconnect(self) -> None:
        if self._client is not None:
            self._client.stop()
            self._client.close()
            self._client = None

    def make_whole(self) -> None:
        """All hosts and daemons run, one writable primary that all follow and DNS names; a fresh lab if need be."""
        if self._client is not None:
            try:
                self._repair()
                self._wait_whole()
                return
            except (LabError, OSError, *template.ERRORS) as error:
                print(f"the lab is made anew: {error}")
        self.up()
        self._wait_whole()

    def be_there(self) -> None:
        """For what only looks at the lab, in whatever state: start it if it does not run."""
        if self._client is None:
            self.make_whole()

    def _repair(self) -> None:
        self.lab.heal()
        for host in self.lab.hosts.values():
            if not host.powered():
                host.power_on()
            host.cont()
            for name in host.state().processes:
                if not host.running(name):
                    host.start(name)
        if self.record.job and self.record.job["state"] not in ENDED:
            raise LabError(f"job {self.record.job['id']} has not ended")
        for name in addresses.databases():
            services.wait_until(f"mysqld on {name}", lambda name=name: services.mysqld_answers(self.host(name)))  # type: ignore[misc]
        primary = self.primary
        if not self.sql(primary, "SELECT @@read_only = 0 AS writable")["writable"]:
            raise LabError(f"{primary} is primary by the record and not writable")
        for name in self.replicas:
            self._let_follow(name, primary)
        with template.connect(self.host(primary), "app", timeout=10) as session, session.cursor() as cursor:
            cursor.execute("TRUNCATE app.writes")
        (self.host("client").folder / "acks.jsonl").unlink(missing_ok=True)
        self.record.delete(f"{CLUSTER}/losses")  # of rows that are gone from the log, too

    def _let_follow(self, name: str, primary: str) -> None:
        """A replica that strayed is pointed at the primary, unless it has what the primary has not."""
        channel = self.sql(name, "SHOW REPLICA STATUS")
        if channel.get("Source_Host") == addresses.HOSTS[primary] and channel["Replica_IO_Running"] == "Yes":
            return
        here, there = (self.sql(node, "SELECT @@gtid_executed AS done")["done"] for node in (name, primary))
        if not self.sql(primary, "SELECT GTID_SUBSET(%s, %s) AS holds", here, there)["holds"]:
            raise LabError(f"{name} has transactions that {primary} has not")
        self.sql(name, "STOP REPLICA")
        self.sql(
            name,
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST=%s, SOURCE_PORT=%s, SOURCE_USER='repl', SOURCE_PASSWORD=%s,"
            " SOURCE_AUTO_POSITION=1, SOURCE_SSL=1, SOURCE_CONNECT_RETRY=1, SOURCE_RETRY_COUNT=86400,"
            " SOURCE_HEARTBEAT_PERIOD=1",
            addresses.HOSTS[primary],
            addresses.MYSQL_PORT,
            credentials.PASSWORDS["repl"],
        )
        self.sql(name, "START REPLICA")

    def faults(self) -> list[str]:
        """What is not as it should be in a lab at rest; empty when all is well."""
        report, record = self.judge(), self.record
        primary = record.state.get("primary")
        faults = list(report.violations)
        if report.writable != [primary]:
            faults.append(f"{report.writable} can be written to, the record says {primary}")
        for name in addresses.databases():
            health = record.health(name).get("health")
            if health != "healthy":
                faults.append(f"{name} is {health} by the record")
        for kind, names in (("monitors", ["mon1", "mon2"]), ("orchestrators", ["orc1", "orc2"])):
            if record.names(f"{ROOT}/{kind}") != names:
                faults.append(f"the {kind} on record are {record.names(f'{ROOT}/{kind}')}")
        faults += [f"there is a {name}" for name in ("suspicion", "lock", "pause") if record.read(f"{CLUSTER}/{name}")]
        return faults

    def _wait_whole(self) -> None:
        try:
            services.wait_until("a whole cluster", lambda: not self.faults())
        except LabError as error:
            raise LabError(f"{error} {self.faults()}") from None

    def sql(self, node: str, statement: str, *arguments: object) -> Json:
        """The first row, or nothing; from inside the node's own host, as the operators' account."""
        with template.connect(self.host(node), "altair", timeout=5) as session, session.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return cursor.fetchone() or {}

    def fenced(self, node: str) -> bool:
        """Whether the server itself says that nobody can write there."""
        return bool(self.sql(node, "SELECT @@super_read_only AS fenced")["fenced"] == 1)

    def shut(self, node: str) -> bool:
        """Whether nobody can write there: it is fenced, or its mysqld has been killed because it would not be."""
        return not self.host(node).running("mysqld") or self.fenced(node)

    def dns(self) -> list[str]:
        """What the name server itself answers."""
        return self.lab.name_server_says()

    def log(self, host: str, process: str) -> str:
        path = self.host(host).log / f"{process}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def restart(self, *hosts: str) -> None:
        """Kill and start the daemons of the hosts, and wait until the record knows them again."""
        for name in hosts:
            daemon = daemons.role(name) or ""
            self.host(name).kill(daemon)
            self.host(name).start(daemon)
        self._wait_whole()

    def judge(self, *down: str) -> checker.Report:
        log = self.host("client").folder / "acks.jsonl"
        return checker.check(self.lab, log, manifest=losses.named(self.lab, self.record), down=down)

    @contextmanager
    def writing(self) -> Iterator[failover.Load]:
        """A client writes through the DNS name; the block begins when it has got some rows through."""
        with failover.load(self.lab, rate=RATE) as client:
            client.wait_for(lambda ack: ack.n >= 20)
            yield client

    @contextmanager
    def appliers_held(self) -> Iterator[Callable[[], None]]:
        """Replicas go on to receive and cannot apply, so that a job stands still in catch_up until they are let go."""
        with ExitStack() as sessions:
            for node in self.replicas:
                session = sessions.enter_context(template.connect(self.host(node), "app", timeout=5))
                with session.cursor() as cursor:
                    cursor.execute("LOCK TABLES app.writes READ")
            yield sessions.close

    def kill_and_wait_for_the_fence(self, client: failover.Load) -> Json:
        """Kill the primary's mysqld once the replicas have something to apply; returns the job as it then stands."""
        old, earlier = self.primary, self.record.job
        many = client.acked()[-1].n + 20
        client.wait_for(lambda ack: ack.n >= many)
        self.host(old).kill("mysqld")
        self.wait_for(
            "the fence", lambda: self.record.job.get("id") != earlier.get("id") and "fence" in steps_of(self.record.job)
        )
        return self.record.job

    def wait_for(self, what: str, asked: Callable[[], bool], seconds: float = 120.0) -> None:
        services.wait_until(what, asked, seconds)

    def protected(self) -> bool:
        """Whether the primary's lease is held, by the record, and its agent goes by the voters on record."""
        voters = self.record.read(f"{CLUSTER}/voters")
        return (
            self.record.health(self.primary).get("lease") == "held"
            and voters.get("primary") == self.primary
            and sorted(voters["names"]) == sorted(self.replicas)
            and voters["former"] is None
        )

    def wait_protected(self) -> None:
        def asked() -> bool:
            try:
                return self.protected()
            except KazooException:  # our own session may have ended with a pause of ZooKeeper's
                return False

        self.wait_for("a lease that is held", asked)

    def raise_suspicion(self, health: str) -> None:
        """As a monitor would, whatever the monitors themselves think."""
        state = self.record.state
        suspicion = {
            "cluster": daemons.CLUSTER,
            "primary": state["primary"],
            "epoch": state["epoch"],
            "health": health,
            "because": "a test says so",
            "monitor": "mon1",
            "raised_at": time.time(),
        }
        self.record.write(f"{CLUSTER}/suspicion", json.dumps(suspicion).encode())

    def wait_for_screening(self, since: float) -> Json:
        """The first screening that is on record after ``since``, of the machine's clock."""
        self.wait_for("a screening", lambda: self.record.screening.get("screened_at", 0) > since)
        return self.record.screening

    def by_hand(self, name: str, **variables: object) -> str:
        """What a playbook that succeeded has printed; it is run again as long as an orchestrator is at work."""
        printed: list[str] = []

        def free() -> bool:
            code, output = daemons.playbook(self.lab, name, {"cluster": daemons.CLUSTER, **variables})
            printed.append(output)
            refused = "is at work on cluster" in output
            assert code == 0 or refused, output
            return not refused

        self.wait_for(f"a chance for {name}", free)
        return printed[-1]

    def wait_for_job(self, earlier: Json, *states: str, seconds: float = 150.0) -> Json:
        """The job that came after ``earlier``, once its state is one of ``states``."""
        wanted = states or ("done",)

        def there() -> bool:
            job = self.record.job
            return job.get("id") != earlier.get("id") and job.get("state") in wanted

        self.wait_for(f"a {' or '.join(wanted)} job", there, seconds)
        return self.record.job

    def isolate_without_its_agent(self, node: str) -> None:
        self.leave_without_its_agent(node)
        self.lab.isolate(node)

    def leave_without_its_agent(self, node: str) -> None:
        """Kill a primary's agent, and come back once the voters have seen that it writes without one."""
        self.host(node).kill("agent")
        self.wait_for("protection off", lambda: self.record.health(node).get("lease") == "off")
        # A suspicion is raised anew only after the one before was refuted, and a screening makes every voter look.
        before = self.suspicions(node)
        self.wait_for("refuted suspicions", lambda: self.suspicions(node) >= before + 5)

    def lose(self, node: str, how: Callable[[str], None]) -> None:
        """Take a host away by ``how``, in the moment after its last write.

        What a primary acknowledges at the very moment at which its host is lost, no replica need have received. So its
        client is cut off first, and the replicas get what it has acknowledged.
        """
        self.lab.partition(node, "client")
        executed = self.sql(node, "SELECT @@gtid_executed AS done")["done"]

        def received(replica: str) -> bool:
            done = self.sql(replica, "SELECT @@gtid_executed AS done")["done"]
            got = self.sql(replica, "SHOW REPLICA STATUS").get("Retrieved_Gtid_Set", "")
            held = self.sql(
                replica, "SELECT GTID_SUBSET(%s, CONCAT_WS(',', %s, NULLIF(%s, ''))) AS held", executed, done, got
            )
            return bool(held["held"])

        replicas = [name for name in self.replicas if self.host(name).running("mysqld")]
        self.wait_for("all that was acknowledged", lambda: all(map(received, replicas)))
        how(node)

    def suspicions(self, node: str) -> int:
        """How many times the monitors have said that they raised one."""
        return sum(self.log(host, "monitor").count(f"suspected orders/{node}") for host in ("mon1", "mon2"))

    def replaced_after(self, hurt: Callable[[str], None], *, stays_down: bool = True) -> Outcome:
        """Hurt the primary under load; come back when its job is done and the client writes on the new one."""
        old, earlier = self.primary, self.record.job
        with self.writing() as client:
            server = client.acked()[-1].server
            event = time.monotonic()
            hurt(old)
            job = self.wait_for_job(earlier)
            client.wait_for(lambda ack: ack.server != server and ack.acked > event)
        named = losses.named(self.lab, self.record)
        report = checker.check(self.lab, client.log, event=event, manifest=named, down=[old] if stays_down else [])
        return Outcome(old, str(job["candidate"]), job, report)


def servers(log: failover.Load) -> set[str]:
    """The identities of the servers that acknowledged writes."""
    return {ack.server for ack in acks.read(log.log) if not ack.recovered}
