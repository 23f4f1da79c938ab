# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A channel's options before and after it was pointed at another source: none but host and port may differ."""

from __future__ import annotations

from collections.abc import Mapping

Options = Mapping[str, str]  # column of the server's own tables → value

MOVED = frozenset({"HOST", "PORT"})
# Without one of these the receiver would send its password, and all data, to somebody whom it does not know.
TLS = frozenset(
    {
        "SSL_ALLOWED",
        "SSL_CA_FILE",
        "SSL_CA_PATH",
        "SSL_CERTIFICATE",
        "SSL_KEY",
        "SSL_CIPHER",
        "SSL_VERIFY_SERVER_CERTIFICATE",
        "SSL_CRL_FILE",
        "SSL_CRL_PATH",
        "TLS_VERSION",
        "TLS_CIPHERSUITES",
    }
)
AUTO_FAILOVER = "SOURCE_CONNECTION_AUTO_FAILOVER"


def changed_options(before: Options, after: Options) -> dict[str, str]:
    """Name → what it was and what it is, in words; also of those that are shown only once."""
    return {
        name: f"was {before.get(name, 'not there')}, is {after.get(name, 'not there')}"
        for name in sorted({*before, *after} - MOVED)
        if before.get(name) != after.get(name)
    }


def tls_changes(changed: Mapping[str, str]) -> tuple[str, ...]:
    """The TLS options among those that changed."""
    return tuple(name for name in changed if name in TLS)


def moves_by_itself(options: Options) -> bool:
    """Whether asynchronous connection failover is on: the server may then choose another source without being told."""
    return options.get(AUTO_FAILOVER) == "1"
