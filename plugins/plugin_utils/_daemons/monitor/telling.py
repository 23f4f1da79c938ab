# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitor writes to its log and tells people of: suspicions, breaches, leases that nothing guards, garbage."""

from __future__ import annotations

import logging
import time

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.occasions import (
    notice_of_breach,
    notice_of_lease_off,
    notice_of_quarantine,
    notice_of_suspicion,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Suspicion

from ..notifier import Tell
from .breaches import BreachNews, log_breach
from .register import Key

log = logging.getLogger(__name__)


class Telling:
    """``name``: the monitor's own. ``tell`` only queues."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell

    def suspicion(self, raised: Suspicion) -> None:
        log.warning("suspected %s/%s: %s", raised.cluster, raised.primary, raised.because)
        self._tell(notice_of_suspicion(raised))

    def lease_off(self, key: Key) -> None:
        self._tell(notice_of_lease_off(cluster=key[0], node=key[1], at=time.time(), by=self._name))

    def breach(self, news: BreachNews) -> None:
        log_breach(news)
        self._tell(
            notice_of_breach(
                cluster=news.cluster,
                node=news.node,
                about=news.breach.breach.value,
                sentence=news.breach.because,
                at=time.time(),
                by=self._name,
                over=news.over,
            )
        )

    def quarantine(self, cluster: str, sentence: str) -> None:
        self._tell(notice_of_quarantine(cluster=cluster, sentence=sentence, at=time.time(), by=self._name))
