"""What mysqlbinlog says of rows, in the form in which it prints them, taken apart within bounds."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog_rows import Sieve, decoded
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.manifest import LostTransaction

UUID = "11111111-2222-3333-4444-555555555555"
# The layout is that of mysqlbinlog 9.7 with --verbose --base64-output=DECODE-ROWS.
DUMP = rf"""# The proper term is pseudo_replica_mode, but we use this compatibility alias
/*!50530 SET @@SESSION.PSEUDO_SLAVE_MODE=1*/;
/*!50003 SET @OLD_COMPLETION_TYPE=@@COMPLETION_TYPE,COMPLETION_TYPE=0*/;
DELIMITER /*!*/;
# at 4
#261121 23:56:09 server id 11  end_log_pos 127 CRC32 0xc79c9ae7 	Start: binlog v 4, server v 9.7.4 created 261121
# at 127
#261121 23:56:09 server id 11  end_log_pos 158 CRC32 0x52cefcf3 	Previous-GTIDs
# [empty]
# at 158
#261121 23:56:10 server id 11  end_log_pos 237 CRC32 0x0d1d3a2f 	GTID	last_committed=0	sequence_number=1
/*!50718 SET TRANSACTION ISOLATION LEVEL READ COMMITTED*//*!*/;
SET @@SESSION.GTID_NEXT= '{UUID}:41'/*!*/;
# at 237
SET TIMESTAMP=1795314180/*!*/;
BEGIN
/*!*/;
# at 311
#261121 23:56:10 server id 11  end_log_pos 370 CRC32 0x9a1b2c3d 	Table_map: `app`.`writes` mapped to number 92
# has_generated_invisible_primary_key=0
# at 370
#261121 23:56:10 server id 11  end_log_pos 430 CRC32 0x9a1b2c3d 	Write_rows: table id 92 flags: STMT_END_F
### INSERT INTO `app`.`writes`
### SET
###   @1=1
###   @2='it\'s ### UPDATE `x`.`y`'
###   @3=NULL
###   @4='a\x0ab'
### INSERT INTO `app`.`writes`
### SET
###   @1=2
###   @2=''
###   @3='\x00\x01'
###   @4=-1 (18446744073709551615)
# at 430
### UPDATE `app`.`odd``name`
### WHERE
###   @1=1
###   @3='old'
### SET
###   @3='new=@4'
# at 500
### DELETE FROM `app`.`writes`
### WHERE
###   @1=2
# at 560
#261121 23:56:10 server id 11  end_log_pos 600 CRC32 0x01020304 	Xid = 31
COMMIT/*!*/;
# at 600
SET @@SESSION.GTID_NEXT= '{UUID}:billing:7'/*!*/;
use `app`/*!*/;
SET TIMESTAMP=1795314181/*!*/;
/*!80013 SET @@session.sql_require_primary_key=0*//*!*/;
CREATE TABLE u (
# a comment of the statement's own
id INT)
/*!*/;
# at 700
SET @@SESSION.GTID_NEXT= '{UUID}:42'/*!*/;
BEGIN
/*!*/;
### INSERT INTO `app`.`writes`
### SET
###   @1=3
SET @@SESSION.GTID_NEXT= 'AUTOMATIC' /* added by mysqlbinlog */ /*!*/;
DELIMITER ;
# End of log file
/*!50003 SET COMPLETION_TYPE=@OLD_COMPLETION_TYPE*/;
""".encode()


def read(dump: bytes = DUMP, rows_max: int = 100, bytes_max: int = 10_000) -> list[LostTransaction]:
    return list(decoded(dump, rows_max=rows_max, bytes_max=bytes_max))


def test_each_whole_transaction_is_there_with_its_tag_and_one_that_was_cut_off_is_not() -> None:
    assert [each.gtid for each in read()] == [f"{UUID}:41", f"{UUID}:billing:7"]


def test_rows_have_their_table_what_was_done_and_the_values_before_and_after() -> None:
    one, two, three, four = read()[0].rows
    assert (one.table, one.change.value, one.before) == ("app.writes", "insert", {})
    assert one.after == {"@1": "1", "@2": r"'it\'s ### UPDATE `x`.`y`'", "@3": "NULL", "@4": r"'a\x0ab'"}
    assert two.after == {"@1": "2", "@2": "''", "@3": r"'\x00\x01'", "@4": "-1 (18446744073709551615)"}
    assert (three.table, three.change.value) == ("app.odd`name", "update")
    assert (three.before, three.after) == ({"@1": "1", "@3": "'old'"}, {"@3": "'new=@4'"})
    assert (four.change.value, four.before, four.after) == ("delete", {"@1": "2"}, {})


def test_the_rows_are_counted_by_table() -> None:
    assert read()[0].counts == {
        "app.writes": {"insert": 2, "update": 0, "delete": 1},
        "app.odd`name": {"insert": 0, "update": 1, "delete": 0},
    }


def test_what_was_done_by_statement_is_kept_as_it_was_said() -> None:
    assert read()[0].statements == ()
    assert read()[1].statements == ("CREATE TABLE u (\n# a comment of the statement's own\nid INT)",)
    assert read()[1].rows == ()


def test_a_json_document_that_was_changed_in_part_is_one_value() -> None:
    partial = b"###   @2=JSON_REPLACE(\n###     @2, '$.a', 7)\n###   @3='x'"
    (row, *_rest) = read(DUMP.replace(b"###   @3='new=@4'", partial))[0].rows[2:]
    assert row.after == {"@2": "JSON_REPLACE(@2, '$.a', 7)", "@3": "'x'"}


def test_a_table_that_is_not_quoted_is_taken_as_it_is_named() -> None:
    assert set(read(DUMP.replace(b"`app`.`writes`", b"app.writes"))[0].counts) == {"app.writes", "app.odd`name"}


def test_bytes_that_are_no_text_do_not_stop_the_reading() -> None:
    (transaction, *_rest) = read(DUMP.replace(b"'old'", b"'\xff\xfe'"))
    assert transaction.rows[2].before["@3"] == r"'\xff\xfe'"


@pytest.mark.parametrize(("rows_max", "bytes_max"), [(0, 10_000), (1, 10_000), (3, 10_000), (100, 0), (100, 60)])
def test_rows_beyond_a_bound_are_counted_and_not_shown(rows_max: int, bytes_max: int) -> None:
    transaction = read(rows_max=rows_max, bytes_max=bytes_max)[0]
    values = [text for row in transaction.rows for half in (row.before, row.after) for text in half.items()]
    assert len(transaction.rows) <= rows_max
    assert sum(len(name) + len(text) for name, text in values) <= bytes_max
    assert transaction.rows_left_out == 4 - len(transaction.rows) > 0
    assert transaction.counts == read()[0].counts


@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_a_sieve_that_has_room_keeps_every_byte_however_it_comes(size: int) -> None:
    sieve = Sieve(100_000)
    for begin in range(0, len(DUMP), size):
        sieve.feed(DUMP[begin : begin + size])
    assert sieve.kept == DUMP
    assert not sieve.full


@pytest.mark.parametrize("size", [1, 7, 100])
def test_beyond_its_bound_a_sieve_lets_values_go_and_keeps_transactions_and_counts(size: int) -> None:
    sieve = Sieve(100_000, 500)
    for begin in range(0, len(DUMP), size):
        sieve.feed(DUMP[begin : begin + size])
    assert b"###   @" not in sieve.kept
    found = read(sieve.kept)
    assert [(each.gtid, each.counts, each.statements) for each in found] == [
        (each.gtid, each.counts, each.statements) for each in read()
    ]
    assert found[0].rows_left_out == 4


def test_a_sieve_says_when_it_is_full() -> None:
    sieve = Sieve(1000)
    for _each in range(3):
        sieve.feed(b"x" * 499 + b"\n")
    assert sieve.full
