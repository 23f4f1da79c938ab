"""The list ``notifications`` is taken whole or refused in one sentence, and can be tried."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode_plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Notice, Severity, Wants
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons import loop
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.notifier import letter_of
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import (
    MonitorSettings,
    OrchestratorSettings,
)
from tests.unit.daemons.test_command_line import KINDS, files, good, never
from tests.unit.tree import source

__all__ = ["files"]  # the fixture

HOOK: dict[str, Any] = {"name": "hook", "kind": "webhook", "url": "https://127.0.0.1:1/x"}
MAIL: dict[str, Any] = {
    "name": "mail",
    "kind": "email",
    "host": "mail.example.com",
    "sender_address": "altair@example.com",
    "recipients": ["ann@example.com"],
}
PROGRAM: dict[str, Any] = {"name": "program", "kind": "command", "command": ["true"]}


def settings(daemon: str, folder: Path, *targets: Any) -> Any:
    data = {**good(daemon, folder), "notifications": list(targets)}
    return decode_plain(KINDS[daemon], data, "the settings file x")


@pytest.mark.parametrize("daemon", ["monitor", "orchestrator"])
def test_targets_of_all_kinds_are_taken_with_their_defaults(daemon: str, files: Path) -> None:
    taken = settings(daemon, files, HOOK, MAIL, PROGRAM)
    assert isinstance(taken, MonitorSettings | OrchestratorSettings)
    taken.prove()
    hook, mail, program = taken.targets
    assert [hook.kind, mail.kind, program.kind] == ["webhook", "email", "command"]
    assert hook.wants == Wants(name="hook")
    assert (mail.port, mail.tls) == (587, "starttls")  # type: ignore[union-attr]


def test_what_a_target_wants_is_taken(files: Path) -> None:
    wants = {
        "kinds": ["job_done", "job_paused"],
        "addressed_only": True,
        "severity_min": "critical",
        "clusters": ["orders"],
    }
    (target,) = settings("monitor", files, {**PROGRAM, **wants}).targets
    assert target.wants == Wants(
        name="program",
        addressed_only=True,
        kinds=frozenset({Kind.JOB_DONE, Kind.JOB_PAUSED}),
        severity_min=Severity.CRITICAL,
        clusters=frozenset({"orders"}),
    )


FAULTS: list[tuple[Any, str]] = [
    ({"name": "x"}, "notifications.0: "),
    ({**HOOK, "kind": "pigeon"}, "notifications.0: "),
    ({**HOOK, "colour": "blue"}, "notifications.0.webhook.colour: there is no such key"),
    ({**HOOK, "name": "The Hook"}, "notifications.0.webhook: name must be lower-case letters"),
    ({**HOOK, "kinds": ["party"]}, "notifications.0.webhook.kinds.0: "),
    ({**HOOK, "severity_min": "grave"}, "notifications.0.webhook.severity_min: "),
    ({**HOOK, "seconds": 0}, "notifications.0.webhook: seconds must be from 0.1 to 60"),
    ({**HOOK, "waiting_max": 0}, "notifications.0.webhook: waiting_max must be from 1 to 10000"),
    ({**HOOK, "url_file": "/x"}, "notifications.0.webhook: one of url and url_file is needed, and not both"),
    ({"name": "hook", "kind": "webhook"}, "notifications.0.webhook: one of url and url_file is needed, and not both"),
    ({**HOOK, "url": "http://h/", "secret_file": "/x"}, "notifications.0.webhook: a secret is sent to an address that"),
    ({**HOOK, "header": "X: y"}, "notifications.0.webhook: header must be the name of an HTTP header"),
    ({**MAIL, "recipients": []}, "notifications.0.email: recipients must be one or more of name@example.com"),
    ({**MAIL, "recipients": ["a@b.c\nBcc: x"]}, "notifications.0.email: recipients must be one or more of"),
    ({**MAIL, "sender_address": "altair"}, "notifications.0.email: sender_address must be an address"),
    ({**MAIL, "tls": "none", "login_file": "/x"}, "notifications.0.email: login_file needs tls to be starttls or"),
    ({**MAIL, "tls": "ssl3"}, "notifications.0.email.tls: "),
    ({**PROGRAM, "command": []}, "notifications.0.command: command must be a program and its arguments"),
    ({**PROGRAM, "command": "rm -rf x"}, "notifications.0.command.command: "),
]


@pytest.mark.parametrize(("target", "sentence"), FAULTS, ids=[row[1][:70] + str(n) for n, row in enumerate(FAULTS)])
def test_a_key_that_is_wrong_is_named_in_one_sentence(target: Any, sentence: str, files: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        settings("monitor", files, target)
    said = str(refused.value)
    assert said.startswith(f"the settings file x: {sentence}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        ([HOOK, {**MAIL, "name": "hook"}], "two notifications are named hook; give each a name of its own"),
        ([{**HOOK, "secret_file": "/no/secret"}], "the notification hook: the secret file /no/secret cannot be read"),
        ([{**HOOK, "ca_file": "/no/ca"}], "the notification hook: the authorities in /no/ca cannot be used"),
        ([{**HOOK, "url": "hooks.example.com"}], "the notification hook: url must hold an address such as https://"),
        ([{**MAIL, "login_file": "/no/login"}], "the notification mail: the secret file /no/login cannot be read"),
        ([{**PROGRAM, "command": ["/no/program"]}], "the notification program: /no/program is no program that can"),
    ],
)
@pytest.mark.parametrize("daemon", ["monitor", "orchestrator"])
def test_a_file_or_program_that_cannot_be_used_is_named_by_check(
    daemon: str,
    targets: list[Any],
    sentence: str,
    files: Path,
) -> None:
    with pytest.raises(InvalidInput) as refused:
        settings(daemon, files, *targets).prove()
    assert str(refused.value).startswith(sentence)


def test_an_agent_has_nobody_to_tell(files: Path) -> None:
    with pytest.raises(InvalidInput, match="notifications: there is no such key"):
        settings("agent", files, HOOK)


def tried(daemon: str, folder: Path, tmp_path: Path, *targets: Any) -> int:
    path = tmp_path / "settings.yml"
    path.write_text(yaml.safe_dump({**good(daemon, folder), "notifications": list(targets)}))
    return loop.main(daemon, KINDS[daemon], never, ["--settings", str(path), "--try-notifications"])


def test_trying_tells_every_target_whatever_it_wants_and_starts_nothing(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out.json"
    script = f"import sys; open('{out}', 'w').write(sys.stdin.read())"
    writer = {**PROGRAM, "name": "writer", "command": [sys.executable, "-c", script], "severity_min": "critical"}
    assert tried("monitor", files, tmp_path, writer, PROGRAM) == 0
    assert capsys.readouterr().out == "writer (command): told\nprogram (command): told\n"
    assert json.loads(out.read_text())["kind"] == "test"


def test_trying_names_each_target_that_was_not_told_and_ends_with_1(
    files: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert tried("orchestrator", files, tmp_path, HOOK, PROGRAM) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("hook (webhook): it cannot be connected to")
    assert second == "program (command): told"
    assert tried("orchestrator", files, tmp_path) == 1
    assert capsys.readouterr().out == "the settings name no notifications\n"


def shown(form: str) -> str:
    """The first example of that form in the operator's section."""
    section = source.text("docs/operating.md").partition("## Notifications")[2]
    return section.partition(f"```{form}\n")[2].partition("```")[0]


def test_the_operators_examples_are_taken_and_look_like_what_is_sent(files: Path) -> None:
    taken = settings("orchestrator", files, *yaml.safe_load(shown("yaml"))["notifications"])
    assert [(target.name, target.kind) for target in taken.targets] == [
        ("on-call", "webhook"),
        ("chat", "webhook"),
        ("mail", "email"),
        ("ticket", "command"),
    ]
    example = json.loads(shown("json"))
    told = Notice(
        kind=Kind(example["kind"]),
        severity=Severity(example["severity"]),
        cluster=example["cluster"],
        node=example["node"],
        sentence=example["sentence"],
        job=example["job"],
        epoch=example["epoch"],
        at=example["at"],
        by=example["by"],
    )
    assert letter_of(told).payload == example
