# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list ``notifications`` of a daemon's settings: whom to tell, of what, and how.

The text below a key is what docs/settings.md says of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Union

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import told_apart_by
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mail import Mail
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.program import Program
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.webhook import Webhook
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.notice import Kind, Letter, Severity, Wants

from .checked import Checked, Matching, Name, Port, Text, Within

Addresses = Annotated[tuple[str, ...], Matching(r"[^@\s,<>]+@[^@\s,<>]+", "one or more of name@example.com")]
Address = Annotated[str, Matching(r"[^@\s,<>]+@[^@\s,<>]+", "an address such as altair@example.com")]
Command = Annotated[tuple[str, ...], Matching(r"(?s)[^\0]+", "a program and its arguments")]
Names = tuple[Name, ...]


class Sender(Protocol):
    """One way of telling; ``send`` raises an AltairError when the notice was not taken."""

    def prove(self) -> None: ...

    async def send(self, letter: Letter, seconds: float) -> None: ...


@dataclass(frozen=True, kw_only=True)
class AnyTarget(Checked):
    """What every target has."""

    name: Name
    """Name of the target in the log; one of its own."""
    kinds: tuple[Kind, ...] = ()
    """Tell only of these, a list; none: of all."""
    severity_min: Severity = Severity.INFO
    """Tell only of what is at least so grave."""
    clusters: Names = ()
    """Tell only of these clusters, a list; none: of all."""
    addressed_only: bool = False
    """Tell only of what is addressed to it: the paused jobs of the clusters that have a team with this target."""
    seconds: Annotated[float, Within(0.1, 60.0)] = 10.0
    """How long one attempt may take; there are four, 1, 5 and 15 s apart."""
    repeat_seconds: Annotated[float, Within(0.0, 86400.0)] = 600.0
    """The same is not told again within so long."""
    waiting_max: Annotated[int, Within(1, 10000)] = 100
    """How many notices may wait for it; when there are more, the oldest of the least grave is dropped."""

    @property
    def wants(self) -> Wants:
        return Wants(
            name=self.name,
            addressed_only=self.addressed_only,
            kinds=frozenset(self.kinds),
            severity_min=self.severity_min,
            clusters=frozenset(self.clusters),
        )

    @property
    def sender(self) -> Sender:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class WebhookTarget(AnyTarget):
    """A web server that takes JSON."""

    kind: Literal["webhook"]
    """A web server is told, with JSON by POST."""
    url: Text | None = None
    """Its address; never logged. Either this or url_file is required."""
    url_file: str | None = None
    """File of mode 0600 that holds the address, where that is itself a secret."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate; without it the system's authorities are trusted."""
    header: Annotated[str, Matching(r"[A-Za-z0-9-]+", "the name of an HTTP header")] = "Authorization"
    """The header that the secret is sent in."""
    secret_file: str | None = None
    """File of mode 0600 that holds that header's value, such as Bearer and a token, in one line."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.url is None) is (self.url_file is None):
            raise ValueError("one of url and url_file is needed, and not both")
        if self.secret_file and (self.url or "").startswith("http://"):
            raise ValueError("a secret is sent to an address that begins with https:// only")

    @property
    def sender(self) -> Webhook:
        return Webhook(
            url=self.url,
            url_file=self.url_file,
            ca_file=self.ca_file,
            header=self.header,
            secret_file=self.secret_file,
        )


@dataclass(frozen=True, kw_only=True)
class EmailTarget(AnyTarget):
    """People who are sent e-mail."""

    kind: Literal["email"]
    """E-mail is sent."""
    host: Text
    """The server that takes it, by its name or address."""
    port: Port = 587
    """Its port; 587 is usual for STARTTLS, 465 for implicit TLS, 25 for none."""
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    """How the connection is protected: begun with STARTTLS, from its start, or not at all."""
    ca_file: str | None = None
    """PEM file of the authority that signed its certificate; without it the system's authorities are trusted."""
    login_file: str | None = None
    """File of mode 0600 with two lines, user and password; without it there is no login."""
    sender_address: Address
    """Who it is from."""
    recipients: Addresses
    """Who it is for, a list."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.login_file is not None and self.tls == "none":
            raise ValueError("login_file needs tls to be starttls or implicit")

    @property
    def sender(self) -> Mail:
        return Mail(
            host=self.host,
            port=self.port,
            sender=self.sender_address,
            recipients=self.recipients,
            tls=self.tls,
            ca_file=self.ca_file,
            login_file=self.login_file,
        )


@dataclass(frozen=True, kw_only=True)
class CommandTarget(AnyTarget):
    """A program that does what nothing here does."""

    kind: Literal["command"]
    """A program is run, with the notice as JSON on its standard input."""
    command: Command
    """The program and its arguments, a list; they are the same each time and no shell reads them."""

    @property
    def sender(self) -> Program:
        return Program(self.command)


Target = Annotated[Union[WebhookTarget, EmailTarget, CommandTarget], told_apart_by("kind")]  # noqa: UP007 - for ansible-test


def prove_targets(targets: Sequence[AnyTarget]) -> None:
    """Raise InvalidInput that names the target whose files or program cannot be used, or that has another's name."""
    twice = [name for name, count in Counter(target.name for target in targets).items() if count > 1]
    if twice:
        raise InvalidInput(f"two notifications are named {twice[0]}; give each a name of its own")
    for target in targets:
        try:
            target.sender.prove()
        except InvalidInput as error:
            raise InvalidInput(f"the notification {target.name}: {error}") from None
