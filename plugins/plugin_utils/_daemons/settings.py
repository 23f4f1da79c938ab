# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings files of the daemons: YAML, checked whole before anything starts.

The text below a key is what docs/settings.md says of it. Types, unknown and missing keys are checked by the codec, what
``Within`` and ``Matching`` say by the class itself.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import TlsFiles, tls_context
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import decode_plain
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.mysql import read_option_file
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput

from .checked import Checked, Matching, Name, Port, Text, Within
from .targets import Target, prove_targets

Urls = Annotated[tuple[str, ...], Matching(r"https://[A-Za-z0-9.:\[\]-]+:[0-9]+", "one or more of https://host:port")]
FILE_VARIABLES = (
    "altair_mysql_credentials_file",
    "altair_tsig_key_file",
    "altair_tls_ca",
    "altair_tls_certificate",
    "altair_tls_key",
)
ProbeSeconds = Annotated[float, Within(0.1, 30.0)]


class DaemonSettings(Checked):
    """What each daemon's settings can do besides holding values."""

    def prove(self) -> None:
        """Raise InvalidInput that names the file when one that these settings name cannot be used."""
        raise NotImplementedError

    @property
    def targets(self) -> tuple[Target, ...]:
        """Whom it tells what people should know."""
        return ()


class Profile(StrEnum):
    """How often an agent beats: every 10 s (altair), 2 s (steady) or every second (fast).

    A host that does not run for two and a half beats fences its own primary: choose the beat by the longest stall.
    """

    ALTAIR = "altair"
    STEADY = "steady"
    FAST = "fast"

    @property
    def beat_seconds(self) -> float:
        return BEATS[self]


BEATS = {Profile.ALTAIR: 10.0, Profile.STEADY: 2.0, Profile.FAST: 1.0}


@dataclass(frozen=True, kw_only=True)
class Listen(Checked):
    host: str
    """Own IP address, not 0.0.0.0: a monitor announces it to the other monitors."""
    port: Port
    """Own TCP port; 8430 is usual for agents, 8440 for monitors."""

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            ipaddress.ip_address(self.host)
        except ValueError:
            raise ValueError(f"host must be an IP address, not '{self.host}'") from None


@dataclass(frozen=True, kw_only=True)
class Tls(Checked):
    ca: str
    """PEM file of the authority that signed every certificate of the system."""
    certificate: str
    """PEM file with our certificate: common name our name, organizational unit our role."""
    key: str
    """PEM file with its key."""

    @property
    def files(self) -> TlsFiles:
        return TlsFiles(ca=self.ca, certificate=self.certificate, key=self.key)


@dataclass(frozen=True, kw_only=True)
class Zookeeper(Checked):
    hosts: Text
    """ZooKeeper servers as host:port, separated by commas."""
    root: Annotated[str, Matching(r"(/[A-Za-z0-9_-]+)+/?", "a path such as /altair")] = "/altair"
    """Path below which everything of this system is kept."""
    session_seconds: Annotated[float, Within(1.0, 60.0)] = 6.0
    """After that much silence ZooKeeper takes us for dead and others take over."""
    connect_seconds: Annotated[float, Within(0.1, 60.0)] = 10.0
    """How long to wait for ZooKeeper at the start."""


@dataclass(frozen=True, kw_only=True)
class Mysqld(Checked):
    """The mysqld beside the agent. ``pid_file`` and ``data_folder`` tell its process; see agent/process.py."""

    host: str = "127.0.0.1"
    """Where the agent connects to its own mysqld."""
    port: Port = 3306
    """Its port."""
    unix_socket: str | None = None
    """Its socket file; when set, host and port are not used."""
    credentials_file: str
    """MySQL option file with user and password in [client]; also used to look at other servers."""
    pid_file: str
    """The pid file that mysqld writes."""
    data_folder: str
    """The data folder of mysqld."""
    probe_seconds: ProbeSeconds = 2.0
    """How long a look at a mysqld may take before it counts as timed out."""
    mysqlbinlog: Text = "mysqlbinlog"
    """The program that reads a dead server's binary logs."""
    salvage_seconds: Annotated[float, Within(0.1, 600.0)] = 20.0
    """How long it may take, all binary logs together."""
    disk_probe_file: str | None = None
    """A name for a small file that the agent writes and removes at each look, to see whether the data folder's file
    system takes writes; it has to lie there. Without it the agent writes beside its state_file where that lies on the
    same file system, and else only looks at the file system's flags. Nothing is written into the data folder unless
    this names a file there."""


@dataclass(frozen=True, kw_only=True)
class AgentSettings(DaemonSettings):
    node: Name
    """Name of the node, as the cluster is registered with; also the certificate's common name."""
    cluster: Name
    """Name of the cluster."""
    listen: Listen
    tls: Tls
    monitors: Urls
    """Base URLs of the monitors, such as https://192.0.2.31:8440; any of them takes a report."""
    mysqld: Mysqld
    profile: Profile = Profile.ALTAIR
    """How often to beat: every 10 s, 2 s or every second. All agents and monitors must have the same."""
    state_file: str | None = None
    """File in which the agent keeps who is primary and who votes on its lease; without it a restarted agent guards
    nothing until a monitor has answered."""
    runtime_folder: str | None = None
    """Folder of the agent's own, in memory (tmpfs), such as /run/altair-agent, by which the dead-man beside it knows
    whether the agent lives and what it guarded. Without it there can be no dead-man."""

    def prove(self) -> None:
        tls_context(self.tls.files, server=True)
        read_option_file(self.mysqld.credentials_file)


@dataclass(frozen=True, kw_only=True)
class DeadmanSettings(AgentSettings):
    """The agent's own settings file, read by the dead-man."""

    def prove(self) -> None:
        tls_context(self.tls.files, server=False)
        self.folder()

    def folder(self) -> str:
        if self.runtime_folder is None:
            raise InvalidInput("the agent's settings have no runtime_folder; the dead-man cannot know whether it lives")
        return self.runtime_folder


@dataclass(frozen=True, kw_only=True)
class MonitorSettings(DaemonSettings):
    name: Name
    """Own name, unique among the monitors."""
    listen: Listen
    tls: Tls
    zookeeper: Zookeeper
    profile: Profile = Profile.ALTAIR
    """The beat to expect of the agents."""
    notifications: tuple[Target, ...] = ()
    """Whom to tell what people should know, a list; see [below](#notifications)."""

    def prove(self) -> None:
        tls_context(self.tls.files, server=True)
        prove_targets(self.notifications)

    @property
    def targets(self) -> tuple[Target, ...]:
        return self.notifications


@dataclass(frozen=True, kw_only=True)
class Mysql(Checked):
    """How the orchestrator itself tries a suspected primary."""

    credentials_file: str
    """MySQL option file with user and password in [client]."""
    probe_seconds: ProbeSeconds = 2.0
    """How long the own connection attempt may take; agents are given one second more to answer."""


def _files_named_in(variables_file: str) -> dict[str, str]:
    """The files that the playbook's variables name outright; none where a vault or a template hides them."""
    try:
        variables = yaml.safe_load(Path(variables_file).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    if not isinstance(variables, dict):
        return {}
    named = {name: variables[name] for name in FILE_VARIABLES if name in variables}
    return {name: path for name, path in named.items() if isinstance(path, str) and "{{" not in path}


@dataclass(frozen=True, kw_only=True)
class Runner(Checked):
    """How a job's playbook is run: by the warm process, or by plain ``ansible-playbook``."""

    kind: Literal["hot_spare", "ansible_playbook"] = "hot_spare"
    """By a process that waits with everything loaded, or by a plain ansible-playbook, a second slower."""
    playbook: Text = "altair.mysql_ha.failover"
    """The playbook that a job runs, by collection name or path."""
    variables_file: str
    """YAML file with the playbook's variables; see operating.md."""
    log_file: str | None = None
    """Where the output of the playbook is appended; none: it goes to the daemon's own output."""
    seconds_max: Annotated[float, Within(1.0, 86400.0)] = 3600.0
    """After that long a playbook is killed."""

    def prove(self) -> None:
        """Better now than at the first failover: the variables file, and the files that it names, must be readable."""
        path = self.variables_file
        for name, named in {"": path, **_files_named_in(path)}.items():
            try:
                with open(named, "rb"):
                    pass
            except OSError as error:
                where = f"{name} in " if name else ""
                what = f"{where}the playbook's variables file {path}"
                shown = f": {named}" if name else ""
                raise InvalidInput(f"{what}{shown} cannot be read: {error.strerror}") from None


@dataclass(frozen=True, kw_only=True)
class OrchestratorSettings(DaemonSettings):
    name: Name
    """Own name, unique among the orchestrators."""
    tls: Tls
    zookeeper: Zookeeper
    mysql: Mysql
    runner: Runner
    host_command: tuple[str, ...] = ()
    """A program and its arguments that knows about hosts, for example from the cloud. It is given a node's name and
    address and ends with 0 when the host is up, 1 when it is down, anything else when it cannot tell."""
    notifications: tuple[Target, ...] = ()
    """Whom to tell what people should know, a list; see [below](#notifications)."""

    def prove(self) -> None:
        tls_context(self.tls.files, server=False)
        read_option_file(self.mysql.credentials_file)
        self.runner.prove()
        prove_targets(self.notifications)

    @property
    def targets(self) -> tuple[Target, ...]:
        return self.notifications


Settings = TypeVar("Settings", bound=DaemonSettings)


def load(path: str, kind: type[Settings]) -> Settings:
    """Raise InvalidInput that names the file and the key."""
    try:
        data: Any = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidInput(f"the settings file {path}{where} is not YAML") from None
    if not isinstance(data, dict):
        raise InvalidInput(f"the settings file {path} must hold keys and values")
    return decode_plain(kind, data, f"the settings file {path}")
