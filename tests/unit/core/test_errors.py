"""One family of errors, told apart by what a daemon or command ends with."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core import errors

FAMILY: list[type[Any]] = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass)]


def test_everything_that_can_go_wrong_is_of_one_family() -> None:
    assert len(FAMILY) > 1
    assert all(issubclass(kind, errors.AltairError) for kind in FAMILY)


def test_an_exit_code_tells_one_kind_from_another() -> None:
    kinds = [kind for kind in FAMILY if kind is not errors.StaleEpoch]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < 64 for code in codes)


def test_a_stale_epoch_is_a_lost_compare_and_set() -> None:
    with pytest.raises(errors.Conflict):
        raise errors.StaleEpoch("the job runs under epoch 41, and the cluster is at 42")


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_an_error_reads_as_the_sentence_it_was_raised_with(kind: type[errors.AltairError]) -> None:
    assert str(kind("db1 does not answer; look at its log")) == "db1 does not answer; look at its log"
    assert kind.__doc__
