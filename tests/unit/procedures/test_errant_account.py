"""The account of what only one node has, where its agent cannot be asked, and the file that it is kept in."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.cluster import Node
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.rejoin import Returned
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import Stage
from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.returned import (
    Errant,
    errant_of,
    must_be_writable,
)
from tests.unit.core.worlds import NOW, UUID_A, UUID_B

NODE = Node(name="db1", address="192.0.2.1")
HAS = GtidSet.parse(f"{UUID_A}:1-10")


def account(held: str) -> Errant:
    one = Returned(node="db1", primary="db2", held=GtidSet.parse(held), has=HAS)
    return errant_of(None, "orders", NODE, one, epoch=7, seconds=1.0, now_at=NOW)


def test_every_transaction_is_named_although_no_agent_tells_its_rows() -> None:
    errant = account(f"{UUID_A}:1-4,{UUID_B}:1-3")
    found = errant.manifest.account
    assert (found.lost, found.transactions, found.unknown) == (f"{UUID_B}:1-3", 3, "")
    assert errant.manifest.without_rows == f"{UUID_B}:1-3"
    assert errant.rows_unread == "the agent of db1 was not asked"
    noted = errant.noted("db1", Stage.QUARANTINED, "it wrote", "ann", NOW)
    assert (noted.errant, noted.transactions, noted.rows_unread) == (f"{UUID_B}:1-3", 3, errant.rows_unread)


def test_who_has_nothing_of_its_own_has_nothing_to_tell_and_leaves_no_file(tmp_path: Path) -> None:
    errant = account(f"{UUID_A}:1-4")
    assert (errant.manifest.account.transactions, errant.rows_unread) == (0, "")
    assert errant.keep(str(tmp_path)) == "none: there are no errant transactions"
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_its_owners_alone_and_bears_the_epoch(tmp_path: Path) -> None:
    path = Path(account(f"{UUID_B}:1-3").keep(str(tmp_path)))
    assert path == tmp_path / "orders-7-db1-errant.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["account"]["lost"] == f"{UUID_B}:1-3"


def test_without_a_folder_no_row_is_written_anywhere() -> None:
    assert account(f"{UUID_B}:1-3").keep(None) == "none: no losses_folder is given"


def test_a_folder_that_is_not_there_is_said_before_anything_is_destroyed(tmp_path: Path) -> None:
    must_be_writable(None)
    must_be_writable(str(tmp_path))
    with pytest.raises(Unavailable, match="nowhere is not there"):
        must_be_writable(str(tmp_path / "nowhere"))
