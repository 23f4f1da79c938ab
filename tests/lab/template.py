"""A MySQL data folder made once for each version, from which every node starts; and how to speak to a node."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from tests.lab import parts
from tests.lab.addresses import MYSQL_PORT
from tests.lab.credentials import PASSWORDS
from tests.lab.errors import LabError
from tests.lab.host import Host

ERRORS = (pymysql.MySQLError,)
# Enough for tests and little to copy. Performance schema stays on, for its replication tables, without the rest.
SMALL = """innodb-redo-log-capacity=16M
innodb-buffer-pool-size=64M
innodb-log-buffer-size=2M
innodb-buffer-pool-dump-at-shutdown=OFF
innodb-buffer-pool-load-at-startup=OFF
table-open-cache=200
table-definition-cache=400
temptable-max-ram=2M
performance-schema=ON
performance-schema-digests-size=0
performance-schema-error-size=0
performance-schema-max-digest-length=0
performance-schema-max-sql-text-length=64
performance-schema-events-waits-history-long-size=0
performance-schema-events-stages-history-long-size=0
performance-schema-events-statements-history-long-size=0
performance-schema-events-transactions-history-long-size=0
"""
_ALTAIR = (
    "RELOAD, SHUTDOWN, PROCESS, SELECT, REPLICATION SLAVE, REPLICATION CLIENT",
    "SYSTEM_VARIABLES_ADMIN, SESSION_VARIABLES_ADMIN, PERSIST_RO_VARIABLES_ADMIN, CONNECTION_ADMIN",
    "SERVICE_CONNECTION_ADMIN, REPLICATION_SLAVE_ADMIN, REPLICATION_APPLIER, BINLOG_ADMIN, BACKUP_ADMIN, CLONE_ADMIN",
)


def accounts() -> str:
    """The SQL which creates the accounts `altair`, `repl` and `app`; root stays as it is, on the socket only."""
    lines = [f"CREATE USER '{user}'@'%' IDENTIFIED BY '{password}';" for user, password in PASSWORDS.items()]
    lines += [f"GRANT {', '.join(_ALTAIR)} ON *.* TO 'altair'@'%';"]
    lines += ["GRANT REPLICATION SLAVE, BACKUP_ADMIN ON *.* TO 'repl'@'%';", "GRANT ALL ON `app`.* TO 'app'@'%';"]
    return "\n".join(lines) + "\n"


def folder() -> Path:
    """The template for the MySQL in use, made now if it is not in the cache; takes about 5 s then."""
    mysql = parts.mysql()
    recipe = hashlib.sha256((accounts() + SMALL).encode()).hexdigest()[:8]
    home = parts.cache_folder() / f"template-{mysql.version}-{recipe}"
    with parts.only_one(home.parent / f"{home.name}.lock"):
        if not home.exists():
            parts.say(f"initialising a MySQL {mysql.version} data folder, once for this version")
            scratch = Path(tempfile.mkdtemp(prefix=".template-", dir=home.parent))
            try:
                _initialise(mysql, scratch)
                (scratch / "data").rename(home)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return home


def copy_to(data: Path) -> None:
    """Fill a node's data folder from the template, without the identity (auto.cnf) of the server that made it."""
    subprocess.run(["cp", "-a", "--sparse=always", f"{folder()}/.", str(data)], check=True)


@contextmanager
def connect(host: Host, user: str, *, timeout: float = 1.0, **options: Any) -> "Iterator[Connection[DictCursor]]":
    """A connection to a node's mysqld as one of the lab's accounts, from inside that node's own network.

    A partition does not touch it. `timeout` is in seconds, for connecting and for each answer.
    """
    with host.inside():
        connection: Connection[DictCursor] = pymysql.connect(
            host=host.address,
            port=MYSQL_PORT,
            user=user,
            password=PASSWORDS[user],
            connect_timeout=timeout,
            read_timeout=timeout,
            write_timeout=timeout,
            autocommit=True,
            cursorclass=DictCursor,
            # Or PyMySQL loads the certificate store for each connection, 40 ms of CPU before the first packet.
            ssl_disabled=True,
            **options,
        )
    try:
        yield connection
    finally:
        connection.close()


def _initialise(mysql: parts.MySQL, scratch: Path) -> None:
    (scratch / "accounts.sql").write_text(accounts())
    (scratch / "my.cnf").write_text(
        f"[mysqld]\nuser=root\ndatadir={scratch}/data\nsecure-file-priv=\nmysqlx=OFF\nskip-log-bin\n"
        f"init-file={scratch}/accounts.sql\n{SMALL}"
    )
    argv = mysql.mysqld(f"--defaults-file={scratch}/my.cnf", "--initialize-insecure")
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=300, env=os.environ | {"TZ": "UTC"}
    )
    if done.returncode:
        raise LabError(f"MySQL {mysql.version} could not initialise a data folder: {done.stderr.strip()[-300:]}.")
    (scratch / "data" / "auto.cnf").unlink(missing_ok=True)
