# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which account a replica receives, and how: what a channel is given that is made anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .channel_terms import Value, terms_of
from .errors import InvalidInput

# A source that is away for some days is tried all the same; the server's default gives up after ten attempts.
KEEPS_TRYING = {"SOURCE_CONNECT_RETRY": 5, "SOURCE_RETRY_COUNT": 86400}
DEFAULT_MODE = "REQUIRED"
# What `ssl-mode` of an option file means for a channel.
MODES: dict[str, dict[str, int]] = {
    "DISABLED": {"SOURCE_SSL": 0, "GET_SOURCE_PUBLIC_KEY": 1},
    "REQUIRED": {"SOURCE_SSL": 1},
    "VERIFY_CA": {"SOURCE_SSL": 1},
    "VERIFY_IDENTITY": {"SOURCE_SSL": 1, "SOURCE_SSL_VERIFY_SERVER_CERT": 1},
}
FILES = {"ssl-ca": "SOURCE_SSL_CA", "ssl-cert": "SOURCE_SSL_CERT", "ssl-key": "SOURCE_SSL_KEY"}


@dataclass(frozen=True, slots=True)
class ChannelAccount:
    """``options``: of CHANGE REPLICATION SOURCE TO, all but host, port and password."""

    user: str
    password: str
    options: Mapping[str, Value]

    def __repr__(self) -> str:  # the generated one would show the password
        return f"ChannelAccount({self.user!r})"

    def like(self, shown: Mapping[str, str]) -> ChannelAccount:
        """For a channel with the options of the one that is ``shown``; with our own where none is."""
        return replace(self, options=terms_of(shown) or self.options)


def channel_account(found: Mapping[str, str], source: str) -> ChannelAccount:
    """From the ``[client]`` group of the option file ``source``; InvalidInput names what is missing or unusable."""
    if not found.get("user") or "password" not in found:
        raise InvalidInput(f"the replication account's file {source} has no user and password in its [client] group")
    mode = found.get("ssl-mode", DEFAULT_MODE).upper()
    if mode not in MODES:
        raise InvalidInput(f"ssl-mode {mode} in {source} is not one of {', '.join(MODES)}")
    if mode.startswith("VERIFY") and "ssl-ca" not in found:
        raise InvalidInput(f"ssl-mode {mode} in {source} needs ssl-ca, a path on the database hosts")
    files = {option: found[name] for name, option in FILES.items() if name in found}
    return ChannelAccount(
        user=found["user"], password=found["password"], options={**MODES[mode], **files, **KEEPS_TRYING}
    )
