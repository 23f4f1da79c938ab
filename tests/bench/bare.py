"""The same SQL and DNS statements as a failover's, by a script with nothing around it: the least that it can cost.

It asks nobody whether the primary is dead, proves nothing, keeps no record, and knows that both replicas are fine.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import dns.name
import dns.query
import dns.tsig
import dns.update

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import read_key_file
from tests.lab import addresses, credentials
from tests.lab.host import Host
from tests.lab.lab import Lab

SECONDS = 60.0


def drain(lab: Lab, host: Host) -> tuple[int, str]:
    """Stop receiving, apply all; how many transactions it has then, and its name."""
    with lab.mysql(host.name, "altair", timeout=SECONDS) as session, session.cursor() as cursor:
        cursor.execute("STOP REPLICA IO_THREAD")
        cursor.execute("SHOW REPLICA STATUS")
        received = (cursor.fetchone() or {})["Retrieved_Gtid_Set"]
        cursor.execute("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (received, SECONDS - 5))
        cursor.execute("SELECT COUNT(*) AS many FROM app.writes")
        return int((cursor.fetchone() or {})["many"]), host.name


def promote(lab: Lab, name: str) -> None:
    with lab.mysql(name, "altair", timeout=SECONDS) as session, session.cursor() as cursor:
        cursor.execute("STOP REPLICA")
        cursor.execute("RESET REPLICA ALL")
        cursor.execute("SET GLOBAL super_read_only = OFF")
        cursor.execute("SET GLOBAL read_only = OFF")


def switch_dns(lab: Lab, old: str, new: str) -> None:
    key = read_key_file(str(lab.etc / "altair-update.key"))
    keyring = {dns.name.from_text(key.name): dns.tsig.Key(key.name, key.secret, key.algorithm)}
    update = dns.update.UpdateMessage(addresses.ZONE, keyring=keyring)
    owner = dns.name.from_text(addresses.PRIMARY_NAME)
    update.present(owner, "A", addresses.HOSTS[old])
    update.replace(owner, 1, "A", addresses.HOSTS[new])
    with lab.inside("client"):
        dns.query.tcp(update, addresses.HOSTS["ns1"], timeout=5, port=addresses.DNS_PORT)


def repoint(lab: Lab, name: str, source: str) -> None:
    with lab.mysql(name, "altair", timeout=SECONDS) as session, session.cursor() as cursor:
        cursor.execute("STOP REPLICA")
        cursor.execute(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST=%s, SOURCE_PORT=%s, SOURCE_PASSWORD=%s",
            (addresses.HOSTS[source], addresses.MYSQL_PORT, credentials.PASSWORDS["repl"]),
        )
        cursor.execute("START REPLICA")


def fail_over(lab: Lab, old: str) -> str:
    """Promote the replica that has most; returns its name. The old primary's mysqld must be dead."""
    replicas = [lab.host(name) for name in addresses.databases() if name != old]
    with ThreadPoolExecutor(len(replicas)) as pool:
        ranked = sorted(pool.map(lambda host: drain(lab, host), replicas), reverse=True)
    (_most, new), *others = ranked
    promote(lab, new)
    switch_dns(lab, old, new)
    for _many, name in others:
        repoint(lab, name, new)
    return new
