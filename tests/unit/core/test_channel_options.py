"""What may differ of a channel that was pointed at another source, and what may not."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.channel_options import (
    TLS,
    changed_options,
    moves_by_itself,
    tls_changes,
)

BEFORE = {"HOST": "10.0.0.1", "PORT": "3306", "USER": "repl", "DESIRED_DELAY": "0"} | dict.fromkeys(TLS, "set")


def test_another_host_and_port_are_no_change() -> None:
    assert changed_options(BEFORE, BEFORE | {"HOST": "10.0.0.2", "PORT": "3307"}) == {}


def test_every_other_option_that_differs_is_named_with_both_values() -> None:
    for name in set(BEFORE) - {"HOST", "PORT"}:
        changed = changed_options(BEFORE, BEFORE | {name: "other"})
        assert changed == {name: f"was {BEFORE[name]}, is other"}


def test_an_option_that_is_shown_only_once_has_changed() -> None:
    assert changed_options(BEFORE, BEFORE | {"REPLICATE_DO_DB": "app"}) == {"REPLICATE_DO_DB": "was not there, is app"}
    gone = {name: value for name, value in BEFORE.items() if name != "SSL_ALLOWED"}
    assert tls_changes(changed_options(BEFORE, gone)) == ("SSL_ALLOWED",)


@pytest.mark.parametrize("name", sorted(TLS))
def test_a_tls_option_that_differs_is_told_from_others(name: str) -> None:
    changed = changed_options(BEFORE, BEFORE | {name: "", "DESIRED_DELAY": "5"})
    assert tls_changes(changed) == (name,)


def test_connection_failover_is_on_only_where_the_server_says_so() -> None:
    assert moves_by_itself({"SOURCE_CONNECTION_AUTO_FAILOVER": "1"})
    assert not moves_by_itself({"SOURCE_CONNECTION_AUTO_FAILOVER": "0"})
    assert not moves_by_itself({})
