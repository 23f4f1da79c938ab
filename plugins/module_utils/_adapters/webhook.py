# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A notice to a web server, as JSON by POST."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .._core.errors import InvalidInput, Unavailable
from .._core.notice import Letter
from .agent import post_to_stranger
from .secret_file import read_secret_line, trusting

URL = re.compile(r"https?://[^\s/@]+(/\S*)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """``url``, or the file that holds it; the files are read anew for each notice."""

    url: str | None = None
    url_file: str | None = None
    ca_file: str | None = None
    header: str = "Authorization"
    secret_file: str | None = None

    def prove(self) -> None:
        self._address()
        self._headers()
        trusting(self.ca_file)

    async def send(self, letter: Letter, seconds: float) -> None:
        """Raise Unavailable, without the address, when it was not taken with a status of 200 to 299."""
        body = json.dumps(letter.payload).encode()
        status = await post_to_stranger(self._address(), body, self._headers(), trusting(self.ca_file), seconds)
        if not 200 <= status < 300:
            raise Unavailable(f"it answered with {status}")

    def _address(self) -> str:
        url = self.url if self.url_file is None else read_secret_line(self.url_file)
        if url is None or not URL.fullmatch(url):
            where = f"the file {self.url_file}" if self.url_file else "url"
            raise InvalidInput(f"{where} must hold an address such as https://hooks.example.com/altair")
        return url

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "altair.mysql_ha"}
        if self.secret_file is not None:
            headers[self.header] = read_secret_line(self.secret_file)
        return headers
