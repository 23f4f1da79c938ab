# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on record of a node on its way back into the cluster: why it is no replica yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from .errors import InvalidInput
from .gtid import GtidSet
from .manifest import TableLoss

SHOWN_CHARACTERS_MAX = 200


class Stage(StrEnum):
    QUARANTINED = "quarantined"  # it has errant transactions
    COPYING = "copying"  # a rebuild has begun: what it holds is worth nothing until that has ended
    COPIED = "copied"  # it has a donor's data, and is not admitted yet


@dataclass(frozen=True, kw_only=True, slots=True)
class ReturnedNode:
    """Gone from the record once the node is a replica.

    ``errant``: the GTIDs that the primary never had, without ``gtids_left_out`` of the ``transactions``; of a rebuild
    those that it has destroyed. ``tables``: what they changed, where that could be read; ``rows_unread`` says why not.
    ``earlier_copy``: when the copy began that the server had told of before this rebuild, which is not taken for it.
    """

    node: str
    stage: Stage
    because: str
    by: str
    at: float
    donor: str = ""
    errant: str = ""
    transactions: int = 0
    gtids_left_out: int = 0
    tables: tuple[TableLoss, ...] = ()
    rows_unread: str = ""
    earlier_copy: str = ""

    def __post_init__(self) -> None:
        try:
            named = len(GtidSet.parse(self.errant))
        except InvalidInput as error:
            raise ValueError(f"errant: {error}") from None
        if named + self.gtids_left_out != self.transactions:
            raise ValueError(f"{self.transactions} transactions are counted and {named} named")

    @property
    def sentence(self) -> str:
        """For the status."""
        if self.stage is Stage.COPYING:
            return f"its rebuild from {self.donor} has not ended; it holds nothing that counts until it has"
        if self.stage is Stage.COPIED:
            return f"it has a copy of {self.donor}; rejoin it"
        shown = self.errant
        if len(shown) > SHOWN_CHARACTERS_MAX:
            shown = shown[:SHOWN_CHARACTERS_MAX] + "..."
        return f"in quarantine, with {self.transactions} transactions that no other node should have ({shown})"

    def same_as(self, other: ReturnedNode) -> bool:
        """But for who said it, and when."""
        return replace(self, by=other.by, at=other.at) == other
