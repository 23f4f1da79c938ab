"""By which account a channel receives, as an option file says it."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.channel_account import channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput

GIVEN = {"user": "repl", "password": "secret"}


def test_without_a_word_on_it_the_channel_is_encrypted_and_keeps_trying() -> None:
    account = channel_account(GIVEN, "x.cnf")
    assert (account.user, account.password) == ("repl", "secret")
    assert account.options == {"SOURCE_SSL": 1, "SOURCE_CONNECT_RETRY": 5, "SOURCE_RETRY_COUNT": 86400}


def test_the_files_of_the_option_file_are_those_of_the_channel() -> None:
    found = {**GIVEN, "ssl-mode": "verify_identity", "ssl-ca": "/ca", "ssl-cert": "/cert", "ssl-key": "/key"}
    options = channel_account(found, "x.cnf").options
    assert (options["SOURCE_SSL_CA"], options["SOURCE_SSL_CERT"], options["SOURCE_SSL_KEY"]) == ("/ca", "/cert", "/key")
    assert (options["SOURCE_SSL"], options["SOURCE_SSL_VERIFY_SERVER_CERT"]) == (1, 1)


def test_without_tls_the_password_still_does_not_go_in_the_clear() -> None:
    options = channel_account({**GIVEN, "ssl-mode": "DISABLED"}, "x.cnf").options
    assert (options["SOURCE_SSL"], options["GET_SOURCE_PUBLIC_KEY"]) == (0, 1)


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        ({"user": "repl"}, "x.cnf has no user and password"),
        ({"password": "secret"}, "x.cnf has no user and password"),
        ({**GIVEN, "ssl-mode": "PREFERRED"}, "ssl-mode PREFERRED in x.cnf is not one of"),
        ({**GIVEN, "ssl-mode": "VERIFY_CA"}, "ssl-mode VERIFY_CA in x.cnf needs ssl-ca"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_file(found: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        channel_account(found, "x.cnf")


def test_no_one_sees_the_password_by_accident() -> None:
    assert "secret" not in repr(channel_account(GIVEN, "x.cnf"))


def test_a_channel_like_another_has_its_options_and_not_those_of_the_file() -> None:
    account = channel_account({**GIVEN, "ssl-ca": "/ca"}, "x.cnf")
    like = account.like({"SSL_ALLOWED": "YES", "SSL_CA_FILE": "/other", "CHANNEL_NAME": "east"})
    assert (like.user, like.password) == ("repl", "secret")
    assert like.options == {"SOURCE_SSL": 1, "SOURCE_SSL_CA": "/other"}


def test_where_no_channel_is_shown_the_options_are_those_of_the_file() -> None:
    account = channel_account({**GIVEN, "ssl-ca": "/ca"}, "x.cnf")
    assert account.like({}) == account
