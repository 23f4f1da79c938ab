# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a notice is sent with that is on this machine: files with a secret in them, authorities to trust."""

from __future__ import annotations

import os
import ssl

from .._core.errors import InvalidInput

SECRET_BYTES_MAX = 64 * 1024


def read_secret(path: str) -> str:
    """What the file holds, without the white space around it; InvalidInput when it is open to others, or empty."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(SECRET_BYTES_MAX)
    except OSError as error:
        raise InvalidInput(f"the secret file {path} cannot be read: {error.strerror}") from None
    if mode & 0o027:
        raise InvalidInput(f"the secret file {path} is open to others; give it the mode 0600, or 0640")
    try:
        text = raw.decode().strip()
    except UnicodeDecodeError:
        raise InvalidInput(f"the secret file {path} is not text") from None
    if not text:
        raise InvalidInput(f"the secret file {path} is empty")
    return text


def read_secret_line(path: str) -> str:
    """The one line that the file holds."""
    return _lines(path, 1, "one line")[0]


def read_user_and_password(path: str) -> tuple[str, str]:
    """The two lines that the file holds: user, password."""
    user, password = _lines(path, 2, "two lines, the user and the password")
    return user, password


def _lines(path: str, count: int, form: str) -> list[str]:
    lines = [line.strip() for line in read_secret(path).splitlines()]
    if len(lines) != count or not all(line.isprintable() for line in lines):
        raise InvalidInput(f"the secret file {path} must hold {form}")
    return lines


def trusting(ca_file: str | None) -> ssl.SSLContext:
    """A client's TLS context that trusts the system's authorities, or only those of ``ca_file``; names are checked."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", None) or "it holds no certificate"
        raise InvalidInput(f"the authorities in {ca_file} cannot be used: {reason}") from None
