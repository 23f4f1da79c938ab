"""A settings file is taken whole or refused, with the file and the key named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import AgentSettings, Profile, load

AGENT: dict[str, Any] = {
    "node": "db1",
    "cluster": "orders",
    "listen": {"host": "192.0.2.11", "port": 8430},
    "tls": {"ca": "/etc/altair/ca.pem", "certificate": "/etc/altair/db1.pem", "key": "/etc/altair/db1.key"},
    "monitors": ["https://192.0.2.31:8440", "https://[2001:db8::1]:8440"],
    "mysqld": {"credentials_file": "/etc/altair/mysql.cnf", "pid_file": "/run/mysqld.pid", "data_folder": "/data"},
}


def with_key(path: str, value: object) -> dict[str, Any]:
    changed: dict[str, Any] = yaml.safe_load(yaml.safe_dump(AGENT))
    *groups, key = path.split(".")
    place = changed
    for group in groups:
        place = place[group]
    place[key] = value
    return changed


def loaded(folder: Path, data: object) -> AgentSettings:
    path = folder / "agent.yml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data), encoding="utf-8")
    return load(str(path), AgentSettings)


def test_what_is_not_given_has_its_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, AGENT)
    assert settings.profile is Profile.ALTAIR
    assert (settings.mysqld.host, settings.mysqld.port, settings.mysqld.probe_seconds) == ("127.0.0.1", 3306, 2.0)
    assert settings.monitors == ("https://192.0.2.31:8440", "https://[2001:db8::1]:8440")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("colour", "blue", "colour"),
        ("mysqld.colour", "blue", "mysqld.colour"),
        ("profile", "slow", "profile"),
        ("node", "DB 1", "node must be lower-case letters"),
        ("node", "db1\n", "node must be lower-case letters"),
        ("listen.host", "db1.example.com", "listen"),
        ("listen.port", 0, "listen: port must be from 1 to 65535"),
        ("listen.port", "eighty", "listen.port"),
        ("mysqld.probe_seconds", 31, "mysqld: probe_seconds must be from 0.1 to 30"),
        ("mysqld.probe_seconds", float("nan"), "mysqld: probe_seconds must be from 0.1 to 30"),
        ("monitors", [], "monitors must be one or more"),
        ("monitors", ["http://192.0.2.31:8440"], "monitors must be one or more"),
        ("mysqld", None, "mysqld"),
    ],
)
def test_a_bad_key_is_named_with_its_file(tmp_path: Path, path: str, value: object, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        loaded(tmp_path, with_key(path, value))
    assert str(tmp_path / "agent.yml") in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize("key", list(AGENT))
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    with pytest.raises(InvalidInput, match=key):
        loaded(tmp_path, {name: value for name, value in AGENT.items() if name != key})


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "just a word"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"agent\.yml"):
        loaded(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="absent"):
        load(str(tmp_path / "absent.yml"), AgentSettings)
