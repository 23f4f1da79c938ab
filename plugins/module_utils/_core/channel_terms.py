# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a replication channel, from what a server shows of one to what another is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Union

Value = Union[str, int, Decimal]  # noqa: UP007 - read as Python 3.8


@dataclass(frozen=True, slots=True)
class Term:
    """``shown``: the server's column. ``said``: the option of CHANGE REPLICATION SOURCE. ``as_value``: of its text."""

    shown: str
    said: str
    as_value: Callable[[str], Value]


def _flag(text: str) -> int:
    return int(text.upper() in ("YES", "1"))


def _seconds(text: str) -> Decimal:
    return Decimal(f"{float(text):.3f}")


# Neither where the source is nor who logs in there; nor NETWORK_INTERFACE, which is of one host.
TERMS: tuple[Term, ...] = (
    Term("SSL_ALLOWED", "SOURCE_SSL", _flag),
    Term("SSL_CA_FILE", "SOURCE_SSL_CA", str),
    Term("SSL_CA_PATH", "SOURCE_SSL_CAPATH", str),
    Term("SSL_CERTIFICATE", "SOURCE_SSL_CERT", str),
    Term("SSL_KEY", "SOURCE_SSL_KEY", str),
    Term("SSL_CIPHER", "SOURCE_SSL_CIPHER", str),
    Term("SSL_VERIFY_SERVER_CERTIFICATE", "SOURCE_SSL_VERIFY_SERVER_CERT", _flag),
    Term("SSL_CRL_FILE", "SOURCE_SSL_CRL", str),
    Term("SSL_CRL_PATH", "SOURCE_SSL_CRLPATH", str),
    Term("TLS_VERSION", "SOURCE_TLS_VERSION", str),
    Term("TLS_CIPHERSUITES", "SOURCE_TLS_CIPHERSUITES", str),
    Term("PUBLIC_KEY_PATH", "SOURCE_PUBLIC_KEY_PATH", str),
    Term("GET_PUBLIC_KEY", "GET_SOURCE_PUBLIC_KEY", _flag),
    Term("CONNECTION_RETRY_INTERVAL", "SOURCE_CONNECT_RETRY", int),
    Term("CONNECTION_RETRY_COUNT", "SOURCE_RETRY_COUNT", int),
    Term("HEARTBEAT_INTERVAL", "SOURCE_HEARTBEAT_PERIOD", _seconds),
)
UNSET = ("", "None")


def terms_of(shown: Mapping[str, str]) -> dict[str, Value]:
    """Option → value, for a channel like the one that is ``shown``; what is not set there is not said."""
    return {term.said: term.as_value(shown[term.shown]) for term in TERMS if shown.get(term.shown, "") not in UNSET}
