"""The authoritative name server: a signed compare-and-set, checked by asking it with a message made by hand."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import (
    Answer,
    TsigKey,
    read_key_file,
    record_type,
    replace_address,
    resolve,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Conflict, InvalidInput, Unavailable
from tests.contract.by_hand import freeze
from tests.lab import parts
from tests.lab.addresses import DNS_PORT, HOSTS, PRIMARY_NAME, ZONE
from tests.lab.lab import Lab

NS1 = HOSTS["ns1"]
DB1, DB2, DB3 = (HOSTS[name] for name in ("db1", "db2", "db3"))


@pytest.fixture
def key(lab: Lab) -> TsigKey:
    return read_key_file(str(lab.etc / "altair-update.key"))


@pytest.fixture(autouse=True)
def record(lab: Lab, key: TsigKey) -> Iterator[None]:
    """The record as a lab begins, whatever a test made of it; by hand, without a prerequisite."""
    yield
    lab.host("ns1").cont("named")
    raw = base64.b64decode(key.secret)
    update = dns.update.UpdateMessage(ZONE, keyring={dns.name.from_text(key.name): dns.tsig.Key(key.name, raw)})
    update.replace(dns.name.from_text(PRIMARY_NAME), 5, "A", DB1)
    update.delete(dns.name.from_text(f"new.{ZONE}"))
    assert dns.query.tcp(update, NS1, timeout=10).rcode() == dns.rcode.NOERROR


def held(name: str = PRIMARY_NAME) -> set[str]:
    """What the server holds, asked by hand."""
    reply = dns.query.udp(dns.message.make_query(name, "A"), NS1, timeout=10)
    return {item.to_text() for rrset in reply.answer for item in rrset}


def change(key: TsigKey, **other: Any) -> None:
    """From db1 to db2, unless told otherwise."""
    usual: dict[str, Any] = {
        "zone": ZONE,
        "name": PRIMARY_NAME,
        "old": (DB1,),
        "new": DB2,
        "ttl_seconds": 5,
        "seconds": 10.0,
    }
    replace_address(other.pop("server", NS1), other.pop("port", DNS_PORT), key=key, **(usual | other))


def test_the_record_changes_when_it_still_holds_what_we_think(key: TsigKey) -> None:
    change(key, ttl_seconds=7)
    assert held() == {DB2}
    assert resolve(NS1, DNS_PORT, PRIMARY_NAME, "A", 10.0) == Answer(NS1, (DB2,), 7)


def test_the_record_stays_when_somebody_changed_it_first(key: TsigKey) -> None:
    change(key, new=DB3)
    with pytest.raises(Conflict, match=rf"^{PRIMARY_NAME} on {NS1} no longer holds {DB1}; nothing was changed"):
        change(key)
    assert held() == {DB3}


def test_an_address_more_than_we_think_is_a_conflict(key: TsigKey) -> None:
    with pytest.raises(Conflict, match=rf"no longer holds {DB1}, {DB2}"):
        change(key, old=(DB1, DB2), new=DB3)
    assert held() == {DB1}


def test_a_record_is_made_only_where_there_is_none(key: TsigKey) -> None:
    change(key, name=f"new.{ZONE}", old=(), new=DB1)
    assert held(f"new.{ZONE}") == {DB1}
    with pytest.raises(Conflict, match="no longer holds nothing"):
        change(key, name=f"new.{ZONE}", old=(), new=DB2)
    assert held(f"new.{ZONE}") == {DB1}


def test_a_record_that_is_gone_is_a_conflict(key: TsigKey) -> None:
    with pytest.raises(Conflict):
        change(key, name=f"new.{ZONE}")
    assert held(f"new.{ZONE}") == set()


def test_several_addresses_become_one(key: TsigKey) -> None:
    raw = base64.b64decode(key.secret)
    update = dns.update.UpdateMessage(ZONE, keyring={dns.name.from_text(key.name): dns.tsig.Key(key.name, raw)})
    update.add(dns.name.from_text(PRIMARY_NAME), 5, "A", DB3)
    dns.query.tcp(update, NS1, timeout=10)
    assert resolve(NS1, DNS_PORT, PRIMARY_NAME, "A", 10.0).addresses == (DB1, DB3)
    change(key, old=(DB3, DB1))
    assert held() == {DB2}


def test_a_key_with_another_secret_is_refused_and_changes_nothing(lab: Lab) -> None:
    wrong = read_key_file(str(lab.etc / "wrong-update.key"))
    with pytest.raises(InvalidInput, match=rf"^the name server {NS1} refuses the TSIG key '{wrong.name}'"):
        change(wrong)
    assert held() == {DB1}


def test_a_key_that_the_server_does_not_know_is_refused(key: TsigKey) -> None:
    with pytest.raises(InvalidInput, match="refuses the TSIG key 'stranger'"):
        change(TsigKey("stranger", key.algorithm, key.secret))
    assert held() == {DB1}


@pytest.mark.parametrize("algorithm", ["hmac-sha512", "hmac-md5.sig-alg.reg.int"])
def test_a_key_with_another_algorithm_is_refused(key: TsigKey, algorithm: str) -> None:
    with pytest.raises(InvalidInput, match=f"TSIG key '{key.name}'"):
        change(TsigKey(key.name, algorithm, key.secret))
    assert held() == {DB1}


@pytest.mark.parametrize(("algorithm", "secret"), [("hmac-nonsense", "c2VjcmV0"), ("hmac-sha256", "not base64!")])
def test_a_key_that_is_none_is_named_before_anything_is_sent(key: TsigKey, algorithm: str, secret: str) -> None:
    with pytest.raises(InvalidInput, match=f"the TSIG key '{key.name}' is not usable"):
        change(TsigKey(key.name, algorithm, secret), server="192.0.2.1", seconds=0.2)


def test_a_name_that_the_key_may_not_change_is_refused(key: TsigKey) -> None:
    with pytest.raises(InvalidInput, match="refuses the TSIG key"):
        change(key, zone="example.org", name="orders.example.org", old=())


def test_an_update_that_finds_no_server_is_unavailable(lab: Lab, key: TsigKey) -> None:
    with pytest.raises(Unavailable, match=f"the name server {NS1} does not take an update of {PRIMARY_NAME}"):
        change(key, port=5399)
    freeze(lab, "ns1", "named")
    with pytest.raises(Unavailable, match=f"the name server {NS1} does not take an update of {PRIMARY_NAME}"):
        change(key, seconds=0.5)


def test_a_name_that_is_not_there_has_no_addresses() -> None:
    assert resolve(NS1, DNS_PORT, f"nobody.{ZONE}", "A", 10.0) == Answer(NS1, (), 0)
    assert resolve(NS1, DNS_PORT, PRIMARY_NAME, "AAAA", 10.0) == Answer(NS1, (), 0)


def test_a_server_that_is_not_authoritative_gives_no_answer() -> None:
    with pytest.raises(Unavailable, match=f"{NS1} is not authoritative for www.example.org"):
        resolve(NS1, DNS_PORT, "www.example.org", "A", 10.0)


def test_a_server_that_is_silent_or_gone_gives_no_answer(lab: Lab) -> None:
    with pytest.raises(Unavailable, match=f"the name server {NS1} does not answer for {PRIMARY_NAME}"):
        resolve(NS1, 5399, PRIMARY_NAME, "A", 0.5)
    freeze(lab, "ns1", "named")
    with pytest.raises(Unavailable, match=f"the name server {NS1} does not answer for {PRIMARY_NAME}"):
        resolve(NS1, DNS_PORT, PRIMARY_NAME, "A", 0.5)


def test_a_name_is_asked_for_as_it_is_written_with_or_without_the_last_dot() -> None:
    for name in (PRIMARY_NAME, f"{PRIMARY_NAME}.", PRIMARY_NAME.upper()):
        assert resolve(NS1, DNS_PORT, name, "A", 10.0).addresses == (DB1,)


def test_an_address_of_either_family_has_its_kind_of_record() -> None:
    assert (record_type("10.0.0.1"), record_type("fd00::1")) == ("A", "AAAA")


KEY = 'key "k" { algorithm hmac-sha256; secret "c2VjcmV0"; };'
SPELLINGS = {
    "as tsig-keygen prints": 'key "k" {\n\talgorithm hmac-sha256;\n\tsecret "c2VjcmV0";\n};\n',
    "in one line": KEY,
    "without quotes": "key k { algorithm hmac-sha256; secret c2VjcmV0; };",
    "secret first": 'key "k" { secret "c2VjcmV0"; algorithm hmac-sha256; };',
    "an old one in comments": f'// key "old" {{ algorithm hmac-md5; secret "b2xk"; }};\n/* key "o" {{}} */ {KEY}',
    "with comments": f"# the key\n// of the zone\n/* a b */ {KEY}",
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_a_key_is_read_in_every_form_that_the_name_server_reads(lab: Lab, tmp_path: Path, text: str) -> None:
    path = tmp_path / "update.key"
    path.write_text(text)
    config = lab.host("ns1").etc / "named-with-key.conf"
    config.write_text(text + '\nzone "z.example" { type primary; file "z"; allow-update { key "k"; }; };\n')
    checked = lab.host("ns1").run([*named_checkconf(), str(config)])
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert read_key_file(str(path)) == TsigKey("k", "hmac-sha256", "c2VjcmV0")


def test_a_secret_that_looks_like_a_comment_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "update.key"
    path.write_text('key "k" { algorithm hmac-sha256; secret "ab//cd/*ef+=="; };')
    assert read_key_file(str(path)).secret == "ab//cd/*ef+=="


def named_checkconf() -> list[str]:
    return parts.fetch(parts.BIND).argv("usr/bin/named-checkconf")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"secret", b'key "k" { algorithm hmac-sha256; };'])
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "update.key"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=f"^the TSIG key file {path} holds no key"):
        read_key_file(str(path))


def test_a_key_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=rf"gone\.key cannot be read: {os.strerror(2)}"):
        read_key_file(str(tmp_path / "gone.key"))
