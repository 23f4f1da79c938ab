"""The step that moves the name, against real ZooKeeper, BIND and mysqld; the record is read by hand."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from threading import Timer
from types import SimpleNamespace
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import codec
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import (
    TsigKey,
    read_key_file,
    replace_address,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.zookeeper import Store, open_store
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import ClusterSpec, Dns
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    Conflict,
    InvalidInput,
    PostconditionFailed,
    StaleEpoch,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import cluster_path
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.jobs import read_record, take_over
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.name_audit import audited_name
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.step import Neighbours, Scene
from ansible_collections.altair.mysql_ha.plugins.modules import cluster, cluster_info, switch_dns
from tests.contract.by_hand import freeze, value
from tests.contract.discovery import (
    CLIENT,
    EPOCH,
    LOOPBACK,
    NS1,
    ZOOKEEPER,
    Stale,
    Swallower,
    free_port,
    served,
    spec,
    stand_before,
)
from tests.lab.addresses import DNS_PORT, HOSTS, PRIMARY_NAME, ZONE
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab

DB1, DB2, STRANGER = HOSTS["db1"], HOSTS["db2"], "192.0.2.99"
PATIENCE_SECONDS = 60.0
_roots = count(1)
Job = Callable[..., Callable[..., dict[str, Any]]]


@pytest.fixture
def root() -> str:
    return f"/switch-dns/{next(_roots)}"


@pytest.fixture
def store(lab: Lab, root: str) -> Iterator[Store]:
    assert lab.host("zk1").running("zookeeper")
    with open_store(ZOOKEEPER, root) as store:
        yield store


@pytest.fixture(autouse=True)
def record(lab: Lab) -> Iterator[None]:
    """Before and after each test the name leads to db1."""
    put(lab, DB1)
    yield
    lab.host("ns1").cont("named")
    put(lab, DB1)


def put(lab: Lab, *addresses: str) -> None:
    """What the name holds from now on; by hand, without a prerequisite."""
    key = read_key_file(str(lab.etc / "altair-update.key"))
    name, raw = dns.name.from_text(PRIMARY_NAME), base64.b64decode(key.secret)
    update = dns.update.UpdateMessage(ZONE, keyring={dns.name.from_text(key.name): dns.tsig.Key(key.name, raw)})
    update.delete(name, "A")
    for address in addresses:
        update.add(name, 5, "A", address)
    assert dns.query.tcp(update, NS1, timeout=10).rcode() == dns.rcode.NOERROR


def held() -> set[str]:
    reply = dns.query.udp(dns.message.make_query(PRIMARY_NAME, "A"), NS1, timeout=10)
    return {item.to_text() for rrset in reply.answer for item in rrset}


@pytest.fixture
def job(lab: Lab, store: Store, root: str) -> Job:
    """A job that stands right before the step; what comes back carries the step out."""

    def prepare(registered: ClusterSpec, promoted: str = "") -> Callable[..., dict[str, Any]]:
        stand_before(store, "switch_dns", registered, promoted or value(lab, "db2", "@@server_uuid"))

        def carry_out(check: bool = False, **other: Any) -> dict[str, Any]:
            given: dict[str, Any] = {name: each.get("default") for name, each in switch_dns.ARGUMENT_SPEC.items()}
            given |= {
                "cluster": "orders",
                "epoch": EPOCH,
                "zookeeper_hosts": ZOOKEEPER,
                "zookeeper_root": root,
                "login_user": "altair",
                "login_password": PASSWORDS["altair"],
                "connect_timeout": 10.0,
                "read_timeout": 10.0,
                "tsig_key_file": str(lab.etc / "altair-update.key"),
                "settle_seconds": PATIENCE_SECONDS,
            }
            return switch_dns.run(given | other, check)

        return carry_out

    return prepare


def on_record(store: Store) -> list[str]:
    found = read_record(store, "orders").job
    assert found is not None
    return list(found.value.steps_done)


def trouble(store: Store) -> str:
    found = read_record(store, "orders").job
    assert found is not None
    return found.value.trouble


def test_the_name_is_moved_waited_for_and_proven(lab: Lab, store: Store, job: Job) -> None:
    done = job(spec())()
    assert held() == {DB2}
    assert done["changed"]
    assert done["evidence"]["before"] == DB1
    assert done["evidence"]["after"] == DB2
    assert done["evidence"]["server_uuid"] == value(lab, "db2", "@@server_uuid")
    assert "trouble" not in done["evidence"]
    assert on_record(store)[-1] == "switch_dns"


def test_a_second_run_changes_nothing_and_keeps_what_the_first_found(job: Job) -> None:
    carry_out = job(spec(ttl_seconds=7))
    first = carry_out()
    second = carry_out()
    assert (first["changed"], second["changed"]) == (True, False)
    assert second["evidence"] == first["evidence"]
    assert (second["evidence"]["before"], second["evidence"]["ttl_seconds_before"]) == (DB1, 5)
    assert held() == {DB2}


def test_an_update_whose_answer_was_lost_is_recognised_as_done(store: Store, job: Job) -> None:
    port = free_port()
    proxy = Swallower(CLIENT, port)
    with served(proxy):
        proxy.answers_to_lose = 1
        done = job(spec((CLIENT,), port))()
    assert proxy.updates == 1
    assert held() == {DB2}
    assert done["changed"]
    assert done["evidence"]["before"] == DB1
    assert f"the name server {CLIENT} does not take an update of {PRIMARY_NAME}" in done["evidence"]["trouble"]
    assert on_record(store)[-1] == "switch_dns"


def test_a_server_that_is_silent_for_a_while_is_tried_again_in_the_same_step(lab: Lab, store: Store, job: Job) -> None:
    carry_out = job(spec())
    freeze(lab, "ns1", "named")
    # Longer than one attempt waits, so that at least one of them fails.
    wake = Timer(switch_dns.ANSWER_SECONDS + 1.0, lambda: lab.host("ns1").cont("named"))
    wake.start()
    try:
        done = carry_out()
    finally:
        wake.join()
    assert held() == {DB2}
    assert f"the name server {NS1} does not answer" in done["evidence"]["trouble"]
    assert trouble(store) == ""


def test_a_server_that_stays_silent_fails_the_step_and_the_trouble_is_on_record(
    lab: Lab, store: Store, job: Job
) -> None:
    carry_out = job(spec())
    freeze(lab, "ns1", "named")
    with pytest.raises(Unavailable, match=f"the name server {NS1} does not answer for {PRIMARY_NAME}"):
        carry_out(settle_seconds=0.5)
    assert trouble(store).startswith(f"switch_dns: the name server {NS1} does not answer")
    assert "switch_dns" not in on_record(store)
    state = read_record(store, "orders").state.value
    assert state.primary == "db2"
    lab.host("ns1").cont("named")
    carry_out()
    assert held() == {DB2}
    assert trouble(store) == ""


def test_a_refused_key_is_not_tried_again(lab: Lab, job: Job) -> None:
    port = free_port()
    proxy = Swallower(CLIENT, port)
    with served(proxy), pytest.raises(InvalidInput, match=f"the name server {CLIENT} refuses the TSIG key"):
        job(spec((CLIENT,), port))(tsig_key_file=str(lab.etc / "wrong-update.key"))
    assert proxy.updates == 1
    assert held() == {DB1}


def test_without_a_key_the_step_says_what_it_needs(job: Job) -> None:
    with pytest.raises(InvalidInput, match="switch_dns needs tsig_key_file"):
        job(spec())(tsig_key_file=None)
    assert held() == {DB1}


@pytest.mark.parametrize("addresses", [(STRANGER,), (DB1, STRANGER)])
def test_a_record_with_a_strangers_address_is_a_conflict_and_stays(
    lab: Lab, store: Store, job: Job, addresses: tuple[str, ...]
) -> None:
    put(lab, *addresses)
    with pytest.raises(Conflict, match=f"{STRANGER}, and it holds an address of no node of the cluster"):
        job(spec())()
    assert held() == set(addresses)
    assert trouble(store).startswith(f"switch_dns: {PRIMARY_NAME} on {NS1} holds")


@pytest.mark.parametrize("addresses", [(), (DB1, DB2)])
def test_a_record_that_is_gone_or_holds_more_of_the_clusters_nodes_ends_with_the_new_address_alone(
    lab: Lab, job: Job, addresses: tuple[str, ...]
) -> None:
    put(lab, *addresses)
    assert job(spec())()["changed"]
    assert held() == {DB2}


def test_a_job_that_slept_does_not_lead_the_name_back_from_where_a_later_one_has_led_it(
    lab: Lab, store: Store, job: Job
) -> None:
    job(spec())
    found = read_record(store, "orders")
    assert found.job is not None
    neighbours = Neighbours(
        login=Login(user="altair", password=PASSWORDS["altair"]), tsig_key_file=str(lab.etc / "altair-update.key")
    )
    slept = Scene(store=store, spec=found.spec, job=found.job.value, neighbours=neighbours, check=False)
    take_over(store, found, owner="orc2", because="the other sleeps")
    put(lab, DB1, DB2)  # not what it began with
    with pytest.raises(StaleEpoch, match=f"is at epoch {EPOCH + 1}, this run has epoch {EPOCH}"):
        switch_dns.act_with(slept, PATIENCE_SECONDS)
    assert held() == {DB1, DB2}


def test_one_servers_word_is_not_enough_while_another_has_the_old_address(store: Store, job: Job) -> None:
    port = free_port()
    first, second = Swallower(CLIENT, port), Stale(LOOPBACK, port, DB1)
    with served(first, second):
        carry_out = job(spec((CLIENT, LOOPBACK), port))
        with pytest.raises(PostconditionFailed, match=f"{LOOPBACK} holds {DB1}"):
            carry_out(settle_seconds=0.5)
        assert held() == {DB2}
        assert "switch_dns" not in on_record(store)
        second.addresses = [DB2]
        done = carry_out()
    assert done["evidence"]["servers"] == [CLIENT, LOOPBACK]
    assert on_record(store)[-1] == "switch_dns"


def test_a_server_that_knows_both_addresses_has_not_followed(job: Job) -> None:
    port = free_port()
    carry_out, both = job(spec((CLIENT, LOOPBACK), port)), f"{LOOPBACK} holds {DB1}, {DB2}"
    servers = served(Swallower(CLIENT, port), Stale(LOOPBACK, port, DB1, DB2))
    with servers, pytest.raises(PostconditionFailed, match=both):
        carry_out(settle_seconds=0.5)


def test_a_name_that_leads_to_another_server_than_the_promoted_is_no_success(store: Store, job: Job) -> None:
    carry_out = job(spec(), "00000000-0000-0000-0000-000000000000")
    with pytest.raises(PostconditionFailed, match=f"leads to the server .* at {DB2}, the new primary is 00000000"):
        carry_out()
    assert "switch_dns" not in on_record(store)


def test_check_mode_says_what_would_be_done_and_changes_nothing(store: Store, job: Job) -> None:
    done = job(spec())(check=True)
    assert done["msg"] == f"{PRIMARY_NAME} would go from {DB1} to {DB2}"
    assert held() == {DB1}
    assert "switch_dns" not in on_record(store)


def test_with_another_provider_nothing_is_sent_and_what_its_tasks_did_is_waited_for_and_proven(
    lab: Lab, store: Store, job: Job
) -> None:
    carry_out = job(spec(ttl_seconds=7))
    asked = carry_out(check=True, provider="external", tsig_key_file=None)
    assert asked["evidence"] == {
        "name": PRIMARY_NAME,
        "zone": ZONE,
        "old_address": DB1,
        "new_address": DB2,
        "ttl_seconds": 7,
    }
    with pytest.raises(PostconditionFailed, match=f"does not lead to {DB2} on every authoritative server after 0.5 s"):
        carry_out(provider="external", tsig_key_file=None, settle_seconds=0.5)
    assert held() == {DB1}
    assert "switch_dns" not in on_record(store)
    tasks = Timer(1.0, lambda: put(lab, DB2))
    tasks.start()
    try:
        done = carry_out(provider="external", tsig_key_file=None)
    finally:
        tasks.join()
    assert done["evidence"]["server_uuid"] == value(lab, "db2", "@@server_uuid")
    assert on_record(store)[-1] == "switch_dns"


@pytest.mark.parametrize(("seconds", "side"), [(1000, "ahead of"), (-1000, "behind")])
def test_a_clock_that_is_off_is_named_with_how_far(
    monkeypatch: pytest.MonkeyPatch, lab: Lab, seconds: int, side: str
) -> None:
    key = read_key_file(str(lab.etc / "altair-update.key"))
    right = time.time
    with monkeypatch.context() as wrong:
        wrong.setattr(dns.message, "time", SimpleNamespace(time=lambda: right() + seconds))
        with pytest.raises(InvalidInput) as caught:
            move(key)
    sentence = str(caught.value)
    shown = int(sentence.removeprefix("our clock is ").partition(" s ")[0])
    assert abs(shown - abs(seconds)) < 100
    assert f" s {side} the name server {NS1}'s, so it refuses what we sign; set the wrong one right" in sentence
    assert held() == {DB1}


def move(key: TsigKey) -> None:
    replace_address(
        NS1, DNS_PORT, zone=ZONE, name=PRIMARY_NAME, old=(DB1,), new=DB2, ttl_seconds=5, key=key, seconds=10.0
    )


def faults(registered: ClusterSpec) -> list[str]:
    return [found.fault for found in audited_name(registered, "db1", 5.0)]


def test_the_audit_asks_every_server_and_finds_what_is_wrong(lab: Lab) -> None:
    assert faults(spec()) == []
    assert faults(spec(ttl_seconds=4)) == ["long_ttl"]
    put(lab, DB2)
    assert faults(spec()) == ["not_the_primary"]
    put(lab, DB1, DB2)
    assert faults(spec()) == ["several_addresses"]
    put(lab)
    assert faults(spec()) == ["absent"]
    assert faults(spec(port=free_port())) == ["no_answer"]


def test_the_audit_tells_servers_that_disagree_and_one_that_is_not_authoritative() -> None:
    port = free_port()
    with served(Swallower(CLIENT, port), Stale(LOOPBACK, port, DB2)):
        assert faults(spec((CLIENT, LOOPBACK), port)) == ["not_the_primary", "disagreement"]
    elsewhere = Dns(name="orders.example.org", zone="example.org", servers=(NS1,))
    (found,) = audited_name(replace(spec(), dns=elsewhere), "db1", 5.0)
    assert "is not authoritative for orders.example.org" in found.sentence


def test_the_status_shows_the_findings_where_they_are_asked_for_and_needs_no_key(store: Store, root: str) -> None:
    stand_before(store, "pause_monitoring", spec(ttl_seconds=1))
    given = {name: each.get("default") for name, each in cluster_info.ARGUMENT_SPEC.items()}
    given |= {"cluster": "orders", "zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root}
    assert "dns" not in cluster_info.run(given, False)
    (sentence,) = cluster_info.run({**given, "audit_dns": True, "dns_timeout": 10.0}, False)["dns"]
    assert sentence.startswith(f"{PRIMARY_NAME} may be kept for 5 s by {NS1}'s word, the cluster's ttl_seconds is 1")


def test_a_registration_warns_of_the_name_and_depends_on_no_name_server(store: Store, root: str) -> None:
    def registered(name: str, **names: object) -> dict[str, Any]:
        plain = codec.plain(spec())
        given = {key: each.get("default") for key, each in cluster.ARGUMENT_SPEC.items()}
        given |= {"cluster": name, "primary": "db1", "nodes": plain["nodes"], "dns": {**plain["dns"], **names}}
        given |= {"zookeeper_hosts": ZOOKEEPER, "zookeeper_root": root, "dns_timeout": 5.0}
        return cluster.run(given, False)

    assert "warnings" not in registered("sound")
    silent = registered("silent", port=free_port())
    assert silent["changed"]
    (sentence,) = silent["warnings"]
    assert f"the name server {NS1} does not answer for {PRIMARY_NAME}" in sentence
    found = store.read(cluster_path("silent"), ClusterSpec)
    assert found is not None
    assert found.value.dns.name == PRIMARY_NAME
