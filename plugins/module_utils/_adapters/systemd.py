# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd, by systemctl."""

from __future__ import annotations

import subprocess


def mask(unit: str, seconds: float) -> str:
    """So that nothing starts it before the next boot; empty, or what stood in the way. The unit is not stopped."""
    try:
        done = subprocess.run(
            ["systemctl", "mask", "--runtime", "--", unit],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        return "there is no systemctl"
    except subprocess.TimeoutExpired:
        return f"systemctl did not answer within {seconds:g} s"
    except OSError as error:
        return f"systemctl cannot be started: {error.strerror}"
    said = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return "" if done.returncode == 0 else (said[-1] if said else f"systemctl ended with {done.returncode}")
