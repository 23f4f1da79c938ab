"""Readies what the hosts run and hold, with the lab's own means, so that both are tested on the same servers.

    parts.py programs FOLDER     fetch MySQL, ZooKeeper and BIND; write scripts that start them on a host
    parts.py secrets FOLDER      make the certificates, the key for DNS updates and the MySQL credentials of one run
    parts.py shown FOLDER        print what a host must be shown: SOURCE:TARGET, one a line

A host sees the programs below /opt/parts, whatever the cache is called on this machine.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.lab import credentials, parts, template

ON_HOST = "/opt/parts"


def programs(folder: Path) -> None:
    """Scripts that start the programs where the hosts see them, each with its own loader and libraries."""
    unpacked = parts.fetch(parts.MYSQL)
    mysql = parts.MySQL(unpacked.version, unpacked)
    commands = {
        "mysqld": mysql.mysqld("--defaults-file=/etc/mysql/my.cnf"),
        "mysql": mysql.mysql(),
        "mysqlbinlog": mysql.mysqlbinlog(),
        "zookeeper": parts.zookeeper(Path("/etc/zookeeper/zoo.cfg")),
        "named": parts.named("-c", "/etc/bind/named.conf"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, argv in commands.items():
        there = [word.replace(str(parts.cache_folder()), ON_HOST) for word in argv]
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(there)} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def shown(folder: Path) -> None:
    """The folders to bind into a host, and where."""
    for part in (parts.MYSQL, parts.ZOOKEEPER, parts.BIND):
        home = parts.fetch(part).root.parent
        sys.stdout.write(f"{home}:{ON_HOST}/{home.name}\n")
    sys.stdout.write(f"{template.folder()}:{ON_HOST}/template\n{folder}:{ON_HOST}/bin\n")


def secrets(folder: Path) -> None:
    """What one run's hosts prove themselves with."""
    credentials.write_credentials(folder)
    credentials.write_update_keys(folder)
    credentials.write_certificates(folder / "tls")


if __name__ == "__main__":
    {"programs": programs, "secrets": secrets, "shown": shown}[sys.argv[1]](Path(sys.argv[2]))
