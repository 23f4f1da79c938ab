"""The replication account's file: read as MySQL's own programs read it, and named when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql_channel import read_channel_account
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput


def test_user_password_and_tls_come_from_its_client_group(tmp_path: Path) -> None:
    file = tmp_path / "repl.cnf"
    file.write_text('[mysqld]\nuser=root\n[client]\nuser = repl\npassword = "a#b"\nssl-mode=DISABLED\n')
    account = read_channel_account(str(file))
    assert (account.user, account.password) == ("repl", "a#b")
    assert account.options["SOURCE_SSL"] == 0


@pytest.mark.parametrize("text", [None, "user=repl\n", "[client\n", "[mysql]\nuser=repl\npassword=x\n"])
def test_a_file_that_cannot_be_used_is_named_and_nothing_of_it_told(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "repl.cnf"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidInput, match=r"repl\.cnf") as caught:
        read_channel_account(str(file))
    assert "password=x" not in str(caught.value)
