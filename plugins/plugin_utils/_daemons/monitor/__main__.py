# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import asyncio
import gc
import sys

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters import deps
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.loop import main
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.monitor.daemon import run
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import MonitorSettings

with deps.declare("uvloop"):
    import uvloop


def new_loop() -> asyncio.AbstractEventLoop:
    deps.require("uvloop")
    return uvloop.new_event_loop()


if __name__ == "__main__":
    gc.set_threshold(20_000, 50)  # a report leaves no cycles behind; what is held lives as long as its connection
    sys.exit(main("monitor", MonitorSettings, run, new_loop=new_loop))
