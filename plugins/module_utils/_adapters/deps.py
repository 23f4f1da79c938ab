# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third-party imports that may be missing where this file is only being looked at (documentation, sanity checks).

``with declare("kazoo"): import kazoo`` never fails; ``require("kazoo")`` says in one sentence what to install.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .._core.errors import InvalidInput

_missing: dict[str, str] = {}


@contextmanager
def declare(package: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        _missing[package] = str(error)


def present(package: str) -> bool:
    return package not in _missing


def require(*packages: str) -> None:
    """Raise InvalidInput that names the packages which could not be imported by this Python."""
    lacking = [package for package in packages if package in _missing]
    if lacking:
        raise InvalidInput(
            f"{sys.executable} lacks {', '.join(lacking)};"
            " install what roles/runtime/files/requirements-daemon.txt lists"
        )
