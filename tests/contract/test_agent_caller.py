"""Questions to agents and monitors, asked of a real HTTPS server with real certificates."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import agent
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import (
    Caller,
    TlsFiles,
    base_url,
    run,
    tls_context,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import StopAnswer, StopRequest

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
QUESTION = StopRequest(cluster="orders", node="db1", job="orders-42", epoch=42)
ANSWER = {"process": "exited", "detail": "killed, it says “bye”"}
LONG = 30.0


class Certificates:
    """An authority and what it issues, as PEM files."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(str(folder / "ca.pem"))

    def issue(self, name: str, *identities: str) -> TlsFiles:
        issued = self._authority.issue_cert(*(identities or ("127.0.0.1", "::1")), common_name=name)
        issued.private_key_pem.write_to_path(str(self._folder / f"{name}.key"))
        (self._folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        files = (self._folder / file for file in ("ca.pem", f"{name}.pem", f"{name}.key"))
        return TlsFiles(**dict(zip(("ca", "certificate", "key"), map(str, files), strict=True)))


@pytest.fixture
def ours(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "theirs")


@asynccontextmanager
async def serving(files: TlsFiles, handler: Handler, host: str = "127.0.0.1") -> Any:
    """A server that answers every path with ``handler``; gives its base URL."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, 0, ssl_context=tls_context(files, server=True))
        await site.start()
        yield base_url(host, runner.addresses[0][1])
    finally:
        await runner.cleanup()


def ask(server: TlsFiles, client: TlsFiles, handler: Handler, seconds: float = LONG) -> StopAnswer:
    """One question to a server that lives only for it."""

    async def conversation() -> StopAnswer:
        async with serving(server, handler) as url, Caller(client) as caller:
            return await caller.post(f"{url}/v1/stop", QUESTION, StopAnswer, seconds)

    return run(conversation())


async def answers(_request: web.Request) -> web.Response:
    return web.json_response(ANSWER)


def fixed(body: bytes, status: int = 200) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, status=status)

    return handler


def test_a_question_arrives_as_it_was_asked_and_the_answer_as_it_was_given(ours: Certificates) -> None:
    heard: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        heard.append((request.method, request.path, request.content_type, await request.json()))
        return web.json_response(ANSWER)

    answer = ask(ours.issue("server"), ours.issue("client"), handler)
    asked = {"cluster": "orders", "node": "db1", "job": "orders-42", "epoch": 42}
    assert heard == [("POST", "/v1/stop", "application/json", asked)]
    assert answer == StopAnswer(process=ProcessState.EXITED, detail=ANSWER["detail"])


def test_a_get_carries_no_body(ours: Certificates) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.method == "GET"
        return web.json_response({"process": "running", "detail": repr(await request.read())})

    async def conversation() -> StopAnswer:
        async with serving(ours.issue("server"), handler) as url, Caller(ours.issue("client")) as caller:
            return await caller.get(f"{url}/v1/observation", StopAnswer, LONG)

    assert run(conversation()).detail == "b''"


def test_an_address_of_the_other_family_is_spelled_as_a_url(ours: Certificates) -> None:
    async def conversation() -> StopAnswer:
        async with serving(ours.issue("server"), answers, "::1") as url, Caller(ours.issue("client")) as caller:
            assert url.startswith("https://[::1]:")
            return await caller.post(url, QUESTION, StopAnswer, LONG)

    assert run(conversation()).process is ProcessState.EXITED


def test_a_neighbour_that_does_not_answer_costs_the_deadline_and_no_more(ours: Certificates) -> None:
    async def never(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    with pytest.raises(Unavailable, match=r"/v1/stop did not answer within 0\.2 s$"):
        ask(ours.issue("server"), ours.issue("client"), never, seconds=0.2)


def test_an_answer_that_never_ends_costs_the_deadline_and_no_more(ours: Certificates) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.01)

    with pytest.raises(Unavailable, match=r"did not answer within 0\.3 s$"):
        ask(ours.issue("server"), ours.issue("client"), drip, seconds=0.3)


def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def test_a_port_that_takes_the_connection_and_speaks_no_tls_costs_the_deadline(ours: Certificates) -> None:
    async def conversation(port: int) -> None:
        async with Caller(ours.issue("client")) as caller:
            await caller.post(f"https://127.0.0.1:{port}/v1/stop", QUESTION, StopAnswer, 0.3)

    for port in silent_port():
        with pytest.raises(Unavailable, match=r"within 0\.3 s$"):
            run(conversation(port))


def test_a_port_where_nobody_listens_is_refused_in_one_sentence(ours: Certificates) -> None:
    (port,) = silent_port()

    async def conversation() -> None:
        async with Caller(ours.issue("client")) as caller:
            await caller.post(f"https://127.0.0.1:{port}/v1/stop", QUESTION, StopAnswer, LONG)

    with pytest.raises(
        Unavailable, match=rf"^https://127\.0\.0\.1:{port}/v1/stop cannot be reached: .*Connect call failed"
    ) as caught:
        run(conversation())
    assert "\n" not in str(caught.value)


def test_a_server_of_another_authority_is_not_believed(ours: Certificates, theirs: Certificates) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached: .*certificate verify failed"):
        ask(theirs.issue("server"), ours.issue("client"), answers)


def test_a_certificate_of_another_address_is_not_believed(ours: Certificates) -> None:
    with pytest.raises(Unavailable, match=r"cannot be reached: .*certificate verify failed"):
        ask(ours.issue("server", "10.0.0.1"), ours.issue("client"), answers)


def test_a_client_of_another_authority_is_turned_away(ours: Certificates, theirs: Certificates) -> None:
    server, stranger = ours.issue("server"), theirs.issue("client")
    mixed = TlsFiles(ca=server.ca, certificate=stranger.certificate, key=stranger.key)
    with pytest.raises(Unavailable, match="cannot be reached"):
        ask(server, mixed, answers)


def test_a_client_without_a_certificate_is_turned_away(ours: Certificates) -> None:
    server = ours.issue("server")
    heard: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        heard.append(request.path)
        return web.json_response(ANSWER)

    async def conversation() -> None:
        trusting = ssl.create_default_context(cafile=server.ca)
        async with serving(server, handler) as url, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"{url}/v1/stop", data=b"{}", ssl=trusting)

    run(conversation())
    assert heard == []


def test_nothing_older_than_tls_1_3_is_spoken(ours: Certificates) -> None:
    files = ours.issue("server")

    async def conversation() -> None:
        old = ssl.create_default_context(cafile=files.ca)
        old.load_cert_chain(files.certificate, files.key)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        async with serving(files, answers) as url, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(url, ssl=old)

    run(conversation())


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500, 503])
def test_a_refusal_is_told_in_the_neighbours_own_sentence(ours: Certificates, status: int) -> None:
    said = json.dumps({"sentence": "mon1 does not watch orders/db1; ask mon2"}).encode()
    with pytest.raises(Unavailable, match=rf"/v1/stop refused \({status}\): mon1 does not watch orders/db1; ask mon2$"):
        ask(ours.issue("server"), ours.issue("client"), fixed(said, status))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_neighbour_that_sends_us_elsewhere_is_not_followed(ours: Certificates, status: int) -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/elsewhere":
            return web.json_response(ANSWER)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    with pytest.raises(Unavailable, match=rf"refused \({status}\)"):
        ask(ours.issue("server"), ours.issue("client"), handler)


def test_a_refusal_in_no_known_form_is_cut_short(ours: Certificates) -> None:
    with pytest.raises(Unavailable, match=r"refused \(502\): <html>") as caught:
        ask(ours.issue("server"), ours.issue("client"), fixed(b"<html>" + b"x" * 100_000, 502))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"process": "asleep", "detail": ""}', b'{"detail": ""}'])
def test_an_answer_that_is_garbage_is_no_answer(ours: Certificates, body: bytes) -> None:
    with pytest.raises(Unavailable, match="/v1/stop holds no valid StopAnswer: "):
        ask(ours.issue("server"), ours.issue("client"), fixed(body))


def test_an_answer_in_many_pieces_is_put_together(ours: Certificates) -> None:
    long = {"process": "exited", "detail": "x" * 300_000}

    async def pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        body = json.dumps(long).encode()
        for start in range(0, len(body), 50_000):
            await response.write(body[start : start + 50_000])
            await asyncio.sleep(0.01)
        return response

    assert ask(ours.issue("server"), ours.issue("client"), pieces).detail == long["detail"]


def test_an_answer_above_the_limit_is_given_up(ours: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "ANSWER_BYTES_MAX", 200_000)
    as_large = b" " * (200_000 - 40) + b'{"process": "exited", "detail": "fits"} '
    assert ask(ours.issue("server"), ours.issue("client"), fixed(as_large)).detail == "fits"
    with pytest.raises(Unavailable, match="answers with more than 200000 bytes"):
        ask(ours.issue("server"), ours.issue("client"), fixed(as_large + b" "))


def test_an_answer_that_breaks_off_is_no_answer(ours: Certificates) -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"process"')
        assert request.transport
        request.transport.abort()
        return response

    with pytest.raises(Unavailable, match="cannot be reached"):
        ask(ours.issue("server"), ours.issue("client"), breaks)


@pytest.mark.parametrize("server", [True, False], ids=["server", "client"])
def test_a_tls_file_that_is_missing_or_garbage_is_named(ours: Certificates, tmp_path: Path, server: bool) -> None:
    files = ours.issue("node")
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("nothing of use")
    for broken in (
        TlsFiles(ca="/no/ca.pem", certificate=files.certificate, key=files.key),
        TlsFiles(ca=files.ca, certificate=files.certificate, key="/no/node.key"),
        TlsFiles(ca=str(garbage), certificate=files.certificate, key=files.key),
        TlsFiles(ca=files.ca, certificate=str(garbage), key=files.key),
        TlsFiles(ca=files.ca, certificate=files.certificate, key=ours.issue("other").key),
    ):
        with pytest.raises(InvalidInput) as caught:
            tls_context(broken, server=server)
        assert {broken.ca, broken.certificate, broken.key} & set(str(caught.value).replace(",", " ").split())
