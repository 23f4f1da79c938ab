# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The authoritative name servers, by dnspython: a signed compare-and-set (RFC 2136, RFC 8945) and a direct question."""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._core.errors import Conflict, InvalidInput, Unavailable
from . import deps

with deps.declare("dnspython"):
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype
    import dns.tsig
    import dns.update

    # EOFError: the server hung up before it answered.
    _FAILURES = (dns.exception.DNSException, OSError, EOFError)

# A quoted string, a comment of any of BIND's three kinds, a mark, a word.
_TOKEN = re.compile(r'"([^"]*)"|(?:#|//)[^\n]*|/\*.*?\*/|([{};])|([^\s"{};]+)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class TsigKey:
    name: str
    algorithm: str
    secret: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server holds under a name: addresses, sorted, and the TTL in seconds (0 when there is no record)."""

    server: str
    addresses: tuple[str, ...]
    ttl_seconds: int


def read_key_file(path: str) -> TsigKey:
    """A key in BIND's format (``tsig-keygen``); raise InvalidInput that names the file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"the TSIG key file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text = ""
    key = _first_key(text)
    if key is None:
        raise InvalidInput(f"the TSIG key file {path} holds no key; expected the form that tsig-keygen prints")
    return key


def _first_key(text: str) -> TsigKey | None:
    words = [found[found.lastindex] for found in _TOKEN.finditer(text) if found.lastindex]
    if "key" not in words:
        return None
    name, mark, *statements = [*words[words.index("key") + 1 :], "", ""][:8]
    fields = dict(zip(statements[0::3], statements[1::3], strict=False))
    if mark != "{" or not {"algorithm", "secret"} <= set(fields):
        return None
    return TsigKey(name, fields["algorithm"], fields["secret"])


def record_type(address: str) -> str:
    return "AAAA" if ipaddress.ip_address(address).version == 6 else "A"


def resolve(server: str, port: int, name: str, kind: str, seconds: float) -> Answer:
    """Ask one authoritative server, no cache between; raise Unavailable when it does not answer for the zone."""
    deps.require("dnspython")
    query = dns.message.make_query(name, kind)
    query.flags &= ~dns.flags.RD
    try:
        reply, _tcp = dns.query.udp_with_fallback(query, server, timeout=seconds, port=port)
    except _FAILURES as error:
        raise Unavailable(f"the name server {server} does not answer for {name}: {_text(error)}") from error
    rcode = reply.rcode()
    if rcode not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) or not reply.flags & dns.flags.AA:
        raise Unavailable(f"the name server {server} is not authoritative for {name} ({dns.rcode.to_text(rcode)})")
    owner, rdtype = dns.name.from_text(name), dns.rdatatype.from_text(kind)
    rrset = reply.get_rrset(reply.answer, owner, query.question[0].rdclass, rdtype)
    if rrset is None:
        return Answer(server, (), 0)
    return Answer(server, tuple(sorted(rdata.to_text() for rdata in rrset)), rrset.ttl)


def replace_address(
    server: str,
    port: int,
    *,
    zone: str,
    name: str,
    old: tuple[str, ...],
    new: str,
    ttl_seconds: int,
    key: TsigKey,
    seconds: float,
) -> None:
    """In one signed message: only if ``name`` still holds exactly ``old`` (empty: no such record), make it ``new``.

    Raises Conflict when it holds something else, InvalidInput when the key or our clock is refused, Unavailable
    otherwise: then the update may have been carried out all the same, if its answer was lost.
    """
    deps.require("dnspython")
    kind = record_type(new)
    owner = dns.name.from_text(name)
    try:
        keyring = {dns.name.from_text(key.name): dns.tsig.Key(key.name, key.secret, key.algorithm)}
        update = dns.update.UpdateMessage(zone, keyring=keyring)
        update.use_tsig(keyring, keyname=dns.name.from_text(key.name), algorithm=dns.name.from_text(key.algorithm))
    except KeyError:
        raise InvalidInput(f"the TSIG key '{key.name}' is not usable: nobody knows algorithm {key.algorithm}") from None
    except (dns.exception.DNSException, ValueError) as error:
        raise InvalidInput(f"the TSIG key '{key.name}' is not usable: {_text(error)}") from None
    if old:
        update.present(owner, kind, *old)
    else:
        update.absent(owner, kind)
    update.replace(owner, ttl_seconds, kind, new)
    try:
        reply = dns.query.tcp(update, server, timeout=seconds, port=port)
    except dns.tsig.PeerBadTime:
        question = dns.message.make_query(zone, "SOA")
        question.use_tsig(keyring, keyname=dns.name.from_text(key.name), algorithm=dns.name.from_text(key.algorithm))
        raise InvalidInput(_clock_sentence(server, _seconds_ahead(server, port, question, seconds))) from None
    except dns.tsig.PeerError as error:
        raise InvalidInput(f"the name server {server} refuses the TSIG key '{key.name}': {_text(error)}") from None
    except _FAILURES as error:
        raise Unavailable(f"the name server {server} does not take an update of {name}: {_text(error)}") from error
    _check_reply(reply.rcode(), server, name, old, key)


def _seconds_ahead(server: str, port: int, signed: Any, seconds: float) -> int | None:
    """By how much our clock is ahead of the server's, who tells its time where it refuses ours (RFC 8945, 5.2.3).

    ``signed`` is a question, which changes nothing should the clock be right by now. None: it does not say.
    """
    with suppress(*_FAILURES):
        with socket.create_connection((server, port), timeout=seconds) as connection:
            dns.query.send_tcp(connection, signed.to_wire())
            # The signature is not checked: it would be refused for its time, and a number in a sentence does no harm.
            reply, _at = dns.query.receive_tcp(connection, keyring=False)  # type: ignore[arg-type]
        if reply.tsig and len(reply.tsig[0].other) == 6:
            return int(signed.tsig[0].time_signed - int.from_bytes(reply.tsig[0].other, "big"))
    return None


def _clock_sentence(server: str, ahead: int | None) -> str:
    apart = "more than 300 s off" if ahead is None else f"{abs(ahead)} s {'ahead of' if ahead > 0 else 'behind'}"
    return f"our clock is {apart} the name server {server}'s, so it refuses what we sign; set the wrong one right"


def _check_reply(rcode: int, server: str, name: str, old: tuple[str, ...], key: TsigKey) -> None:
    if rcode == dns.rcode.NOERROR:
        return
    text = dns.rcode.to_text(dns.rcode.Rcode.make(rcode))
    if rcode in (dns.rcode.NXRRSET, dns.rcode.YXRRSET):
        raise Conflict(
            f"{name} on {server} no longer holds {', '.join(old) or 'nothing'}; nothing was changed ({text})"
        )
    if rcode in (dns.rcode.NOTAUTH, dns.rcode.REFUSED):
        raise InvalidInput(f"the name server {server} refuses the TSIG key '{key.name}' for {name} ({text})")
    raise Unavailable(f"the name server {server} does not take an update of {name} ({text})")


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
