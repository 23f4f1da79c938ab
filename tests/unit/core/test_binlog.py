"""What mysqlbinlog prints, taken apart into statements and transactions."""

from __future__ import annotations

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.binlog import (
    previous,
    split,
    statements,
    tail,
    transactions,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.gtid import GtidSet

UUID = "11111111-2222-3333-4444-555555555555"
OTHER = "99999999-2222-3333-4444-555555555555"
DUMP = f"""# The proper term is pseudo_replica_mode
/*!50530 SET @@SESSION.PSEUDO_SLAVE_MODE=1*/;
DELIMITER /*!*/;
# at 4
#261121 23:56:09 server id 11  end_log_pos 127 CRC32 0xc79c9ae7 \tStart: binlog v 4
ROLLBACK/*!*/;
BINLOG '
mS8Caw8LAAAAewAAAH8AAAABAAQAOS43
'/*!*/;
# at 127
#261121 23:56:09 server id 11  end_log_pos 158 CRC32 0x52cefcf3 \tPrevious-GTIDs
# {UUID}:1-40,
# {OTHER}:1-7
# at 158
SET @@SESSION.GTID_NEXT= '{UUID}:41'/*!*/;
BEGIN
/*!*/;
/*!\\C utf8mb4 *//*!*/;
INSERT INTO app.t VALUES ('a; b')
/*!*/;
COMMIT/*!*/;
SET @@SESSION.GTID_NEXT= '{UUID}:billing:7'/*!*/;
CREATE TABLE app.u (id INT)
/*!*/;
SET @@SESSION.GTID_NEXT= 'AUTOMATIC' /* added by mysqlbinlog */ /*!*/;
DELIMITER ;
# End of log file
/*!50530 SET @@SESSION.PSEUDO_SLAVE_MODE=0*/;
""".encode()


def test_statements_come_in_order_and_without_their_delimiters() -> None:
    found = list(statements(DUMP))
    assert found[0] == b"/*!50530 SET @@SESSION.PSEUDO_SLAVE_MODE=1*/"
    assert found[1] == b"ROLLBACK"
    assert found[2].startswith(b"BINLOG '\nmS8C")
    assert found[3] == f"SET @@SESSION.GTID_NEXT= '{UUID}:41'".encode()
    assert found[-1] == b"/*!50530 SET @@SESSION.PSEUDO_SLAVE_MODE=0*/"


def test_a_semicolon_inside_a_statement_does_not_end_it() -> None:
    assert b"INSERT INTO app.t VALUES ('a; b')\n" in set(statements(DUMP))


def test_commands_of_the_mysql_client_itself_and_comments_are_not_sent() -> None:
    found = list(statements(DUMP))
    assert not [each for each in found if b"\\C" in each or each.lstrip().startswith(b"#")]
    assert len(found) == 11


def test_transactions_are_named_with_their_tags_and_the_automatic_one_is_none() -> None:
    assert transactions(DUMP) == GtidSet.parse(f"{UUID}:41,{UUID}:billing:7")


def test_the_header_tells_what_earlier_logs_hold() -> None:
    assert previous(DUMP) == GtidSet.parse(f"{UUID}:1-40,{OTHER}:1-7")


def test_the_first_log_of_a_server_has_nothing_before_it() -> None:
    first = DUMP.replace(f"# {UUID}:1-40,\n# {OTHER}:1-7\n".encode(), b"# [empty]\n")
    assert first != DUMP
    assert previous(first) == GtidSet()


def test_what_has_no_header_is_told_from_the_first_log() -> None:
    assert previous(DUMP.replace(b"Previous-GTIDs", b"Rotate")) is None


def test_nothing_is_read_from_nothing() -> None:
    assert (list(statements(b"")), transactions(b""), previous(b"")) == ([], GtidSet(), None)


def test_a_transaction_that_was_not_written_to_its_end_is_cut_off_and_none_of_it_is_executed() -> None:
    begun = f"SET @@SESSION.GTID_NEXT= '{UUID}:42'/*!*/;\nBEGIN\n/*!*/;\nINSERT INTO app.t VALUES ('half')\n/*!*/;\n"
    added = "ROLLBACK /* added by mysqlbinlog */ /*!*/;\n"
    end = b"SET @@SESSION.GTID_NEXT= 'AUTOMATIC'"
    for text in (begun, begun + added):
        found = tail(DUMP.replace(end, text.encode() + end))
        assert found.cut_off == GtidSet.parse(f"{UUID}:42")
        assert found.found == GtidSet.parse(f"{UUID}:41,{UUID}:billing:7")
        assert not [each for each in found.statements if b"half" in each or b":42'" in each]


def test_a_gtid_with_nothing_after_it_is_cut_off() -> None:
    dump = DUMP.partition(b"CREATE TABLE")[0]
    assert tail(dump).cut_off == GtidSet.parse(f"{UUID}:billing:7")
    assert tail(dump).found == GtidSet.parse(f"{UUID}:41")


@pytest.mark.parametrize(
    ("said", "whole"),
    [
        ("BEGIN|UPDATE t SET a = 1|COMMIT", True),
        ("BEGIN|COMMIT", True),
        ("BEGIN|UPDATE t SET a = 1|COMMIT /* added by mysqlbinlog */", False),
        ("BEGIN|UPDATE t SET a = 1|ROLLBACK", True),
        ("use `app`|SET TIMESTAMP=1|DROP TABLE t", True),
        ("use `app`|SET TIMESTAMP=1", False),
        ("/*!80014 SET @@session.original_server_version=90704*/", False),
        ("XA START X'61',X'',1|UPDATE t SET a = 1|XA END X'61',X'',1", False),
        ("XA START X'61',X'',1|UPDATE t SET a = 1|XA END X'61',X'',1|XA PREPARE X'61',X'',1", True),
        ("XA COMMIT X'61',X'',1", True),
    ],
)
def test_a_transaction_is_whole_when_it_says_its_own_end(said: str, whole: bool) -> None:
    text = "".join(f"{each}\n/*!*/;\n" for each in (f"SET @@SESSION.GTID_NEXT= '{UUID}:1'", *said.split("|")))
    (each,) = split(b"DELIMITER /*!*/;\n" + text.encode())
    assert each.whole is whole


def test_a_text_that_reads_like_a_gtid_inside_a_statement_is_none() -> None:
    said = f"INSERT INTO t VALUES ('\nSET @@SESSION.GTID_NEXT= ''{OTHER}:9''/*!*/;')".encode()
    assert transactions(DUMP.replace(b"INSERT INTO app.t VALUES ('a; b')", said.replace(b"/*!*/;", b""))) == (
        GtidSet.parse(f"{UUID}:41,{UUID}:billing:7")
    )


def test_a_statement_of_many_lines_is_read_in_time_that_grows_with_its_length_only() -> None:
    lines = b"x" * 76 + b"\n"
    (found,) = statements(b"DELIMITER /*!*/;\nBINLOG '\n" + lines * 300_000 + b"'/*!*/;\n")
    assert len(found) == len(b"BINLOG '\n'") + 300_000 * 77
