# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a failover lost: the account that is kept on record, and the manifest with the rows, which is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .errors import InvalidInput
from .gtid import GtidSet

SHOWN_CHARACTERS_MAX = 200


class Change(StrEnum):
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, kw_only=True, slots=True)
class TableLoss:
    """How many changes of one table's rows were lost."""

    table: str
    insert: int = 0
    update: int = 0
    delete: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LossAccount:
    """What ``old_primary`` had executed and ``new_primary`` has not, by what is known at ``counted_at``, without rows.

    ``lost``: a GTID set, without ``gtids_left_out`` of the ``transactions`` for which there is no room. ``unknown``:
    why there may be more of them; empty when there are not. ``learned``: how it is known. ``decoded``: of how many
    transactions the rows were read; only those are counted in ``tables``.
    """

    cluster: str
    job: str
    old_primary: str
    new_primary: str
    since_at: float
    counted_at: float
    learned: str
    lost: str = ""
    transactions: int = 0
    gtids_left_out: int = 0
    unknown: str = ""
    decoded: int = 0
    tables: tuple[TableLoss, ...] = ()
    tables_left_out: int = 0

    def __post_init__(self) -> None:
        try:
            named = len(GtidSet.parse(self.lost))
        except InvalidInput as error:
            raise ValueError(f"lost: {error}") from None
        if named + self.gtids_left_out != self.transactions:
            raise ValueError(f"{self.transactions} transactions are counted and {named} named")

    @property
    def complete(self) -> bool:
        return not self.unknown

    @property
    def sentence(self) -> str:
        old = self.old_primary
        named = f"{self.transactions} transactions of {old} are lost ({_shown(self.lost)})"
        if self.complete:
            return named if self.transactions else f"nothing of {old} is lost"
        if self.transactions:
            return f"{named}, and there may be more: {self.unknown}"
        return f"whether {old} had more than {self.new_primary} is not known: {self.unknown}"


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "..."


@dataclass(frozen=True, kw_only=True, slots=True)
class LostRow:
    """One change of one row. Columns are named by their number, as in the binary log: ``@1`` is the first."""

    table: str
    change: Change
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class LostTransaction:
    """``statements``: what it did by statement and not by row, such as DDL. ``counts``: of each table the changed rows
    by change; of ``rows_left_out`` of them there was no room for the values."""

    gtid: str
    rows: tuple[LostRow, ...] = ()
    statements: tuple[str, ...] = ()
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    rows_left_out: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LossManifest:
    """The account and the rows. ``without_rows``: GTIDs of what is lost and could not be read."""

    account: LossAccount
    transactions: tuple[LostTransaction, ...] = ()
    without_rows: str = ""
