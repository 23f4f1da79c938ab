"""Web servers, mail servers and programs are told, and one that misbehaves is named in a sentence without a secret."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mail import Mail
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.program import Program
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.webhook import Webhook
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Letter, Notice, Severity
from tests.lab import services

SECRET = "Bearer 0123456789-very-secret"
PATH = "/services/T0/B0/path-that-is-secret"
LONG, SHORT = 60.0, 0.5
LETTER = Letter(
    notice=Notice(
        kind=Kind.JOB_DONE,
        severity=Severity.INFO,
        cluster="orders",
        node="db1",
        job="orders-2",
        epoch=2,
        sentence="db2 is primary in place of db1 — déjà vu",
        at=1_700_000_000.0,
        by="orc1",
    ),
    when="2023-11-14 22:13:20 UTC",
)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


def serving_context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("127.0.0.1", "localhost")), key_type=trustme.KeyType.ECDSA).configure_cert(context)
    return context


def secret(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@contextmanager
def listener() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@dataclass
class WebServer:
    status: int = 200
    hangs: bool = False
    port: int = 0
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}{PATH}"

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.headers), await request.json()))
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status, headers={"Location": f"{self.url}/elsewhere"})


@asynccontextmanager
async def web_server(
    context: ssl.SSLContext | None, status: int = 200, *, hangs: bool = False
) -> AsyncIterator[WebServer]:
    server = WebServer(status, hangs)
    application = web.Application()
    application.router.add_post("/{path:.*}", server.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        server.port = runner.addresses[0][1]
        yield server
    finally:
        await runner.cleanup()


def post(context: ssl.SSLContext | None, ca_file: str | None, status: int = 200, **more: Any) -> WebServer:
    async def both() -> WebServer:
        async with web_server(context, status) as server:
            await Webhook(url=server.url, ca_file=ca_file, **more).send(LETTER, LONG)
            return server

    return asyncio.run(both())


def test_a_web_server_gets_the_notice_as_json_with_the_secret_in_its_header(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    hook = post(serving_context(authority), ca_file, 204, header="X-Token", secret_file=secret(tmp_path, SECRET + "\n"))
    ((path, headers, body),) = hook.asked
    assert path == PATH
    assert headers["X-Token"] == SECRET
    assert headers["Content-Type"] == "application/json"
    assert (body["kind"], body["cluster"], body["job"], body["epoch"]) == ("job_done", "orders", "orders-2", 2)
    assert body["sentence"] == LETTER.notice.sentence


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 503])
def test_a_status_that_is_no_success_is_named_and_no_redirect_is_followed(
    status: int, authority: trustme.CA, ca_file: str
) -> None:
    with pytest.raises(Unavailable, match=f"^it answered with {status}$"):
        post(serving_context(authority), ca_file, status)


def test_a_web_server_whose_certificate_is_not_trusted_is_told_nothing(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    async def refused(context: ssl.SSLContext, ca: str | None) -> None:
        async with web_server(context) as server:
            hook = Webhook(url=server.url, ca_file=ca, secret_file=secret(tmp_path, SECRET))
            with pytest.raises(Unavailable, match="its certificate is not trusted") as error:
                await hook.send(LETTER, LONG)
            assert "secret" not in str(error.value)
            assert server.asked == []

    other = trustme.CA(key_type=trustme.KeyType.ECDSA)
    asyncio.run(refused(serving_context(other), ca_file))
    asyncio.run(refused(serving_context(authority, "elsewhere.example.com"), ca_file))
    asyncio.run(refused(serving_context(authority), None))


def test_a_web_server_that_hangs_costs_its_deadline(authority: trustme.CA, ca_file: str) -> None:
    async def late() -> None:
        async with web_server(serving_context(authority), hangs=True) as server:
            with pytest.raises(Unavailable, match="did not answer within 2 s"):
                await Webhook(url=server.url, ca_file=ca_file).send(LETTER, 2.0)
            assert len(server.asked) == 1

    asyncio.run(late())
    with listener() as port, pytest.raises(Unavailable, match=r"did not answer within 0\.5 s"):
        asyncio.run(Webhook(url=f"https://127.0.0.1:{port}{PATH}").send(LETTER, SHORT))


@pytest.mark.parametrize("tls", [True, False])
def test_a_web_server_that_is_not_there_or_speaks_something_else_is_named_without_its_address(tls: bool) -> None:
    hook = Webhook(url=f"https://127.0.0.1:{closed_port()}{PATH}")
    with pytest.raises(Unavailable, match="it cannot be connected to: ") as error:
        asyncio.run(hook.send(LETTER, LONG))
    assert PATH not in str(error.value)

    async def odd() -> None:
        async with web_server(None) as server:
            with pytest.raises(Unavailable, match="it cannot be") as error:
                await Webhook(url=server.url).send(LETTER, LONG)
            assert PATH not in str(error.value)

    if tls:
        asyncio.run(odd())


@dataclass
class Inbox:
    """What aiosmtpd calls with what it was sent; ``answer`` is what it says to that."""

    answer: str = "250 OK"
    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
        return self.answer


def login(_server: object, _session: object, _envelope: object, mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"altair", b"s3cret")
    return AuthResult(success=right and mechanism in ("LOGIN", "PLAIN"), handled=False)


@contextmanager
def mail_server(inbox: Inbox, context: ssl.SSLContext | None, *, implicit: bool = False) -> Iterator[int]:
    """STARTTLS and a login are required where there is a certificate."""
    port = closed_port()
    secured: dict[str, Any] = {"authenticator": login, "auth_required": True}
    if implicit:
        secured |= {"ssl_context": context, "auth_require_tls": False}
    elif context is not None:
        secured |= {"tls_context": context, "require_starttls": True}
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **(secured if context else {}))
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def mail(port: int, tls: str, **more: Any) -> Mail:
    people = ("ann@example.com", "bob@example.com")
    return Mail(host="127.0.0.1", port=port, sender="altair@example.com", recipients=people, tls=tls, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_people_get_an_e_mail_over_tls_after_a_login(
    tls: str, authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    inbox = Inbox()
    with mail_server(inbox, serving_context(authority), implicit=tls == "implicit") as port:
        sender = mail(port, tls, ca_file=ca_file, login_file=secret(tmp_path, "altair\ns3cret\n"))
        asyncio.run(sender.send(LETTER, LONG))
    ((sent_by, sent_to, raw),) = inbox.mails
    assert (sent_by, sent_to) == ("altair@example.com", ["ann@example.com", "bob@example.com"])
    message = message_from_bytes(raw, policy=policy.default)
    assert message["Subject"] == LETTER.subject
    assert message["To"] == "ann@example.com, bob@example.com"
    assert message["Date"].datetime.timestamp() == LETTER.notice.at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().strip().splitlines() == LETTER.body.strip().splitlines()


def test_a_mail_server_without_tls_is_told_where_the_settings_say_so() -> None:
    inbox = Inbox()
    with mail_server(inbox, None) as port:
        asyncio.run(mail(port, "none").send(LETTER, LONG))
    assert len(inbox.mails) == 1


def test_a_mail_server_without_starttls_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    inbox = Inbox()
    with mail_server(inbox, None) as port, pytest.raises(Unavailable, match="it cannot be spoken to"):
        asyncio.run(mail(port, "starttls", login_file=secret(tmp_path, "altair\ns3cret")).send(LETTER, LONG))
    assert inbox.mails == []


def test_a_wrong_password_is_named_by_its_code_and_not_shown(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    inbox = Inbox()
    with mail_server(inbox, serving_context(authority)) as port:
        sender = mail(port, "starttls", ca_file=ca_file, login_file=secret(tmp_path, "altair\nwr0ng"))
        with pytest.raises(Unavailable, match=r"^it answered with 535$"):
            asyncio.run(sender.send(LETTER, LONG))
    assert inbox.mails == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_mail_server_whose_certificate_is_not_trusted_gets_nothing(tls: str, ca_file: str, tmp_path: Path) -> None:
    inbox, other = Inbox(), trustme.CA(key_type=trustme.KeyType.ECDSA)
    with mail_server(inbox, serving_context(other), implicit=tls == "implicit") as port:
        sender = mail(port, tls, ca_file=ca_file, login_file=secret(tmp_path, "altair\ns3cret"))
        with pytest.raises(Unavailable, match="its certificate is not trusted"):
            asyncio.run(sender.send(LETTER, LONG))
    assert inbox.mails == []


def test_a_mail_server_that_refuses_hangs_or_is_not_there_is_named() -> None:
    with mail_server(Inbox("451 later"), None) as port, pytest.raises(Unavailable, match=r"^it answered with 451$"):
        asyncio.run(mail(port, "none").send(LETTER, LONG))
    with listener() as port, pytest.raises(Unavailable, match=r"did not take the message within 0\.5 s"):
        asyncio.run(mail(port, "none").send(LETTER, SHORT))
    with pytest.raises(Unavailable, match="it cannot be spoken to"):
        asyncio.run(mail(closed_port(), "none").send(LETTER, LONG))


def program(*lines: str) -> Program:
    return Program((sys.executable, "-c", "\n".join(lines)))


def test_a_program_gets_the_notice_on_its_standard_input_and_nothing_on_its_command_line(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    script = "import json,sys; json.dump([sys.stdin.read(), sys.argv[1:]], open(sys.argv[1], 'w'))"
    asyncio.run(Program((sys.executable, "-c", script, str(out), "$(touch x); *")).send(LETTER, LONG))
    said, arguments = json.loads(out.read_text())
    assert json.loads(said)["sentence"] == LETTER.notice.sentence
    assert arguments == [str(out), "$(touch x); *"]


def test_a_program_that_reads_nothing_is_told_all_the_same() -> None:
    asyncio.run(Program(("true",)).send(LETTER, LONG))


def test_a_program_that_fails_or_does_not_exist_is_named() -> None:
    with pytest.raises(Unavailable, match="ended with 3"):
        asyncio.run(program("raise SystemExit(3)").send(LETTER, LONG))
    with pytest.raises(Unavailable, match=r"/no/program cannot be run: No such file"):
        asyncio.run(Program(("/no/program",)).send(LETTER, LONG))
    with pytest.raises(InvalidInput, match="/no/program is no program"):
        Program(("/no/program",)).prove()


def gone(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return text.rpartition(")")[2].split()[0] == "Z"


def test_a_program_that_hangs_is_killed_at_its_deadline_with_what_it_started(tmp_path: Path) -> None:
    told = tmp_path / "pids"
    hanging = program(
        "import os, signal, subprocess, sys, time",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
        "child = subprocess.Popen(['sleep', '1000'])",
        f"open('{told}.new', 'w').write(f'{{os.getpid()}} {{child.pid}}')",
        f"os.rename('{told}.new', '{told}')",
        "time.sleep(1000)",
    )
    with pytest.raises(Unavailable, match="did not end within 5 s and was killed"):
        asyncio.run(hanging.send(LETTER, 5.0))
    pids = [int(pid) for pid in told.read_text().split()]
    assert len(pids) == 2
    for pid in pids:
        services.wait_until(f"the end of {pid}", lambda pid=pid: gone(pid))  # type: ignore[misc]


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_secret_that_others_may_read_is_not_used(mode: int, tmp_path: Path) -> None:
    path = secret(tmp_path, SECRET, mode)
    assert stat.S_IMODE(os.stat(path).st_mode) == mode
    with pytest.raises(InvalidInput, match="is open to others; give it the mode 0600") as error:
        Webhook(url="https://127.0.0.1/", secret_file=path).prove()
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("text", ["", " \n", "one\ntwo\nthree", "a\x00b\nc"])
def test_a_login_that_is_not_two_lines_is_refused_without_being_shown(text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the secret file") as error:
        mail(25, "starttls", login_file=secret(tmp_path, text)).prove()
    assert "one" not in str(error.value)


def test_an_address_in_a_file_is_used_and_never_shown(authority: trustme.CA, ca_file: str, tmp_path: Path) -> None:
    async def both() -> None:
        async with web_server(serving_context(authority)) as server:
            hook = Webhook(url_file=secret(tmp_path, server.url + "\n"), ca_file=ca_file)
            hook.prove()
            await hook.send(LETTER, LONG)
            assert [path for path, _headers, _body in server.asked] == [PATH]

    asyncio.run(both())
    with pytest.raises(InvalidInput, match="must hold an address such as") as error:
        Webhook(url_file=secret(tmp_path, "ftp://example.com/hidden")).prove()
    assert "hidden" not in str(error.value)


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path, reason in ((str(tmp_path / "absent"), "No such file"), (secret(tmp_path, "no pem"), "cannot be used")):
        with pytest.raises(InvalidInput, match=reason):
            Webhook(url="https://127.0.0.1/", ca_file=path).prove()
