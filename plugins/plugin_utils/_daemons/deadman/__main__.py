# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import sys

from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.deadman.daemon import run
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.loop import main
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.settings import DeadmanSettings

if __name__ == "__main__":
    sys.exit(main("deadman", DeadmanSettings, run))
