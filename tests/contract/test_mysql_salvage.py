"""The tail of a real server's binary logs, by the real mysqlbinlog: rows, tags, logs cut short and damaged, and what is
applied to another server."""

from __future__ import annotations

import asyncio
import base64
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import Login, connect
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog import tail
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog_rows import decoded
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LostTransaction
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.wire import SalvageAnswer
from ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons.agent.salvage import salvage
from tests.contract.by_hand import sql, value
from tests.lab.addresses import HOSTS, MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.lab import Lab
from tests.lab.services import mysqlbinlog

LOGIN = Login(user="altair", password=PASSWORDS["altair"], connect_timeout=10, read_timeout=30)
SECONDS = 60.0


@pytest.fixture
def table(lab: Lab) -> Iterator[str]:
    """A table on db1, and a new log that begins after it; gives what db1 has executed by then."""
    sql(lab, "db1", "CREATE TABLE app.salvaged (id INT PRIMARY KEY, txt VARCHAR(100), raw_bytes BLOB, doc JSON)")
    sql(lab, "db1", "FLUSH BINARY LOGS")
    yield executed(lab, "db1")
    sql(lab, "db1", "DROP TABLE IF EXISTS app.salvaged; DROP TABLE IF EXISTS app.also_salvaged")


def executed(lab: Lab, host: str) -> str:
    return value(lab, host, "REPLACE(@@global.gtid_executed, '\n', '')")


def program(lab: Lab) -> str:
    return mysqlbinlog(lab.etc / "bin")


def ask(lab: Lab, have: str, *, rows: bool = False, index: Path | None = None) -> tuple[SalvageAnswer, bytes]:
    place = index or Path(value(lab, "db1", "@@global.log_bin_index"))
    answer = asyncio.run(salvage(program(lab), place, GtidSet.parse(have), SECONDS, rows=rows))
    return answer, zlib.decompress(base64.b64decode(answer.dump))


def rows_of(dump: bytes) -> list[LostTransaction]:
    return list(decoded(dump, rows_max=1000, bytes_max=1_000_000))


def copied(lab: Lab, folder: Path) -> tuple[Path, Path]:
    """The server's logs as a crash might leave them, to be spoiled: the index and the newest log."""
    index = Path(value(lab, "db1", "@@global.log_bin_index"))
    names = [line.strip() for line in index.read_text().splitlines()]
    for name in names:
        shutil.copy(index.parent / name, folder)
    (folder / index.name).write_text("".join(f"./{Path(name).name}\n" for name in names))
    return folder / index.name, folder / Path(names[-1]).name


def test_inserts_updates_deletes_null_bytes_and_ddl_are_read_as_what_they_did(lab: Lab, table: str) -> None:
    sql(lab, "db1", "INSERT INTO app.salvaged VALUES (1, 'a\\nb', x'00ff10', NULL), (2, 'it''s', NULL, '{\"a\": 1}')")
    sql(lab, "db1", "UPDATE app.salvaged SET txt = NULL WHERE id = 1")
    sql(lab, "db1", "DELETE FROM app.salvaged WHERE id = 2")
    sql(lab, "db1", "CREATE TABLE app.also_salvaged (id INT PRIMARY KEY)")
    answer, dump = ask(lab, table, rows=True)
    assert (answer.purged, answer.missing, answer.unread) == ("", "", "")
    inserted, updated, deleted, created = rows_of(dump)
    assert [row.after["@1"] for row in inserted.rows] == ["1", "2"]
    assert inserted.rows[0].after["@2"] == r"'a\nb'"
    assert inserted.rows[0].after["@4"] == inserted.rows[1].after["@3"] == "NULL"
    assert inserted.rows[0].after["@3"].startswith(r"'\x00")
    assert {row.table for row in inserted.rows} == {"app.salvaged"}
    assert inserted.counts == {"app.salvaged": {"insert": 2, "update": 0, "delete": 0}}
    (row,) = updated.rows
    assert (row.change.value, row.before["@1"], row.after["@2"]) == ("update", "1", "NULL")
    (row,) = deleted.rows
    assert (row.change.value, row.before["@1"], row.after) == ("delete", "2", {})
    assert created.rows == ()
    assert "CREATE TABLE app.also_salvaged" in created.statements[-1]
    named = GtidSet.parse(",".join(each.gtid for each in (inserted, updated, deleted, created)))
    assert named == GtidSet.parse(executed(lab, "db1")) - GtidSet.parse(table)


def test_a_transaction_with_a_tag_is_read_and_is_left_out_once_it_is_had(lab: Lab, table: str) -> None:
    sql(lab, "db1", "SET SESSION gtid_next = 'AUTOMATIC:billing'; INSERT INTO app.salvaged (id) VALUES (1)")
    _answer, dump = ask(lab, table)
    found = tail(dump).found
    assert found == GtidSet.parse(executed(lab, "db1")) - GtidSet.parse(table)
    assert ":billing:" in str(found)
    answer, dump = ask(lab, executed(lab, "db1"))
    assert (tail(dump).found, answer.missing) == (GtidSet(), "")


def test_a_compressed_transaction_is_read_like_any_other(lab: Lab, table: str) -> None:
    many = ", ".join(f"({number}, REPEAT('x', 90))" for number in range(200))
    sql(
        lab,
        "db1",
        f"SET SESSION binlog_transaction_compression = ON; INSERT INTO app.salvaged (id, txt) VALUES {many}",
    )
    answer, dump = ask(lab, table, rows=True)
    (transaction,) = rows_of(dump)
    assert transaction.counts["app.salvaged"]["insert"] == 200
    assert answer.unread == ""


def test_of_a_log_that_was_cut_short_all_but_the_last_transaction_is_found(
    lab: Lab, table: str, tmp_path: Path
) -> None:
    for number in (1, 2, 3):
        sql(lab, "db1", f"INSERT INTO app.salvaged (id) VALUES ({number})")
    index, newest = copied(lab, tmp_path)
    newest.write_bytes(newest.read_bytes()[:-10])
    answer, dump = ask(lab, table, index=index)
    written = GtidSet.parse(executed(lab, "db1")) - GtidSet.parse(table)
    assert (answer.truncated, answer.missing, answer.unread) == (True, "", "")
    assert len(written) == 3
    assert tail(dump).found <= written
    assert len(tail(dump).found) == 2
    assert len(rows_of(ask(lab, table, index=index, rows=True)[1])) == 2


def test_a_damaged_log_is_not_taken_for_one_that_ends_there(lab: Lab, table: str, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        sql(lab, "db1", f"INSERT INTO app.salvaged (id, txt) VALUES ({number}, 'number {number}')")
    index, newest = copied(lab, tmp_path)
    raw = newest.read_bytes()
    newest.write_bytes(raw.replace(b"number 2", b"number X"))
    answer, dump = ask(lab, table, index=index)
    assert "is damaged from offset" in answer.unread
    assert len(tail(dump).found) <= 1


def test_what_is_salvaged_and_applied_is_on_the_other_server_as_it_was_and_not_asked_for_again(
    lab: Lab, table: str
) -> None:
    # Whoever asks has the table: with the account's privileges no DDL could be applied.
    same = f"GTID_SUBSET('{table}', @@global.gtid_executed)"
    assert value(lab, "db2", f"WAIT_FOR_EXECUTED_GTID_SET('{table}', 30)") == "0"
    assert value(lab, "db2", same) == "1"
    sql(lab, "db2", "STOP REPLICA")
    many = ", ".join(f"({number}, REPEAT('ä', 90), x'0a00{number:04x}')" for number in range(2000))
    sql(lab, "db1", f"INSERT INTO app.salvaged (id, txt, raw_bytes) VALUES {many}")
    sql(lab, "db1", "UPDATE app.salvaged SET txt = CONCAT(id, '''; DELIMITER x\\n#') WHERE id < 100")
    _answer, dump = ask(lab, executed(lab, "db2"))
    with connect(HOSTS["db2"], MYSQL_PORT, LOGIN) as server:
        server.admit_appliers()
        server.apply(tail(dump).statements)
    sums = [sql(lab, host, "CHECKSUM TABLE app.salvaged")[0][1] for host in ("db1", "db2")]
    assert sums[0] == sums[1] != "0"
    assert tail(ask(lab, executed(lab, "db2"))[1]).found == GtidSet()
