"""A stray replica is pointed at the primary with nothing lost: not an option, not a transaction; read back as root."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, Server
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import StaleEpoch
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.follow import Errand, follow_primary, stay
from tests.contract import by_hand
from tests.contract.by_hand import await_caught_up, await_that, has_row, sessions, sql, value, vertical, write_row
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=5, read_timeout=20)
NODES = {name: Node(name=name, address=HOSTS[name], port=MYSQL_PORT) for name in ("db1", "db2", "db3")}
GONE = HOSTS["db3"]  # a host that this lab does not have
ELSEWHERE = "10.77.0.99"
CONNECTION = "SELECT * FROM performance_schema.replication_connection_configuration WHERE CHANNEL_NAME = '{}'"
APPLIER = "SELECT * FROM performance_schema.replication_applier_configuration WHERE CHANNEL_NAME = '{}'"
FILTERS = (
    "SELECT FILTER_NAME, FILTER_RULE FROM performance_schema.replication_applier_filters WHERE CHANNEL_NAME = '{}'"
)


def nothing() -> None:
    """Nobody has taken over."""


def errand(
    lab: Lab,
    *,
    channel: str = "",
    seconds: float = 15.0,
    still_ours: Callable[[], object] = nothing,
    resume: bool = False,
    own_may_differ: bool = False,
) -> Errand:
    uuids = {value(lab, name, "@@server_uuid") for name in ("db1", "db2")}
    return Errand(
        node=NODES["db2"],
        channel=channel,
        primary=NODES["db1"],
        source_uuid=value(lab, "db1", "@@server_uuid"),
        cluster_uuids=uuids,
        login=LOGIN,
        seconds=seconds,
        still_ours=still_ours,
        resume=resume,
        own_may_differ=own_may_differ,
    )


def options(lab: Lab, channel: str = "") -> dict[str, str]:
    """The channel as the server's own tables show it."""
    shown = vertical(lab, "db2", CONNECTION.format(channel)) | vertical(lab, "db2", APPLIER.format(channel))
    return shown | {row[0]: row[1] for row in sql(lab, "db2", FILTERS.format(channel))}


def status(lab: Lab, channel: str = "") -> dict[str, str]:
    return vertical(lab, "db2", f"SHOW REPLICA STATUS FOR CHANNEL '{channel}'")


@contextmanager
def errant_transaction(lab: Lab, uuid: str = "11111111-2222-3333-4444-555555555555") -> Iterator[str]:
    """An empty transaction that only db2 has; in the end db1 has it, too."""
    number = len(GtidSet.parse(value(lab, "db2", "@@global.gtid_executed")).of({uuid})) + 1
    commit = f"SET GTID_NEXT = '{uuid}:{number}'; BEGIN; COMMIT; SET GTID_NEXT = 'AUTOMATIC'"
    sql(lab, "db2", f"SET GLOBAL super_read_only = OFF; {commit}; SET GLOBAL super_read_only = ON")
    try:
        yield f"{uuid}:{number}"
    finally:
        sql(lab, "db1", commit)


@pytest.mark.parametrize("channel", ["", "from-primary"])
def test_every_option_of_the_channel_and_its_filters_survive(lab: Lab, channel: str) -> None:
    tls = lab.etc / "tls"
    by_hand.follow_primary(
        lab,
        f"SOURCE_BIND = '{HOSTS['db2']}'",
        f"SOURCE_SSL_CA = '{tls}/ca.pem'",
        f"SOURCE_SSL_CERT = '{tls}/db2.pem'",
        f"SOURCE_SSL_KEY = '{tls}/db2.key'",
        "SOURCE_SSL_VERIFY_SERVER_CERT = 1",
        "SOURCE_TLS_VERSION = 'TLSv1.3'",
        "SOURCE_TLS_CIPHERSUITES = 'TLS_AES_256_GCM_SHA384'",
        "GET_SOURCE_PUBLIC_KEY = 1",
        "SOURCE_COMPRESSION_ALGORITHMS = 'zstd,zlib'",
        "SOURCE_ZSTD_COMPRESSION_LEVEL = 7",
        "SOURCE_DELAY = 1",
        "REQUIRE_ROW_FORMAT = 1",
        "REQUIRE_TABLE_PRIMARY_KEY_CHECK = ON",
        "GTID_ONLY = 1",
        host=GONE,
        channel=channel,
    )
    sql(
        lab,
        "db2",
        f"STOP REPLICA SQL_THREAD FOR CHANNEL '{channel}';"
        f"CHANGE REPLICATION FILTER REPLICATE_IGNORE_DB = (nowhere) FOR CHANNEL '{channel}';"
        f"START REPLICA SQL_THREAD FOR CHANNEL '{channel}'",
    )
    before = options(lab, channel)
    assert (before["HOST"], before["HEARTBEAT_INTERVAL"], before["DESIRED_DELAY"]) == (GONE, "1.000", "1")
    assert before["REPLICATE_IGNORE_DB"] == "nowhere"
    done = follow_primary(errand(lab, channel=channel))
    assert options(lab, channel) == before | {"HOST": HOSTS["db1"]}
    assert (done.following, done.changed, done.sentence) == (True, True, "db2 follows db1")
    assert done.changed_options == {}
    assert status(lab, channel)["Replica_IO_Running"] == "Yes"
    write_row(lab, 30)
    await_caught_up(lab)
    assert has_row(lab, "db2", 30)


def test_a_channel_that_lost_its_tls_is_left_stopped_and_said(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand.follow_primary(lab, host=GONE)
    aim = Server.aim

    def careless(server: Server, channel: str, host: str, port: int) -> None:
        aim(server, channel, host, port)
        server.query("CHANGE REPLICATION SOURCE TO SOURCE_SSL = 0 FOR CHANNEL %s", (channel,))

    monkeypatch.setattr(Server, "aim", careless)
    done = follow_primary(errand(lab))
    assert (done.following, done.tls_lost, done.needs_person) == (False, True, True)
    assert "SSL_ALLOWED was YES, is NO" in done.sentence
    assert (status(lab)["Replica_IO_Running"], status(lab)["Replica_SQL_Running"]) == ("No", "No")


def test_a_server_that_may_choose_another_source_by_itself_is_named(lab: Lab) -> None:
    by_hand.follow_primary(lab, "SOURCE_CONNECTION_AUTO_FAILOVER = 1", host=GONE)
    done = follow_primary(errand(lab))
    assert (done.following, done.moves_by_itself) == (True, True)
    assert "asynchronous connection failover is on" in done.sentence
    assert options(lab)["SOURCE_CONNECTION_AUTO_FAILOVER"] == "1"


def test_another_channel_is_left_as_it_is(lab: Lab) -> None:
    by_hand.follow_primary(lab, host=GONE)
    sql(
        lab,
        "db2",
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{ELSEWHERE}', SOURCE_USER = 'other', SOURCE_AUTO_POSITION = 1"
        " FOR CHANNEL 'other'",
    )
    before = options(lab, "other")
    assert follow_primary(errand(lab)).following
    assert options(lab, "other") == before
    assert status(lab, "other")["Replica_IO_Running"] == "No"


def test_after_catching_up_the_other_channels_receive_again(lab: Lab) -> None:
    by_hand.follow_primary(lab, host=GONE)
    sql(
        lab,
        "db2",
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{ELSEWHERE}', SOURCE_USER = 'other', SOURCE_AUTO_POSITION = 1"
        " FOR CHANNEL 'other'; START REPLICA FOR CHANNEL 'other'; STOP REPLICA IO_THREAD",
    )
    assert status(lab, "other")["Replica_IO_Running"] == "No"
    assert follow_primary(errand(lab, resume=True)).following
    assert status(lab, "other")["Replica_IO_Running"] == "Connecting"


def test_a_replica_that_stays_receives_again_after_catching_up(lab: Lab) -> None:
    sql(lab, "db2", "STOP REPLICA IO_THREAD")
    before = options(lab)
    done = stay(errand(lab, resume=True), "db1")
    assert (done.following, done.changed, done.sentence) == (True, True, "db2 goes on following db1")
    assert options(lab) == before
    assert status(lab)["Replica_IO_Running"] == "Yes"


def test_a_replica_with_something_left_to_apply_is_not_pointed_elsewhere_and_loses_nothing(lab: Lab) -> None:
    with sessions(lab, "db2", 1) as (reader,), reader.cursor() as cursor:
        cursor.execute("LOCK TABLES app.writes READ")
        new = GtidSet.parse(write_row(lab, 31)) - GtidSet.parse(value(lab, "db2", "@@global.gtid_executed"))
        await_that(lambda: new <= GtidSet.parse(status(lab)["Retrieved_Gtid_Set"]), "db2 receives the row")
        before = options(lab)
        done = follow_primary(errand(lab, seconds=0.3))
        assert (done.following, done.again) == (False, True)
        assert done.sentence == "db2 is left behind: it has 1 received transactions to apply first"
        assert options(lab) == before
    await_that(lambda: has_row(lab, "db2", 31), "what was received is applied all the same")


def test_a_replica_that_has_what_the_primary_lacks_is_not_touched(lab: Lab) -> None:
    by_hand.follow_primary(lab, host=GONE)
    before = options(lab)
    with errant_transaction(lab) as errant:
        done = follow_primary(errand(lab))
    assert (done.following, done.changed, done.needs_person) == (False, False, True)
    assert f"db2 has 1 transactions that db1 lacks ({errant})" in done.sentence
    assert options(lab) == before
    assert status(lab)["Replica_IO_Running"] == "Connecting"


def test_in_a_failover_a_replica_with_transactions_of_its_own_follows_and_they_are_named(lab: Lab) -> None:
    by_hand.follow_primary(lab, host=GONE)
    with errant_transaction(lab, value(lab, "db2", "@@server_uuid")) as errant:
        done = follow_primary(errand(lab, own_may_differ=True))
        assert done.following
        assert f"it has 1 transactions of its own that db1 lacks ({errant})" in done.sentence
    with errant_transaction(lab) as errant:
        done = follow_primary(errand(lab, own_may_differ=True))
        assert (done.following, done.needs_person) == (False, True)
        assert f"lacks ({errant})" in done.sentence


def test_what_a_replica_has_from_elsewhere_does_not_count_where_it_has_a_channel_from_there(lab: Lab) -> None:
    by_hand.follow_primary(lab, host=GONE)
    sql(
        lab,
        "db2",
        f"CHANGE REPLICATION SOURCE TO SOURCE_HOST = '{ELSEWHERE}', SOURCE_USER = 'other', SOURCE_AUTO_POSITION = 1"
        " FOR CHANNEL 'other'",
    )
    with errant_transaction(lab):
        assert follow_primary(errand(lab)).following


def test_nothing_is_changed_once_another_has_taken_over(lab: Lab) -> None:
    by_hand.follow_primary(lab, host=GONE)
    before = options(lab)

    def taken_over() -> None:
        raise StaleEpoch("epoch 1 is over")

    with pytest.raises(StaleEpoch):
        follow_primary(errand(lab, still_ours=taken_over))
    assert options(lab) == before
    assert status(lab)["Replica_SQL_Running"] == "Yes"


def test_who_cannot_be_reached_is_left_behind_in_one_sentence(lab: Lab) -> None:
    away = replace(errand(lab), node=NODES["db3"], login=replace(LOGIN, connect_timeout=1))
    done = follow_primary(away)
    assert (done.following, done.changed, done.again) == (False, False, True)
    assert done.sentence.startswith("db3 is left behind: MySQL at ")
