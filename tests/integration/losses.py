"""Which acknowledged rows the accounts on record name, by a road of our own: the GTIDs are read as raw JSON, and what
those transactions wrote is looked up in the files of the node that had them, which the test can read even where the
host is gone for everybody else."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from tests.integration.record import CLUSTER, Json, Record
from tests.lab.checker import Row
from tests.lab.lab import Lab
from tests.lab.services import binary_logs, mysqlbinlog

INSERT = re.compile(r"### INSERT INTO `app`\.`writes`\n### SET\n###   @1=(\d+)\n###   @2=(\d+)\n")


def accounts(record: Record) -> list[Json]:
    """Of every job that has one."""
    return [record.read(f"{CLUSTER}/losses/{job}") for job in record.names(f"{CLUSTER}/losses")]


def named(lab: Lab, record: Record) -> set[Row]:
    """Rows (writer, n) of app.writes which transactions wrote that an account names as lost."""
    rows: set[Row] = set()
    for account in accounts(record):
        if account["lost"]:
            rows |= written_by(lab, account["old_primary"], account["lost"])
    return rows


def named_in_file(path: Path) -> set[Row]:
    """The rows of app.writes that a manifest's file shows."""
    found = json.loads(path.read_text())
    changes = [row for transaction in found["transactions"] for row in transaction["rows"]]
    return {
        (int(row["after"]["@1"]), int(row["after"]["@2"]))
        for row in changes
        if (row["table"], row["change"]) == ("app.writes", "insert")
    }


def written_by(lab: Lab, node: str, gtids: str) -> set[Row]:
    """What the transactions inserted, by the node's own binary logs."""
    argv = [mysqlbinlog(lab.etc / "bin"), "--no-defaults", "--verbose", "--base64-output=DECODE-ROWS"]
    argv += [f"--include-gtids={gtids}", *binary_logs(lab.host(node))]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, timeout=120)
    return {(int(writer), int(n)) for writer, n in INSERT.findall(done.stdout)}
