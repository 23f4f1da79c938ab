"""GTID arithmetic agrees with the server's own functions."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from tests.lab.lab import Lab

UUIDS = ("aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002")
SOURCES = (*UUIDS, f"{UUIDS[0]}:tag", f"{UUIDS[0]}:_tag2")


@contextmanager
def raw(lab: Lab) -> Iterator[Any]:
    with lab.mysql("db1", timeout=30) as session, session.cursor() as cursor:
        yield cursor


def some_set(dice: random.Random) -> str:
    """A set as nobody would write it: unsorted, overlapping, with white space and capitals."""
    items = []
    for _each in range(dice.randrange(6)):
        first = dice.randrange(1, 60)
        items.append(f"{dice.choice(SOURCES)}:{first}-{first + dice.randrange(20)}")
    text = dice.choice((",", " , ", ",\n")).join(items)
    return text.upper() if dice.random() < 0.3 else text


def test_differences_and_subsets_are_those_of_the_server(lab: Lab) -> None:
    dice = random.Random(2026)
    with raw(lab) as cursor:
        for _each in range(150):
            one, two = some_set(dice), some_set(dice)
            cursor.execute("SELECT GTID_SUBTRACT(%s, %s) AS d, GTID_SUBSET(%s, %s) AS s", (one, two, one, two))
            row = cursor.fetchone()
            left, right = GtidSet.parse(one), GtidSet.parse(two)
            assert GtidSet.parse(row["d"]) == left - right
            assert bool(row["s"]) == (left <= right)


def test_the_server_reads_what_is_written_here_as_the_same_set(lab: Lab) -> None:
    dice = random.Random(9)
    with raw(lab) as cursor:
        for _each in range(100):
            text = some_set(dice)
            ours = str(GtidSet.parse(text))
            cursor.execute("SELECT GTID_SUBSET(%s, %s) AND GTID_SUBSET(%s, %s) AS same", (ours, text, text, ours))
            assert cursor.fetchone()["same"] == 1


@pytest.mark.parametrize("text", [f"{UUIDS[0]}:tag", f"{UUIDS[0]}:1:tag", f"{UUIDS[0]}:one:two:1-2", ""])
def test_a_tag_before_no_range_is_read_as_the_server_reads_it(lab: Lab, text: str) -> None:
    with raw(lab) as cursor:
        cursor.execute("SELECT GTID_SUBTRACT(%s, '') AS same", (text,))
        assert cursor.fetchone()["same"].replace("\n", "") == str(GtidSet.parse(text))


REFUSED = (
    "nonsense",
    f"{UUIDS[0]}:0",
    f"{UUIDS[0]}:1 2",
    f"{UUIDS[0]}:1-2-3",
    f"{UUIDS[0]}:9223372036854775807",
    f"{UUIDS[0]}:{'t' * 33}:1",
    f"{UUIDS[0]}:1;2",
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_server_refuses_is_refused_here(lab: Lab, text: str) -> None:
    with pytest.raises(InvalidInput):
        GtidSet.parse(text)
    with raw(lab) as cursor, pytest.raises(Exception, match="Malformed GTID"):
        cursor.execute("SELECT GTID_SUBSET(%s, '')", (text,))
