"""Configuration and command lines of what a lab's hosts run: ZooKeeper, named and mysqld."""

import shlex
import socket
import time
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from tests.lab import parts, template
from tests.lab.addresses import DNS_PORT, HOSTS, MYSQL_PORT, PRIMARY_NAME, ZONE, ZOOKEEPER_PORT
from tests.lab.errors import LabError
from tests.lab.host import Host

SOCKET = "/run/mysqld/mysqld.sock"
_READY_SECONDS = 90


def write_programs(folder: Path) -> None:
    """Write `mysqld`, `mysql` and `mysqlbinlog`, which run the lab's MySQL; the folder is on every host's PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    mysql = parts.mysql()
    if mysql.unpacked is None:
        return
    for name, argv in (("mysqld", mysql.mysqld()), ("mysql", mysql.mysql()), ("mysqlbinlog", mysql.mysqlbinlog())):
        # An option file must be named first, before the options that say where this MySQL was unpacked.
        first = 'case "${1-}" in --defaults-*|--no-defaults) first=$1; shift;; *) first=;; esac\n'
        loader, places = shlex.join(argv[:4]), shlex.join(argv[4:])
        program = folder / name
        program.write_text(f'#!/bin/sh\n{first}exec {loader} ${{first:+"$first"}} {places} "$@"\n')
        program.chmod(0o755)


def mysqlbinlog(programs: Path) -> str:
    """The one of ``write_programs``, or the machine's."""
    ours = programs / "mysqlbinlog"
    return str(ours) if ours.exists() else "mysqlbinlog"


def binary_logs(host: Host) -> list[str]:
    """A server's own, oldest first."""
    return [str(path) for path in sorted(host.data.glob("binlog.[0-9]*")) if path.suffix[1:].isdigit()]


def start_zookeeper(host: Host) -> None:
    """Start ZooKeeper; sessions may time out after 1 s at the least (two ticks)."""
    config = host.etc / "zoo.cfg"
    config.write_text(
        f"dataDir={host.data}\nclientPort={ZOOKEEPER_PORT}\nclientPortAddress={host.address}\n"
        "tickTime=500\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nmaxSessionTimeout=60000\n"
        "4lw.commands.whitelist=*\nadmin.enableServer=false\npreAllocSize=1024\n"
    )
    host.start("zookeeper", parts.zookeeper(config))


def zookeeper_answers(host: Host) -> bool:
    """Whether ZooKeeper serves requests: `srvr` names its mode only then."""
    with host.inside(), socket.create_connection((host.address, ZOOKEEPER_PORT), timeout=0.5) as connection:
        connection.settimeout(0.5)
        connection.sendall(b"srvr")
        return b"Mode:" in connection.recv(4096)


def start_named(host: Host, key: str) -> None:
    """Start BIND with the lab's zone, to be changed only by updates signed with `key`."""
    zone = host.data / f"{ZONE}.zone"
    label = PRIMARY_NAME.removesuffix(f".{ZONE}")
    zone.write_text(
        f"$ORIGIN {ZONE}.\n$TTL 1\n"
        f"@ IN SOA ns1 hostmaster 1 3600 600 86400 1\n@ IN NS ns1\n"
        f"ns1 IN A {HOSTS['ns1']}\n{label} IN A {HOSTS['db1']}\n"
    )
    config = host.etc / "named.conf"
    config.write_text(
        f'{key}options {{ directory "{host.data}"; pid-file "/run/named.pid"; session-keyfile "/run/session.key";\n'
        f"\tlisten-on port {DNS_PORT} {{ {host.address}; }}; listen-on-v6 {{ none; }};\n"
        "\trecursion no; dnssec-validation no; allow-query { any; }; notify no; };\ncontrols { };\n"
        f'zone "{ZONE}" {{ type primary; file "{zone}";\n'
        f"\tupdate-policy {{ grant altair-update zonesub A TXT; }}; }};\n"
    )
    config.chmod(0o600)
    host.start("named", parts.named("-g", "-n", "1", "-c", str(config)))


def named_answers(host: Host) -> bool:
    """Whether the name server knows the primary's name."""
    return bool(name_server_says(host))


def name_server_says(host: Host, name: str = PRIMARY_NAME) -> list[str]:
    """The addresses that the name server itself has for a name."""
    with host.inside():
        answer = dns.query.udp(dns.message.make_query(name, "A"), host.address, timeout=0.5)
    return sorted(record.to_text() for rrset in answer.answer for record in rrset)


def start_mysqld(host: Host) -> None:
    """Lay out the host's data folder from the template if it is empty, and start mysqld, super_read_only."""
    if not (host.data / "mysql.ibd").exists():
        template.copy_to(host.data)
    config = host.etc / "my.cnf"
    config.write_text(mysqld_config(host, host.folder.parent / "etc" / "tls"))
    # The socket's folder is on the private tmpfs, so a power-off takes it away.
    argv = parts.mysql().mysqld(f"--defaults-file={config}")
    host.start("mysqld", ["/bin/sh", "-c", 'mkdir -p /run/mysqld && exec "$@"', "mysqld", *argv])


def mysqld_config(host: Host, tls: Path) -> str:
    """The text of a node's my.cnf."""
    return f"""[mysqld]
user=root
datadir={host.data}
pid-file={host.data}/mysqld.pid
socket={SOCKET}
bind-address={host.address}
port={MYSQL_PORT}
report-host={host.address}
server-id={host.address.rpartition(".")[2]}
skip-name-resolve
mysqlx=OFF
secure-file-priv=
ssl-ca={tls}/ca.pem
ssl-cert={tls}/{host.name}.pem
ssl-key={tls}/{host.name}.key
# A node always boots unable to take a write; only a promotion changes that, and only until the next boot.
read-only=ON
super-read-only=ON
gtid-mode=ON
enforce-gtid-consistency=ON
log-bin=binlog
sync-binlog=1
innodb-flush-log-at-trx-commit=1
replica-net-timeout=4
# Of the default's 4 all would be busy, and the applier's coordinator waits for one by spinning: half a core a replica.
replica-parallel-workers=8
plugin-load-add=mysql_clone.so
plugin-load-add=semisync_source.so
plugin-load-add=semisync_replica.so
{template.SMALL}"""


def mysqld_answers(host: Host) -> bool:
    """Whether mysqld lets the lab's own account in."""
    with template.connect(host, "altair"):
        return True


def wait_until(what: str, asked: Callable[[], bool], seconds: float = _READY_SECONDS) -> None:
    """Ask every 20 ms until the answer is yes, less often what is dear to ask, so that the asking is no load.

    Raises LabError, naming what was awaited, when the answer is never yes.
    """
    deadline = time.monotonic() + seconds
    last: Exception | None = None
    while (began := time.monotonic()) < deadline:
        try:
            if asked():
                return
        except (OSError, dns.exception.DNSException, *template.ERRORS) as error:
            last = error
        time.sleep(max(0.02, 2 * (time.monotonic() - began)))
    raise LabError(f"{what} was not ready after {seconds:.0f} s ({last or 'it answered no'}); look at `logs`.")
