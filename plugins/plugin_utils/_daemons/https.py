# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agents and monitors serve over HTTPS: certificates on both sides, JSON in our shapes, errors as one sentence."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import deps
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import TlsFiles, tls_context
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import (
    AltairError,
    InvalidInput,
    Refused,
    Unavailable,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import Refusal

from .settings import Listen

with deps.declare("aiohttp"):
    from aiohttp import web

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 4 * 1024 * 1024
STATUS_OF: tuple[tuple[type[AltairError], int], ...] = ((InvalidInput, 400), (Refused, 403), (Unavailable, 503))


@dataclass(frozen=True, slots=True)
class Peer:
    """Who called, by the certificate our authority signed: common name and organizational unit."""

    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Route:
    """``shape`` is what the body must hold (None: no body). ``serve`` returns one of our shapes, or its JSON encoded
    already. ``roles``: who may call; empty means anybody we know."""

    method: str
    path: str
    shape: type[Any] | None
    serve: Callable[[Peer, Any], Awaitable[object]]
    roles: frozenset[str] = frozenset()


def _peer(request: web.Request) -> Peer:
    transport = request.transport
    certificate = transport.get_extra_info("peercert") if transport else None
    fields = {key: value for part in (certificate or {}).get("subject", ()) for key, value in part}
    return Peer(fields.get("commonName", ""), fields.get("organizationalUnitName", ""))


def _answer(status: int, value: object) -> web.Response:
    body = value if isinstance(value, bytes) else encode(value)
    return web.Response(status=status, body=body, content_type="application/json")


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        peer = _peer(request)
        try:
            if route.roles and peer.role not in route.roles:
                raise Refused(
                    f"a certificate of '{peer.role}' may not call {route.path}; it takes {sorted(route.roles)}"
                )
            body = decode(route.shape, await request.read(), f"the request of {peer.name}") if route.shape else None
            return _answer(200, await route.serve(peer, body))
        except AltairError as error:
            status = next((code for kind, code in STATUS_OF if isinstance(error, kind)), 500)
            log.info("refused %s to %s: %s", route.path, peer.name, error)
            return _answer(status, Refusal(sentence=str(error)))

    return handle


@asynccontextmanager
async def serving(listen: Listen, tls: TlsFiles, routes: tuple[Route, ...]) -> AsyncIterator[None]:
    """Serve ``routes`` for the block's length; InvalidInput when the address cannot be taken."""
    deps.require("aiohttp")
    application = web.Application(client_max_size=BODY_BYTES_MAX)
    for route in routes:
        application.router.add_route(route.method, route.path, _handler(route))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, listen.host, listen.port, ssl_context=tls_context(tls, server=True))
        try:
            await site.start()
        except OSError as error:
            raise InvalidInput(f"cannot listen on {listen.host}:{listen.port}: {error.strerror}") from None
        yield
    finally:
        await runner.cleanup()
