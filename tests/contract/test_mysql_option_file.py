"""A MySQL option file means to the adapter what it means to the mysql client."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, connect, read_option_file
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from tests.contract.by_hand import sql
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.lab import Lab

# The text of the file after its first line, and the password that it gives.
SPELLINGS = {
    "plain": ("user=reader\npassword=plain-Pw1", "plain-Pw1"),
    "spaced": ("user = reader\npassword =   spaced-Pw1  ", "spaced-Pw1"),
    "indented": ("  user=reader\n  password=indented-Pw1", "indented-Pw1"),
    "double quotes": ('user="reader"\npassword="with # and = Pw1"', "with # and = Pw1"),
    "single quotes": ("user='reader'\npassword=' both ends Pw1 '", " both ends Pw1 "),
    "comment behind": ("user=reader # who\npassword=short#not-this", "short"),
    "comment lines": ("# user=other\n; user=other\nuser=reader\npassword=lines-Pw1", "lines-Pw1"),
    "escapes": ("user=reader\npassword=a\\sb\\\\c\\d", "a b\\c\\d"),
    "colon and percent": ("user=reader\npassword=a:b%c%(d)s", "a:b%c%(d)s"),
    "semicolon": ("user=reader\npassword=a;b", "a;b"),
    "the last one counts": ("user=other\nuser=reader\npassword=first\npassword=last-Pw1", "last-Pw1"),
    "other groups": (
        "user=reader\npassword=mine-Pw1\n[mysqld]\nuser=other\npassword=other\n[mysqldump]\nquick",
        "mine-Pw1",
    ),
    "group repeated": ("user=reader\n[mysqld]\nuser=other\n[client]\npassword=later-Pw1", "later-Pw1"),
    "one quote": ("user=reader\npassword=it's", "it's"),
    "letters of any script": ("user=reader\npassword=пароль-é", "пароль-é"),
    "empty": ("user=reader\npassword=", ""),
}


@pytest.mark.parametrize(("text", "password"), SPELLINGS.values(), ids=SPELLINGS.keys())
def test_the_client_and_the_adapter_get_in_with_the_same_file(lab: Lab, text: str, password: str) -> None:
    path = lab.etc / "reader.cnf"
    path.write_text(f"[client]\n{text}\n", encoding="utf-8")
    quoted = password.replace("\\", "\\\\").replace("'", "\\'")
    sql(lab, "db1", f"SET NAMES utf8mb4; CREATE USER reader IDENTIFIED BY '{quoted}'")
    try:
        client = lab.host("client")
        network = [f"--defaults-file={path}", f"--host={HOSTS['db1']}", f"--port={MYSQL_PORT}", "--protocol=tcp"]
        shown = client.run(["mysql", *network, "--batch", "--skip-column-names", "--execute=SELECT USER()"])
        assert shown.stdout.startswith("reader@"), shown.stderr
        login = read_option_file(str(path), Login(connect_timeout=10, read_timeout=10))
        assert (login.user, login.password) == ("reader", password)
        with connect(HOSTS["db1"], MYSQL_PORT, login) as server:
            assert server.query("SELECT USER() AS me")[0]["me"].startswith("reader@")
    finally:
        sql(lab, "db1", "DROP USER reader")


def test_what_the_file_does_not_say_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "x.cnf"
    path.write_text("[client]\nuser=reader\npassword=x\nhost=elsewhere\n")
    base = Login(connect_timeout=1.5, read_timeout=2.5, ca_cert="/etc/ca.pem")
    assert read_option_file(str(path), base) == Login("reader", "x", 1.5, 2.5, "/etc/ca.pem")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"user=reader\npassword=x\n", "is not an option file"),
        (b"\xff\xfe\x00", "is not an option file"),
        (b"\x00\x01[client", "is not an option file"),
        (b"", "has no user and password"),
        (b"[client]\nuser=reader\n", "has no user and password"),
        (b"[client]\npassword=x\n", "has no user and password"),
        (b"[mysqld]\nuser=reader\npassword=x\n", "has no user and password"),
    ],
)
def test_a_file_that_does_not_tell_who_we_are_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "x.cnf"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_option_file(str(path))
    assert str(path) in str(caught.value)
    assert sentence in str(caught.value)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"gone\.cnf cannot be read: No such file or directory"):
        read_option_file(str(tmp_path / "gone.cnf"))
    with pytest.raises(InvalidInput, match="cannot be read: Is a directory"):
        read_option_file(str(tmp_path))
