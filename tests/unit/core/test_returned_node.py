"""What the status says of a node on its way back, and when the record has to be written anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.returned import ReturnedNode, Stage
from tests.unit.core.worlds import UUID_A

HELD = ReturnedNode(
    node="db1",
    stage=Stage.QUARANTINED,
    because="it wrote",
    by="operator:ann@ops1",
    at=1.0,
    errant=f"{UUID_A}:1-3",
    transactions=3,
)


def test_each_stage_has_its_sentence() -> None:
    assert HELD.sentence == f"in quarantine, with 3 transactions that no other node should have ({UUID_A}:1-3)"
    assert "rebuild from db3 has not ended" in replace(HELD, stage=Stage.COPYING, donor="db3").sentence
    assert replace(HELD, stage=Stage.COPIED, donor="db3").sentence == "it has a copy of db3; rejoin it"


def test_who_says_the_same_again_says_nothing_new() -> None:
    assert HELD.same_as(replace(HELD, by="operator:bob@ops2", at=2.0))
    assert not HELD.same_as(replace(HELD, stage=Stage.COPYING))
    assert not HELD.same_as(replace(HELD, errant=f"{UUID_A}:1-4", transactions=4))


@pytest.mark.parametrize(("before", "after"), [(b'"transactions":3', b'"transactions":4'), (b":1-3", b":3-1")])
def test_a_record_that_was_changed_by_hand_is_refused(before: bytes, after: bytes) -> None:
    raw = encode(HELD)
    assert before in raw
    with pytest.raises(InvalidInput, match="x holds no valid ReturnedNode"):
        decode(ReturnedNode, raw.replace(before, after), "x")
