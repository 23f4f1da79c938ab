"""A channel like another one: what the server shows of the one, and what is said for the other."""

from __future__ import annotations

from decimal import Decimal

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.channel_options import TLS
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.channel_terms import TERMS, terms_of

# As MySQL 9.7 shows a channel over TLS.
SHOWN = {
    "CHANNEL_NAME": "",
    "HOST": "192.0.2.11",
    "PORT": "3306",
    "USER": "repl",
    "AUTO_POSITION": "1",
    "SSL_ALLOWED": "YES",
    "SSL_CA_FILE": "/etc/mysql/ca.pem",
    "SSL_CERTIFICATE": "",
    "SSL_VERIFY_SERVER_CERTIFICATE": "NO",
    "TLS_CIPHERSUITES": "None",
    "CONNECTION_RETRY_INTERVAL": "1",
    "CONNECTION_RETRY_COUNT": "86400",
    "HEARTBEAT_INTERVAL": "1.000",
    "GET_PUBLIC_KEY": "NO",
}


def test_what_is_set_is_said_and_what_is_not_is_left_to_the_server() -> None:
    assert terms_of(SHOWN) == {
        "SOURCE_SSL": 1,
        "SOURCE_SSL_CA": "/etc/mysql/ca.pem",
        "SOURCE_SSL_VERIFY_SERVER_CERT": 0,
        "SOURCE_CONNECT_RETRY": 1,
        "SOURCE_RETRY_COUNT": 86400,
        "SOURCE_HEARTBEAT_PERIOD": Decimal("1.000"),
        "GET_SOURCE_PUBLIC_KEY": 0,
    }


def test_neither_the_source_nor_the_account_is_taken_over() -> None:
    assert not {"HOST", "PORT", "USER", "AUTO_POSITION"} & {term.shown for term in TERMS}


def test_no_option_that_secures_a_channel_is_forgotten() -> None:
    assert {term.shown for term in TERMS} >= TLS
