"""The collection's own daemons on the lab's hosts: their settings, their start, and the cluster they look after."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.lab import addresses
from tests.lab.errors import LabError
from tests.lab.host import Host
from tests.lab.lab import Lab

PACKAGE = "ansible_collections.altair.mysql_ha.plugins.plugin_utils._daemons"
CLUSTER = "orders"
AGENT_PORT = 8430
MONITOR_PORT = 8440
ROLES = {"db": "agent", "mon": "monitor", "orc": "orchestrator"}
Settings = dict[str, Any]


def role(host: str) -> str | None:
    """The daemon that belongs on a host; None for the parts' hosts and the client."""
    return ROLES.get(host.rstrip("0123456789"))


def tls(lab: Lab, host: str) -> dict[str, str]:
    folder = lab.etc / "tls"
    return {
        "ca": str(folder / "ca.pem"),
        "certificate": str(folder / f"{host}.pem"),
        "key": str(folder / f"{host}.key"),
    }


def zookeeper_hosts() -> str:
    return f"{addresses.HOSTS['zk1']}:{addresses.ZOOKEEPER_PORT}"


def playbook_variables(lab: Lab, host: str) -> Settings:
    """What the playbooks have to be told besides the cluster's name, with the certificate of `host`."""
    files = tls(lab, host)
    return {
        "altair_zookeeper_hosts": zookeeper_hosts(),
        "altair_mysql_credentials_file": str(lab.etc / "altair.cnf"),
        "altair_replication_credentials_file": str(lab.etc / "repl.cnf"),
        "altair_tsig_key_file": str(lab.etc / "altair-update.key"),
        "altair_tls_ca": files["ca"],
        "altair_tls_certificate": files["certificate"],
        "altair_tls_key": files["key"],
    }


def agent_settings(lab: Lab, host: Host, profile: str) -> Settings:
    monitors = [name for name in addresses.HOSTS if role(name) == "monitor"]
    return {
        "node": host.name,
        "cluster": CLUSTER,
        "listen": {"host": host.address, "port": AGENT_PORT},
        "tls": tls(lab, host.name),
        "monitors": [f"https://{addresses.HOSTS[name]}:{MONITOR_PORT}" for name in monitors],
        "profile": profile,
        "state_file": str(host.folder / "lease.json"),
        "mysqld": {
            "host": host.address,
            "port": addresses.MYSQL_PORT,
            "credentials_file": str(lab.etc / "altair.cnf"),
            "pid_file": str(host.data / "mysqld.pid"),
            "data_folder": str(host.data),
        },
    }


def monitor_settings(lab: Lab, host: Host, profile: str) -> Settings:
    return {
        "name": host.name,
        "listen": {"host": host.address, "port": MONITOR_PORT},
        "tls": tls(lab, host.name),
        "zookeeper": {"hosts": zookeeper_hosts(), "session_seconds": 3.0},
        "profile": profile,
    }


def orchestrator_settings(lab: Lab, host: Host, _profile: str) -> Settings:
    variables = host.etc / "failover.yml"
    variables.write_text(yaml.safe_dump(playbook_variables(lab, host.name)))
    return {
        "name": host.name,
        "tls": tls(lab, host.name),
        "zookeeper": {"hosts": zookeeper_hosts(), "session_seconds": 3.0},
        "mysql": {"credentials_file": str(lab.etc / "altair.cnf")},
        "runner": {"variables_file": str(variables), "log_file": str(host.log / "playbook.log")},
    }


def settings_of(lab: Lab, host: Host, profile: str) -> Settings:
    make = {"agent": agent_settings, "monitor": monitor_settings, "orchestrator": orchestrator_settings}
    return make[role(host.name) or ""](lab, host, profile)


def command(daemon: str, settings: Path) -> list[str]:
    return [sys.executable, "-m", f"{PACKAGE}.{daemon}", "--settings", str(settings)]


def start_daemon(lab: Lab, host: Host, profile: str = "altair", more: Mapping[str, object] | None = None) -> None:
    """Write the settings of the host's daemon, with `more` of them, and start it under its role's name."""
    daemon = role(host.name)
    if daemon is None:
        raise LabError(f"Host {host.name} has no daemon of ours; db, mon and orc hosts have.")
    path = host.etc / f"{daemon}.yml"
    path.write_text(yaml.safe_dump({**settings_of(lab, host, profile), **(more or {})}))
    home = host.folder / "home"
    home.mkdir(exist_ok=True)
    # As its unit says; where the machine does not let us, `nice` says so and goes on.
    priority = ["nice", "-n", "-5"] if daemon == "agent" else []
    host.start(daemon, [*priority, *command(daemon, path)], {"ANSIBLE_HOME": str(home), "HOME": str(home)})


def start_deadman(host: Host) -> None:
    """Beside the host's agent, whose settings it reads; they have to name a `runtime_folder`."""
    host.start("deadman", ["nice", "-n", "-5", *command("deadman", host.etc / "agent.yml")])


def registration(lab: Lab, **policy: object) -> Settings:
    """The arguments of altair.mysql_ha.cluster for the lab's databases."""
    nodes = [{"name": name, "address": addresses.HOSTS[name]} for name in addresses.databases(lab.addresses)]
    return {
        "cluster": CLUSTER,
        "primary": nodes[0]["name"],
        "nodes": nodes,
        "dns": {
            "name": addresses.PRIMARY_NAME,
            "zone": addresses.ZONE,
            "servers": [addresses.HOSTS["ns1"]],
            "ttl_seconds": 1,
        },
        "policy": policy,
    }


def playbook(
    lab: Lab, name: str, variables: Mapping[str, object], *extra: str, timeout: float = 120, host: str = "client"
) -> tuple[int, str]:
    """Run a playbook of the collection by hand, on that host; returns the exit code and what it printed."""
    client = lab.host(host)
    home = client.folder / "home"
    home.mkdir(exist_ok=True)
    given = {**playbook_variables(lab, "client"), **variables}
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), f"altair.mysql_ha.{name}"]
    argv += ["--extra-vars", json.dumps(given), *extra]
    environment = {
        "ANSIBLE_COLLECTIONS_PATH": str(addresses.TREE / "build" / "collections"),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "False",
        "LC_ALL": "C.UTF-8",
    }
    done = client.run(argv, timeout, env=environment)
    return done.returncode, done.stdout + done.stderr


def register(lab: Lab, **policy: object) -> None:
    code, output = playbook(lab, "register", registration(lab, **policy))
    if code:
        raise LabError(f"The cluster could not be registered: {output[-2000:]}")


def start(lab: Lab, profile: str = "altair") -> None:
    """Start every daemon of the lab and register the cluster."""
    for host in lab.hosts.values():
        if role(host.name) is not None:
            start_daemon(lab, host, profile)
    register(lab)
