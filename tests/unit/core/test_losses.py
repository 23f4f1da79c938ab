"""What is lost, by each road on which it may be known, and that no account outgrows its znode."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode, encode
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.losses import (
    RECKONINGS,
    Findings,
    first_of,
    manifest_of,
    reckon,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import (
    Change,
    LossAccount,
    LossManifest,
    LostRow,
    LostTransaction,
)
from tests.unit.core.worlds import UUID_A, UUID_B

NOBODY = Findings(has=GtidSet.parse(f"{UUID_A}:1-10"), logs=None, unread="", salvaged=None, reported=GtidSet.parse(""))


def gtids(text: str) -> GtidSet:
    return GtidSet.parse(text.replace("A", UUID_A).replace("B", UUID_B))


def account(seen: Findings, *transactions: LostTransaction) -> LossManifest:
    return manifest_of(
        seen,
        transactions,
        cluster="orders",
        job="orders-7",
        old_primary="db1",
        new_primary="db2",
        since_at=1.0,
        counted_at=2.0,
    )


def test_logs_that_were_read_to_their_end_tell_all() -> None:
    found = account(replace(NOBODY, logs=gtids("A:11-12"), reported=gtids("A:1-11"))).account
    assert (found.lost, found.transactions, found.unknown) == (f"{UUID_A}:11-12", 2, "")
    assert found.sentence == f"2 transactions of db1 are lost ({UUID_A}:11-12)"


def test_what_the_new_primary_has_is_not_lost_by_whatever_road_it_was_known() -> None:
    has = gtids("A:1-10")
    for logs, salvaged, reported in product((None, "A:3", "A:9-11"), (None, "A:4"), ("", "A:1-8", "A:1-12")):
        seen = Findings(
            has=has,
            logs=None if logs is None else gtids(logs),
            unread="x",
            salvaged=None if salvaged is None else gtids(salvaged),
            reported=gtids(reported),
        )
        lost, _rule = reckon(seen)
        assert not lost & has
        known = gtids(",".join(filter(None, (logs, salvaged, reported))))
        assert lost | has == known | has


def test_a_host_that_does_not_answer_leaves_the_reports_and_says_that_there_may_be_more() -> None:
    found = account(replace(NOBODY, unread="db1 is silent", reported=gtids("A:1-12,B:3"))).account
    assert (found.transactions, found.unknown) == (3, "db1 is silent")
    assert found.sentence.endswith("and there may be more: db1 is silent")
    nothing = account(replace(NOBODY, unread="db1 is silent")).account
    assert nothing.sentence == "whether db1 had more than db2 is not known: db1 is silent"


def test_what_the_salvage_saw_to_the_end_is_complete_when_the_host_has_died_since() -> None:
    found = account(replace(NOBODY, unread="db1 is silent", salvaged=gtids("A:12"))).account
    assert (found.lost, found.unknown) == (f"{UUID_A}:12", "")


def test_logs_that_lack_what_was_reported_do_not_tell_all() -> None:
    found = account(replace(NOBODY, logs=GtidSet(), reported=gtids("A:1-12"))).account
    assert (found.lost, found.complete) == (f"{UUID_A}:11-12", False)
    assert "rebuilt" in found.unknown


def test_logs_that_were_read_in_part_say_why() -> None:
    found = account(replace(NOBODY, logs=gtids("A:11"), unread="offset 7 is damaged")).account
    assert (found.lost, found.unknown) == (f"{UUID_A}:11", "offset 7 is damaged")


def test_every_rule_wins_somewhere_and_only_complete_ones_say_nothing() -> None:
    won = set()
    choices = product((None, GtidSet(), gtids("A:11")), ("", "x"), (None, GtidSet()), (GtidSet(), gtids("A:1-12")))
    for logs, unread, salvaged, reported in choices:
        seen = replace(NOBODY, logs=logs, unread=unread, salvaged=salvaged, reported=reported)
        _lost, rule = reckon(seen)
        won.add(rule.learned)
        if not rule.unknown(seen):
            assert seen.salvaged is not None or (seen.logs is not None and not seen.unread)
    assert won == {rule.learned for rule in RECKONINGS}


ROW = LostRow(table="app.writes", change=Change.INSERT, after={"@1": "'secret'"})


def lost(number: int, table: str = "app.writes", tag: str = "") -> LostTransaction:
    counts = {table: {"insert": 1, "update": 0, "delete": 2}}
    return LostTransaction(gtid=f"{UUID_A}{tag}:{number}", rows=(ROW,), counts=counts)


def test_rows_are_kept_of_what_is_lost_only_and_the_rest_is_named_without() -> None:
    seen = replace(NOBODY, logs=gtids("A:11-12,A:tag:1"))
    made = account(seen, lost(10), lost(11), lost(1, tag=":tag"))
    assert [each.gtid for each in made.transactions] == [f"{UUID_A}:11", f"{UUID_A}:tag:1"]
    assert made.without_rows == f"{UUID_A}:12"
    (table,) = made.account.tables
    assert (table.table, table.insert, table.update, table.delete) == ("app.writes", 2, 0, 4)
    assert (made.account.decoded, made.account.transactions) == (2, 3)


def test_no_row_gets_into_the_account() -> None:
    made = account(replace(NOBODY, logs=gtids("A:11")), lost(11))
    assert b"secret" in encode(made)
    assert b"secret" not in encode(made.account)


def test_an_account_stays_below_half_a_megabyte_whatever_was_lost() -> None:
    holes = ",".join(f"{UUID_A}:{number}" for number in range(100, 200_000, 2))
    seen = replace(NOBODY, logs=gtids(holes), unread="x" * 100_000)
    names = ("日" * 64 + "." + "本" * 60 + f"{number:04}" for number in range(3000))
    made = account(seen, *(lost(100 + 2 * number, name) for number, name in enumerate(names))).account
    assert len(encode(made)) < 512 * 1024
    assert made.transactions == len(gtids(holes)) == len(GtidSet.parse(made.lost)) + made.gtids_left_out
    assert made.tables_left_out == 3000 - len(made.tables) > 0


@pytest.mark.parametrize("room", [0, 10, 50, 60, 1000])
def test_as_much_of_a_set_is_named_as_there_is_room_for(room: int) -> None:
    whole = gtids("A:1-3:7:9-12,A:tag:1-2,B:5:8")
    part = first_of(whole, room)
    assert part <= whole
    assert len(str(part)) <= room
    assert (part == whole) is (room == 1000)


def test_an_account_that_contradicts_itself_is_refused_when_it_is_read() -> None:
    raw = encode(account(replace(NOBODY, logs=gtids("A:11-12"))).account)
    with pytest.raises(InvalidInput, match="3 transactions are counted and 2 named"):
        decode(LossAccount, raw.replace(b'"transactions":2', b'"transactions":3'), "a znode")
    with pytest.raises(InvalidInput, match="is neither a GTID range nor a tag"):
        decode(LossAccount, raw.replace(b":11-12", b":eleven!"), "a znode")
