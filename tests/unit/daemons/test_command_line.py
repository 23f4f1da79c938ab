"""Each daemon, started with settings that it cannot use, names what is wrong with them in one sentence."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons import loop
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import (
    AgentSettings,
    DaemonSettings,
    DeadmanSettings,
    MonitorSettings,
    OrchestratorSettings,
    load,
)

Data = dict[str, Any]
KINDS: dict[str, type[DaemonSettings]] = {
    "agent": AgentSettings,
    "deadman": DeadmanSettings,
    "monitor": MonitorSettings,
    "orchestrator": OrchestratorSettings,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every file that settings name, each of them good."""
    folder = tmp_path_factory.mktemp("files")
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    issued = authority.issue_cert("db1", key_type=trustme.KeyType.ECDSA)
    (folder / "ca.pem").write_bytes(authority.cert_pem.bytes())
    (folder / "host.pem").write_bytes(issued.cert_chain_pems[0].bytes())
    (folder / "host.key").write_bytes(issued.private_key_pem.bytes())
    (folder / "mysql.cnf").write_text("[client]\nuser=altair\npassword=secret\n")
    (folder / "failover.yml").write_text(f"altair_tsig_key_file: {folder}/host.key\n")
    return folder


def good(daemon: str, files: Path) -> Data:
    tls = {"ca": f"{files}/ca.pem", "certificate": f"{files}/host.pem", "key": f"{files}/host.key"}
    listen = {"host": "192.0.2.1", "port": 8430}
    zookeeper = {"hosts": "192.0.2.9:2181"}
    mysqld = {"credentials_file": f"{files}/mysql.cnf", "pid_file": "/p", "data_folder": "/d"}
    if daemon in {"agent", "deadman"}:
        monitors = ["https://192.0.2.31:8440"]
        return {
            "node": "db1",
            "cluster": "orders",
            "listen": listen,
            "tls": tls,
            "monitors": monitors,
            "runtime_folder": "/run/altair-agent",
            "mysqld": mysqld,
        }
    if daemon == "monitor":
        return {"name": "mon1", "listen": listen, "tls": tls, "zookeeper": zookeeper}
    runner = {"variables_file": f"{files}/failover.yml"}
    mysql = {"credentials_file": f"{files}/mysql.cnf"}
    return {"name": "orc1", "tls": tls, "zookeeper": zookeeper, "mysql": mysql, "runner": runner}


async def never(_settings: DaemonSettings, _stop: asyncio.Event) -> None:
    pytest.fail("the daemon was started with settings that cannot be used")


@dataclass(frozen=True)
class Attempt:
    """Settings in the file ``path``, tried as a daemon would be started with them."""

    path: Path
    capsys: pytest.CaptureFixture[str]

    def refused(self, daemon: str, settings: str | bytes | Data, *extra: str) -> str:
        """The one sentence with which the daemon refuses them."""
        raw = yaml.safe_dump(settings) if isinstance(settings, dict) else settings
        self.path.write_bytes(raw if isinstance(raw, bytes) else raw.encode())
        return self.refused_file(daemon, *extra)

    def refused_file(self, daemon: str, *extra: str) -> str:
        code = loop.main(daemon, KINDS[daemon], never, ["--settings", str(self.path), *extra])
        shown = self.capsys.readouterr()
        assert (code, shown.out) == (2, "")
        assert shown.err.count("\n") == 1
        return shown.err.strip().removeprefix(f"altair-{daemon}: ")


@pytest.fixture
def attempt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Attempt:
    return Attempt(tmp_path / "settings.yml", capsys)


TEXTS = [
    ("name: [", "line 1 is not YAML"),
    ("name: a\nname", "line 2 is not YAML"),
    ("- name", "must hold keys and values"),
    ("", "must hold keys and values"),
]


@pytest.mark.parametrize("daemon", KINDS)
@pytest.mark.parametrize(("text", "sentence"), TEXTS)
@pytest.mark.parametrize("extra", [[], ["--check"]], ids=["start", "check"])
def test_what_is_no_yaml_mapping_is_refused_with_the_file_named(
    daemon: str, text: str, sentence: str, extra: list[str], attempt: Attempt
) -> None:
    said = attempt.refused(daemon, text, *extra)
    assert said.startswith(f"the settings file {attempt.path}")
    assert said.endswith(sentence)


@pytest.mark.parametrize("daemon", KINDS)
def test_a_settings_file_that_is_not_text_or_not_there_is_refused(daemon: str, attempt: Attempt) -> None:
    named = f"the settings file {attempt.path}"
    assert attempt.refused_file(daemon) == f"{named} cannot be read: No such file or directory"
    assert attempt.refused(daemon, b"\xff\xfe\x00") == f"{named} is not YAML"


def without(key: str) -> Callable[[Data], object]:
    return lambda data: data.pop(key)


CHANGES: list[tuple[str, Callable[[Data], object], str]] = [
    *((daemon, lambda data: data.update(surprise=1), "surprise: there is no such key") for daemon in KINDS),
    *((daemon, lambda data: data["tls"].update(more="x"), "tls.more: there is no such key") for daemon in KINDS),
    *((daemon, lambda data: data["tls"].update(ca=7), "tls.ca: Input should be a valid string") for daemon in KINDS),
    *((one, lambda data: data.update(profile="slow"), "profile: Input should be") for one in ("agent", "monitor")),
    ("orchestrator", lambda data: data.update(profile="fast"), "profile: there is no such key"),
    *((daemon, without("tls"), "tls: is missing") for daemon in KINDS),
    ("agent", without("node"), "node: is missing"),
    ("agent", lambda data: data.update(node="DB 1"), "node must be lower-case letters"),
    ("agent", lambda data: data.update(monitors=[]), "monitors must be one or more of https://host:port"),
    (
        "agent",
        lambda data: data.update(monitors=["http://192.0.2.31:1"]),
        "monitors must be one or more of https://host:port",
    ),
    ("agent", lambda data: data["listen"].update(host="db1"), "listen: host must be an IP address, not 'db1'"),
    ("agent", lambda data: data["mysqld"].update(port=70000), "mysqld: port must be from 1 to 65535"),
    ("agent", lambda data: data["mysqld"].update(probe_seconds=0), "mysqld: probe_seconds must be from 0.1 to 30"),
    ("monitor", lambda data: data["listen"].update(port="many"), "listen.port: Input should be a valid integer"),
    ("monitor", lambda data: data["zookeeper"].update(root="/a//b"), "zookeeper: root must be a path such as /altair"),
    ("monitor", lambda data: data["zookeeper"].update(root="/"), "zookeeper: root must be a path such as /altair"),
    ("monitor", lambda data: data["zookeeper"].update(session_seconds="soon"), "zookeeper.session_seconds: Input"),
    (
        "orchestrator",
        lambda data: data["zookeeper"].update(hosts=""),
        "zookeeper: hosts must be a text",
    ),
    ("orchestrator", without("mysql"), "mysql: is missing"),
    ("orchestrator", lambda data: data["runner"].update(kind="magic"), "runner.kind: Input should be 'hot_spare' or"),
    ("orchestrator", lambda data: data["runner"].pop("variables_file"), "runner.variables_file: is missing"),
]


@pytest.mark.parametrize(("daemon", "change", "sentence"), CHANGES, ids=[f"{row[0]} {row[2]}" for row in CHANGES])
def test_a_key_that_is_wrong_is_named(
    daemon: str, change: Callable[[Data], object], sentence: str, files: Path, attempt: Attempt
) -> None:
    data = good(daemon, files)
    change(data)
    said = attempt.refused(daemon, data, "--check")
    assert said.startswith(f"the settings file {attempt.path}: {sentence}")


@pytest.mark.parametrize(
    ("daemon", "change", "sentence"),
    [
        *((each, lambda data: data["tls"].update(ca="/no/ca"), "the TLS file /no/ca cannot be read") for each in KINDS),
        ("agent", lambda data: data["mysqld"].update(credentials_file="/no/cnf"), "option file /no/cnf cannot be read"),
        (
            "orchestrator",
            lambda data: data["mysql"].update(credentials_file="/no/cnf"),
            "option file /no/cnf cannot be read",
        ),
        (
            "orchestrator",
            lambda data: data["runner"].update(variables_file="/no/vars"),
            "the playbook's variables file /no/vars cannot be read",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named_also_by_check(
    daemon: str, change: Callable[[Data], object], sentence: str, files: Path, attempt: Attempt
) -> None:
    data = good(daemon, files)
    change(data)
    assert sentence in attempt.refused(daemon, data, "--check")
    assert sentence in attempt.refused(daemon, data)


@pytest.mark.parametrize("daemon", KINDS)
def test_tls_files_that_do_not_belong_together_are_refused(
    daemon: str, files: Path, tmp_path: Path, attempt: Attempt
) -> None:
    other = trustme.CA(key_type=trustme.KeyType.ECDSA).issue_cert("db2", key_type=trustme.KeyType.ECDSA)
    key, data = tmp_path / "other.key", good(daemon, files)
    key.write_bytes(other.private_key_pem.bytes())
    data["tls"]["key"] = str(key)
    said = attempt.refused(daemon, data, "--check")
    assert said.startswith(f"{files}/ca.pem, {files}/host.pem and {key} are not a usable TLS set: ")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ("altair_tsig_key_file: /no/key\n", "altair_tsig_key_file in the playbook's variables file"),
        ("altair_tls_ca: /no/ca\n", "altair_tls_ca in the playbook's variables file"),
    ],
)
def test_a_file_that_the_playbooks_variables_name_must_be_there_when_the_orchestrator_starts(
    variables: str, sentence: str, files: Path, tmp_path: Path, attempt: Attempt
) -> None:
    data, named = good("orchestrator", files), tmp_path / "vars.yml"
    named.write_text(variables)
    data["runner"]["variables_file"] = str(named)
    said = attempt.refused("orchestrator", data)
    assert said.startswith(f"{sentence} {named}: /no/")
    assert said.endswith("cannot be read: No such file or directory")


@pytest.mark.parametrize(
    "variables", ["$ANSIBLE_VAULT;1.1;AES256\n6162\n", "altair_tsig_key_file: '{{ folder }}/key'\n", "a: !vault x\n"]
)
def test_variables_that_only_ansible_can_read_are_left_to_it(
    variables: str, files: Path, tmp_path: Path, attempt: Attempt
) -> None:
    data, named = good("orchestrator", files), tmp_path / "vars.yml"
    named.write_text(variables)
    data["runner"]["variables_file"] = str(named)
    attempt.path.write_text(yaml.safe_dump(data))
    load(str(attempt.path), OrchestratorSettings).prove()


@pytest.mark.parametrize("daemon", KINDS)
def test_check_of_good_settings_says_nothing_and_starts_nothing(daemon: str, files: Path, attempt: Attempt) -> None:
    attempt.path.write_text(yaml.safe_dump(good(daemon, files)))
    assert loop.main(daemon, KINDS[daemon], never, ["--settings", str(attempt.path), "--check"]) == 0
    assert attempt.capsys.readouterr() == ("", "")


def test_a_folder_in_place_of_a_file_is_refused_in_the_systems_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"the settings file {tmp_path} cannot be read: {os.strerror(21)}"):
        load(str(tmp_path), MonitorSettings)
