# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notice by e-mail, by aiosmtplib."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from .._core.errors import Unavailable
from .._core.notice import Letter
from . import deps
from .secret_file import read_user_and_password, trusting

with deps.declare("aiosmtplib"):
    import aiosmtplib

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """``tls``: begun with STARTTLS, spoken from the start, or not at all. ``login_file``: user and password."""

    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    tls: Literal["starttls", "implicit", "none"]
    ca_file: str | None = None
    login_file: str | None = None

    def prove(self) -> None:
        deps.require("aiosmtplib")
        trusting(self.ca_file)
        if self.login_file is not None:
            read_user_and_password(self.login_file)

    async def send(self, letter: Letter, seconds: float) -> None:
        """Raise Unavailable when the server took it for no recipient."""
        deps.require("aiosmtplib")
        login = read_user_and_password(self.login_file) if self.login_file is not None else (None, None)
        try:
            async with asyncio.timeout(seconds):
                refused, _answer = await aiosmtplib.send(
                    self._message(letter),
                    hostname=self.host,
                    port=self.port,
                    username=login[0],
                    password=login[1],
                    use_tls=self.tls == "implicit",
                    start_tls=self.tls == "starttls",
                    tls_context=trusting(self.ca_file) if self.tls != "none" else None,
                    timeout=seconds,
                )
        except (TimeoutError, aiosmtplib.SMTPTimeoutError):
            raise Unavailable(f"it did not take the message within {seconds:g} s") from None
        except aiosmtplib.SMTPResponseException as error:
            raise Unavailable(f"it answered with {error.code}") from None
        except aiosmtplib.SMTPRecipientsRefused:
            raise Unavailable("it refused every recipient") from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            cause = error if isinstance(error, ssl.SSLError) else error.__cause__
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise Unavailable(f"its certificate is not trusted: {cause.verify_message}") from None
            raise Unavailable(f"it cannot be spoken to ({type(error).__name__})") from None
        if refused:  # not an error: sent again, those who have it would get it twice
            log.warning("%s refused %d of %d recipients of a notice", self.host, len(refused), len(self.recipients))

    def _message(self, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Subject"] = letter.subject
        message["Date"] = formatdate(letter.notice.at, localtime=False)
        message["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.body)
        return message
