# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents and monitors, over HTTPS with certificates on both sides, by aiohttp. Every question has a deadline."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from .._core.errors import InvalidInput, Unavailable
from .._core.wire import Refusal
from . import deps
from .codec import decode, encode

with deps.declare("aiohttp"):
    import aiohttp

Shape = TypeVar("Shape")
Result = TypeVar("Result")

ANSWER_BYTES_MAX = 256 * 1024 * 1024  # a salvaged tail of a binary log is the largest thing that is ever sent
CLOSE_SECONDS = 1.0
CONNECT_SECONDS_MAX = 3.0  # a host that is gone costs this much, however long its answer might take


@dataclass(frozen=True, kw_only=True, slots=True)
class TlsFiles:
    """Paths of PEM files: the authority both sides trust, and this side's own certificate and key."""

    ca: str
    certificate: str
    key: str


def tls_context(files: TlsFiles, *, server: bool) -> ssl.SSLContext:
    """TLS 1.3 with certificates required on both sides; InvalidInput names the file that cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    for path in (files.ca, files.certificate, files.key):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise InvalidInput(f"the TLS file {path} cannot be read: {error.strerror}") from None
    try:
        context.load_verify_locations(files.ca)
        context.load_cert_chain(files.certificate, files.key)
    except (ssl.SSLError, OSError) as error:
        raise InvalidInput(
            f"{files.ca}, {files.certificate} and {files.key} are not a usable TLS set: {error}"
        ) from None
    return context


class Caller:
    """A pool of HTTPS connections to agents and monitors. Use as ``async with Caller(files) as caller``.

    ``each_max``: connections to the same one; further questions wait for their turn. 0: no limit.
    """

    def __init__(self, files: TlsFiles, *, each_max: int = 0) -> None:
        deps.require("aiohttp", "pydantic")
        self._context = tls_context(files, server=False)
        self._each_max = each_max
        self._session: Any = None

    async def __aenter__(self) -> Caller:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._context, limit=0, limit_per_host=self._each_max)
        )
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._session.close()

    async def get(self, url: str, shape: type[Shape], seconds: float) -> Shape:
        return await self._ask("GET", url, None, shape, seconds)

    async def post(self, url: str, question: object, shape: type[Shape], seconds: float) -> Shape:
        return await self._ask("POST", url, encode(question), shape, seconds)

    async def _ask(self, method: str, url: str, body: bytes | None, shape: type[Shape], seconds: float) -> Shape:
        """Raise Unavailable when no usable answer came in time, with the neighbour's own sentence if it gave one."""
        connect_seconds = min(seconds, CONNECT_SECONDS_MAX)
        try:
            async with self._session.request(
                method,
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=connect_seconds),
            ) as reply:
                raw = await _read(reply, url)
                status = reply.status
        except aiohttp.ConnectionTimeoutError:
            raise Unavailable(f"{url} could not be connected to within {connect_seconds:g} s") from None
        except TimeoutError:
            raise Unavailable(f"{url} did not answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(f"{url} cannot be reached: {error}") from None
        if status != 200:
            raise Unavailable(f"{url} refused ({status}): {_sentence(raw)}")
        try:
            return decode(shape, raw, url)
        except InvalidInput as error:
            raise Unavailable(str(error)) from None


class KeptCaller:
    """A ``Caller`` on a thread of its own, for who is not asynchronous and comes back to the same agents at once."""

    def __init__(self, files: TlsFiles) -> None:
        self._caller = Caller(files)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="agents", daemon=True)
        self._thread.start()
        self._submit(self._caller.__aenter__()).result()

    def _submit(self, work: Coroutine[Any, Any, Result]) -> Future[Result]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def ask(self, work: Callable[[Caller], Coroutine[Any, Any, Result]]) -> Result:
        return self._submit(work(self._caller)).result()

    def begin(self, work: Callable[[Caller], Coroutine[Any, Any, Result]]) -> None:
        """Nobody waits for it, and nobody learns what came of it."""
        self._submit(work(self._caller)).add_done_callback(lambda done: done.cancelled() or done.exception())

    def close(self) -> None:
        with suppress(TimeoutError):
            self._submit(self._caller.__aexit__()).result(CLOSE_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)


async def _read(reply: aiohttp.ClientResponse, url: str) -> bytes:
    raw = bytearray()
    async for chunk in reply.content.iter_any():
        raw += chunk
        if len(raw) > ANSWER_BYTES_MAX:
            raise Unavailable(f"{url} answers with more than {ANSWER_BYTES_MAX} bytes")
    return bytes(raw)


def _sentence(raw: bytes) -> str:
    try:
        return decode(Refusal, raw, "refusal").sentence
    except InvalidInput:
        return raw[:200].decode("utf-8", "replace")


async def post_to_stranger(
    url: str, body: bytes, headers: Mapping[str, str], context: ssl.SSLContext, seconds: float
) -> int:
    """The status that an HTTP server outside the system answers with; Unavailable, without the URL, when it does not.

    A URL may itself be a secret. Redirects are not followed: the headers may be one, too.
    """
    deps.require("aiohttp")
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
            session.post(
                url,
                data=body,
                headers=dict(headers),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, CONNECT_SECONDS_MAX)),
            ) as reply,
        ):
            return int(reply.status)
    except TimeoutError:
        raise Unavailable(f"it did not answer within {seconds:g} s") from None
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unavailable(f"its certificate is not trusted: {error.certificate_error}") from None
    except aiohttp.ClientConnectorError as error:
        raise Unavailable(f"it cannot be connected to: {error.os_error.strerror or type(error).__name__}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise Unavailable(f"it cannot be spoken to ({type(error).__name__})") from None


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """For modules, which are not asynchronous: one loop for one conversation."""
    return asyncio.run(work)


def base_url(address: str, port: int) -> str:
    return f"https://[{address}]:{port}" if ":" in address else f"https://{address}:{port}"
