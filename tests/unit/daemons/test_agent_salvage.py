"""An agent reads the tail of its logs with a program that stands in for mysqlbinlog: what it concludes from what that
prints, from what it does not print, and from its own look at the log's bytes."""

from __future__ import annotations

import asyncio
import base64
import zlib
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import Unavailable
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import SalvageAnswer
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent import salvage as under_test
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.salvage import find_index, salvage
from tests.unit.core.test_binlog_file import QUERY, UUID, described, event, gtid

LONG = 60.0


class Logs:
    """A folder with logs, and beside each the text that the program prints of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index = folder / "binlog.index"
        self.program = folder / "printer"
        self.index.write_text("")
        self.script('for last; do :; done; echo "$@" >> "$0.calls"; cat "$last.printed"')

    def script(self, body: str) -> None:
        self.program.write_text(f"#!/bin/sh\n{body}\n")
        self.program.chmod(0o755)

    def add(self, raw: bytes, before: str, *numbers: int, printed: str | None = None) -> None:
        name = f"binlog.{len(self.index.read_text().splitlines()) + 1:06}"
        (self.folder / name).write_bytes(raw)
        header = f"#261121 server id 11  Previous-GTIDs\n# {before or '[empty]'}\nDELIMITER /*!*/;\n"
        ones = (f"SET @@SESSION.GTID_NEXT= '{UUID}:{each}'/*!*/;\nBEGIN\n/*!*/;\nCOMMIT/*!*/;\n" for each in numbers)
        (self.folder / f"{name}.printed").write_text(header + "".join(ones) if printed is None else printed)
        with self.index.open("a") as index:
            index.write(f"./{name}\n")

    def ask(self, have: str = "", *, seconds: float = LONG, rows: bool = False) -> SalvageAnswer:
        return asyncio.run(salvage(str(self.program), self.index, GtidSet.parse(have), seconds, rows=rows))

    @property
    def calls(self) -> list[str]:
        return Path(f"{self.program}.calls").read_text().splitlines()


@pytest.fixture
def logs(tmp_path: Path) -> Logs:
    return Logs(tmp_path)


def log(*numbers: int) -> bytes:
    return described() + b"".join(gtid(each) + event(QUERY, b"BEGIN") for each in numbers)


def test_logs_are_read_backwards_until_an_earlier_one_can_hold_nothing_new(logs: Logs) -> None:
    logs.add(log(1, 2), "", 1, 2)
    logs.add(log(3), f"{UUID}:1-2", 3)
    logs.add(log(4), f"{UUID}:1-3", 4)
    answer = logs.ask(f"{UUID}:1-2")
    text = zlib.decompress(base64.b64decode(answer.dump)).decode()
    assert [f":{each}'" in text for each in (1, 2, 3, 4)] == [False, False, True, True]
    assert text.index(":3'") < text.index(":4'")
    assert (answer.truncated, answer.purged, answer.missing, answer.unread) == (False, "", "", "")
    assert len(logs.calls) == 2
    assert all(f"--verify-binlog-checksum --exclude-gtids={UUID}:1-2" in call for call in logs.calls)


def test_what_was_in_logs_that_are_removed_is_named(logs: Logs) -> None:
    logs.add(log(8), f"{UUID}:1-7", 8)
    assert logs.ask(f"{UUID}:1-4").purged == f"{UUID}:5-7"


def test_a_log_that_a_crash_cut_short_is_no_fault(logs: Logs) -> None:
    logs.add(log(1, 2)[:-5], "", 1)
    answer = logs.ask()
    assert (answer.truncated, answer.missing, answer.unread) == (True, "", "")


def test_a_newest_log_that_has_no_header_yet_is_passed_over(logs: Logs) -> None:
    logs.add(log(1), "", 1)
    logs.add(log(2)[:50], "", printed="")
    logs.add(b"", "", printed="")
    answer = logs.ask()
    assert b":1'" in zlib.decompress(base64.b64decode(answer.dump))
    assert answer.unread == ""


def test_behind_a_log_without_a_header_the_one_before_is_still_held_against_its_own_bytes(logs: Logs) -> None:
    logs.add(log(1, 2), "", 1)
    logs.add(b"", "", printed="")
    assert logs.ask().missing == f"{UUID}:2"


def test_where_no_log_has_a_header_nothing_is_known(logs: Logs) -> None:
    logs.add(b"", "", printed="")
    with pytest.raises(Unavailable, match="it has no header"):
        logs.ask()


def test_a_program_that_stops_early_without_a_word_is_found_out_and_what_it_left_is_named(logs: Logs) -> None:
    logs.add(log(1, 2, 3), "", 1)
    answer = logs.ask()
    assert answer.missing == f"{UUID}:2-3"
    assert "does not print all that" in answer.unread


def test_damage_in_the_newest_log_is_said_with_its_place(logs: Logs) -> None:
    whole = log(1, 2)
    logs.add(whole[:-9] + b"!" + whole[-8:], "", 1, 2)
    answer = logs.ask()
    begin = len(whole) - len(event(QUERY, b"BEGIN"))
    assert answer.unread.endswith(
        f"binlog.000001 is damaged from offset {begin} on, so what it held there is not known"
    )


def test_a_program_that_cannot_read_the_log_is_not_taken_for_a_log_that_holds_nothing(logs: Logs) -> None:
    logs.add(log(1), "", printed="")
    logs.script("echo 'ERROR: Unknown option' >&2; exit 1")
    with pytest.raises(Unavailable, match=r"binlog.000001 cannot be read: ERROR: Unknown option$"):
        logs.ask()


def test_an_encrypted_log_is_called_so(logs: Logs) -> None:
    logs.add(b"\xfdbin" + bytes(600), "")
    with pytest.raises(Unavailable, match=r"binlog.000001 is encrypted, and mysqlbinlog reads no encrypted log"):
        logs.ask()


def test_the_deadline_is_for_all_logs_together_and_the_program_does_not_outlive_it(logs: Logs) -> None:
    logs.add(log(1), "", 1)
    logs.script('echo $$ > "$0.pid"; exec sleep 1000')
    with pytest.raises(Unavailable, match=r"no time to read .*binlog.000001 to its end; give mysqld.salvage_seconds"):
        logs.ask(seconds=0.5)
    pid = Path(f"{logs.program}.pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


def test_more_than_may_be_sent_is_refused_and_no_more_of_it_is_read(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "DUMP_BYTES_MAX", 10_000)
    logs.add(log(1), "", 1)
    logs.script("exec yes 0123456789")
    with pytest.raises(Unavailable, match="hold more than 10000 bytes that the candidate lacks"):
        logs.ask()


def test_rows_are_asked_for_in_readable_form(logs: Logs) -> None:
    logs.add(log(1), "", 1)
    logs.ask(rows=True)
    assert "--verbose --base64-output=DECODE-ROWS" in logs.calls[0]


def test_an_index_that_names_no_log_is_no_proof_that_there_is_nothing(logs: Logs) -> None:
    with pytest.raises(Unavailable, match="names none"):
        logs.ask()


def test_a_path_that_the_server_gave_relative_is_below_its_data_folder() -> None:
    assert find_index("logs/binlog.index", "/var/lib/mysql") == Path("/var/lib/mysql/logs/binlog.index")
    assert find_index("/logs/binlog.index", "/var/lib/mysql") == Path("/logs/binlog.index")
