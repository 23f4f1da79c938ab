"""What the step does while it applies: no statement is begun after its time, and its sentence says what came of it."""

from __future__ import annotations

import time

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.modules.salvage import _in_time


def test_statements_pass_as_long_as_there_is_time() -> None:
    assert list(_in_time([b"one", b"two"], time.monotonic() + 3600)) == [b"one", b"two"]


def test_no_statement_is_begun_after_the_time_is_over() -> None:
    begun: list[bytes] = []
    with pytest.raises(Unavailable, match="catch_up_seconds_max is over"):
        begun.extend(_in_time([b"one", b"two"], time.monotonic() - 1))
    assert begun == []
