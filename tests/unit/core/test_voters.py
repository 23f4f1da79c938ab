"""The record of who votes on a lease: one change at a time, and never a set that the primary may not know of."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.voters import CHANGES, Standing, change
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.znodes import Voters

OTHERS = ("db2", "db3")
RECORDS = (
    None,
    *(
        Voters(primary=primary, version=3, names=names, former=former)
        for primary, names, former in product(("db1", "db2"), (OTHERS, ("db2",), ()), (None, (), ("db2",), OTHERS))
    ),
)
STANDINGS = [
    Standing(record=record, primary="db1", reported_version=version, others=OTHERS, silent=silent)
    for record, version, silent in product(RECORDS, (0, 2, 3), ((), ("db3",), OTHERS))
]


def test_every_row_wins_somewhere_and_says_a_sentence_of_its_own() -> None:
    said = {changed[1] for changed in map(change, STANDINGS) if changed is not None}
    assert said == {row.because for row in CHANGES}
    assert len(said) == len(CHANGES)


def test_a_new_set_is_offered_only_when_the_primary_goes_by_the_one_on_record_and_that_stays_beside_it() -> None:
    for now in STANDINGS:
        changed = change(now)
        if changed is None or now.record is None or now.record.primary != "db1" or changed[0].names == now.record.names:
            continue
        assert now.record.former is None
        assert now.reported_version == now.record.version
        assert changed[0].former == now.record.names
        assert changed[0].version == now.record.version + 1


def test_only_the_primarys_own_word_makes_a_set_the_only_one() -> None:
    for now in STANDINGS:
        changed = change(now)
        if changed is not None and changed[0].former is None:
            assert now.record is not None
            assert now.reported_version == changed[0].version == now.record.version


def test_of_a_new_primary_every_other_node_votes_and_nobody_can_call_its_lease_expired_yet() -> None:
    changed = change(Standing(record=None, primary="db1", reported_version=0, others=OTHERS, silent=("db3",)))
    assert changed is not None
    assert changed[0].sets == (OTHERS, ())


def test_changes_come_to_rest() -> None:
    for now in STANDINGS:
        standing = now
        for _step in range(8):
            changed = change(standing)
            record = changed[0] if changed else standing.record
            version = record.version if record else 0  # the agent follows
            standing = replace(standing, record=record, reported_version=version)
        assert change(standing) is None
        assert standing.record is not None
        assert standing.record.names == standing.wanted
