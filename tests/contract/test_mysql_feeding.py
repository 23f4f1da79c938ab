"""The chosen one catches up from another server, and who must not be chosen is told why; db2 is the one that is fed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.candidate import Feeding
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns, Node, Policy
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Refused
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import (
    Observation,
    ProcessState,
    Reach,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Heritage, NodeHealth
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.candidates import Known, pick
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.feeding import Fed, feed
from ansible_collections.altair.mysql_ha.plugins.modules.catch_up import drain
from tests.contract.by_hand import await_that, globals_set, has_row, sessions, skip, sql, value, vertical, write_row
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)


def spec(catch_up_seconds_max: float = 60.0) -> ClusterSpec:
    return ClusterSpec(
        cluster="orders",
        nodes=tuple(Node(name=name, address=HOSTS[name]) for name in ("db1", "db2", "db3")),
        dns=Dns(name="orders.example.com", zone="example.com", servers=(HOSTS["ns1"],)),
        policy=Policy(catch_up_seconds_max=catch_up_seconds_max),
    )


def executed(lab: Lab, host: str) -> GtidSet:
    return GtidSet.parse(value(lab, host, "@@global.gtid_executed"))


def lacking(lab: Lab) -> GtidSet:
    return executed(lab, "db1") - executed(lab, "db2")


def receiver(lab: Lab) -> str:
    return vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_IO_Running"]


def test_who_was_fed_has_all_of_it_and_receives_nothing_more(lab: Lab) -> None:
    sql(lab, "db2", "STOP REPLICA IO_THREAD")
    write_row(lab, 41)
    gtids = lacking(lab)
    assert gtids
    fed = feed(spec(), LOGIN, "db2", (Feeding("db1", gtids),))
    assert fed == Fed(executed(lab, "db2"), {})
    assert has_row(lab, "db2", 41)
    assert receiver(lab) == "No"
    assert lacking(lab) == GtidSet()
    assert vertical(lab, "db2", "SHOW REPLICA STATUS")["Source_Host"] == HOSTS["db1"]


def test_what_was_received_before_is_applied_before_the_source_changes(lab: Lab) -> None:
    nobody_has = GtidSet.parse("00000000-0000-4000-8000-000000000000:1")
    with ThreadPoolExecutor(1) as pool:
        with sessions(lab, "db2", 1) as (reader,), reader.cursor() as cursor:
            cursor.execute("LOCK TABLES app.writes READ")  # the applier waits for it
            write_row(lab, 42)
            gtids = lacking(lab)
            await_that(
                lambda: gtids <= GtidSet.parse(vertical(lab, "db2", "SHOW REPLICA STATUS")["Retrieved_Gtid_Set"]),
                "db2 has received the row",
            )
            # The donor cannot be reached, so the row can only come from db2's own relay log.
            feeding = pool.submit(feed, spec(5.0), LOGIN, "db2", (Feeding("db3", nobody_has),))
            await_that(lambda: receiver(lab) == "No", "db2 receives nothing more")
        fed = feeding.result()
    assert list(fed.faults) == ["db3"]
    assert has_row(lab, "db2", 42)
    assert gtids <= fed.executed


def test_a_donor_that_has_purged_what_is_needed_is_passed_over_and_says_why(lab: Lab) -> None:
    sql(lab, "db2", "STOP REPLICA IO_THREAD")
    sql(lab, "db1", "CREATE DATABASE passing; DROP DATABASE passing; FLUSH BINARY LOGS")
    newest = sql(lab, "db1", "SHOW BINARY LOGS")[-1][0]
    sql(lab, "db1", f"PURGE BINARY LOGS TO '{newest}'")
    gtids = lacking(lab)
    try:
        fed = feed(spec(), LOGIN, "db2", (Feeding("db1", gtids),))
        assert "purged" in fed.faults["db1"]
        assert not gtids & fed.executed
        assert receiver(lab) == "No"
    finally:
        skip(lab, "db2", gtids)


def test_an_applier_that_stops_again_is_not_waited_for(lab: Lab) -> None:
    row = "app.writes VALUES (77, 43, @@server_uuid, NOW(6))"
    sql(lab, "db2", f"SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; INSERT INTO {row}")
    try:
        sql(lab, "db1", f"INSERT INTO {row}")
        gtids = lacking(lab)
        await_that(
            lambda: vertical(lab, "db2", "SHOW REPLICA STATUS")["Replica_SQL_Running"] == "No", "the applier stops"
        )
        with connect(HOSTS["db2"], MYSQL_PORT, LOGIN) as server:
            done = drain(server, "db2", gtids, 1e6, 30.0)  # it would wait for days
        assert not done.drained
        assert done.sentence.startswith("db2 does not get any further, its applier has stopped again: ")
        refused = "db2: its applier has stopped and does not get any further: "
        with pytest.raises(Refused, match=refused):
            pick(spec(), "db1", LOGIN, Known(drained=()))
        assert gtids <= GtidSet.parse(vertical(lab, "db2", "SHOW REPLICA STATUS")["Retrieved_Gtid_Set"])
    finally:
        sql(lab, "db2", "SET sql_log_bin = 0; DELETE FROM app.writes WHERE writer = 77 AND n = 43; START REPLICA")


def test_a_stopped_applier_is_started_and_waited_for(lab: Lab) -> None:
    sql(lab, "db2", "STOP REPLICA SQL_THREAD")
    write_row(lab, 44)
    gtids = lacking(lab)
    with connect(HOSTS["db2"], MYSQL_PORT, LOGIN) as server:
        assert drain(server, "db2", gtids, 60.0, 30.0).drained
    assert has_row(lab, "db2", 44)


@contextmanager
def errant(lab: Lab) -> Iterator[GtidSet]:
    """A transaction of db2's own for a while; afterwards db1 has it, too, so that it is none any more."""
    before = executed(lab, "db2")
    sql(lab, "db2", "SET GLOBAL super_read_only = OFF; CREATE DATABASE stray; SET GLOBAL super_read_only = ON")
    own = executed(lab, "db2") - before
    try:
        yield own
    finally:
        sql(lab, "db2", "SET GLOBAL super_read_only = OFF; SET sql_log_bin = 0; DROP DATABASE stray")
        sql(lab, "db2", "SET GLOBAL super_read_only = ON")
        skip(lab, "db1", own)


def last_word() -> NodeHealth:
    """What was on record of db1 when it was last heard."""
    with connect(HOSTS["db1"], MYSQL_PORT, LOGIN) as server:
        state = server.state()
    seen = Observation(
        cluster="orders",
        node="db1",
        incarnation=1,
        sequence=1,
        process=ProcessState.EXITED,
        reach=Reach.REFUSED,
        server=state,
    )
    return NodeHealth(
        node="db1", health=Health.MYSQLD_EXITED, because="", monitor="mon1", changed_at=0.0, observation=seen
    )


def test_a_usual_replica_is_picked_and_one_with_an_errant_transaction_is_refused_with_its_name(lab: Lab) -> None:
    known = Known(drained=("db2",), health={"db1": last_word()})
    choice = pick(spec(), "db1", LOGIN, known)
    assert (choice.name, choice.ranking, choice.missing) == ("db2", ("db2",), {"db2": 0})
    assert choice.excluded["db3"].startswith("it cannot be reached: ")
    with errant(lab) as own:
        assert own
        with pytest.raises(Refused) as caught:
            pick(spec(), "db1", LOGIN, known)
        assert pick(spec(), "db1", LOGIN, replace(known, accept_errant=True)).name == "db2"
    assert f"db2: it has errant transactions, which the old primary never had: {own};" in str(caught.value)


def test_a_replica_that_strays_is_refused_unless_it_did_not_when_the_job_began(lab: Lab) -> None:
    health = {"db1": last_word()}
    assert receiver(lab) == "Yes"
    with pytest.raises(Refused) as caught:  # as if db3 had been the primary
        pick(spec(), "db3", LOGIN, Known(drained=("db2",), health=health))
    assert f"db2: it follows another server than the old primary: {HOSTS['db1']}:{MYSQL_PORT}" in str(caught.value)
    fed_by_db1 = Known(drained=("db2",), health=health, sources={"db2": "", "db1": ""})
    assert pick(spec(), "db3", LOGIN, fed_by_db1).name == "db2"


def heir(gtids: GtidSet) -> Known:
    """As if db3 had been promoted in db1's place, with ``gtids``, by a job that did not come to its end."""
    return Known(drained=("db1", "db2"), heritage=Heritage(former="db1", gtid_executed=str(gtids)))


def test_the_primary_before_a_job_that_was_given_up_and_who_follows_it_may_be_promoted(lab: Lab) -> None:
    had = executed(lab, "db1")
    await_that(lambda: not lacking(lab), "db2 has all rows")
    with pytest.raises(Refused, match="it follows nobody"):
        pick(spec(), "db3", LOGIN, replace(heir(had), heritage=None))
    while_it_writes = pick(spec(), "db3", LOGIN, heir(had))
    assert while_it_writes.ranking == ("db2",)
    assert "it follows nobody" in while_it_writes.excluded["db1"]
    with globals_set(lab, "db1", super_read_only="ON"):
        assert pick(spec(), "db3", LOGIN, heir(had)).ranking == ("db1", "db2")
    sql(lab, "db1", "SET GLOBAL read_only = OFF")


def test_what_it_wrote_since_then_is_errant(lab: Lab) -> None:
    had = executed(lab, "db1")
    write_row(lab, 47)
    with pytest.raises(Refused, match="errant transactions, which the old primary never had"):
        pick(spec(), "db3", LOGIN, heir(had))
