# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings files of the daemons: YAML, checked whole before anything starts (pydantic).

The text below a key is what docs/settings.md says of it.
"""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.agent import TlsFiles
from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import first_fault
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Port = Annotated[int, Field(gt=0, lt=65536)]
Url = Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.:\[\]-]+:[0-9]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Profile(StrEnum):
    """How often an agent beats: every 10 s (altair) or every second (fast)."""

    ALTAIR = "altair"
    FAST = "fast"

    @property
    def beat_seconds(self) -> float:
        return 10.0 if self is Profile.ALTAIR else 1.0


class Listen(_Strict):
    host: str
    """Own IP address, not 0.0.0.0: a monitor announces it to the other monitors."""
    port: Port
    """Own TCP port; 8430 is usual for agents, 8440 for monitors."""

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        ipaddress.ip_address(value)
        return value


class Tls(_Strict):
    ca: str
    """PEM file of the authority that signed every certificate of the system."""
    certificate: str
    """PEM file with our certificate: common name our name, organizational unit our role."""
    key: str
    """PEM file with its key."""

    @property
    def files(self) -> TlsFiles:
        return TlsFiles(ca=self.ca, certificate=self.certificate, key=self.key)


class Zookeeper(_Strict):
    hosts: Annotated[str, Field(min_length=1)]
    """ZooKeeper servers as host:port, separated by commas."""
    root: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/-]+$")] = "/altair"
    """Path below which everything of this system is kept."""
    session_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = 6.0
    """After that much silence ZooKeeper takes us for dead and others take over."""
    connect_seconds: Annotated[float, Field(gt=0.0, le=60.0)] = 10.0
    """How long to wait for ZooKeeper at the start."""


class Mysqld(_Strict):
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
    probe_seconds: Annotated[float, Field(gt=0.0, le=30.0)] = 2.0
    """How long a look at a mysqld may take before it counts as timed out."""
    mysqlbinlog: Annotated[str, Field(min_length=1)] = "mysqlbinlog"
    """The program that reads a dead server's binary logs."""
    salvage_seconds: Annotated[float, Field(gt=0.0, le=600.0)] = 20.0
    """How long it may take for one binary log."""


class AgentSettings(_Strict):
    node: Name
    """Name of the node, as the cluster is registered with; also the certificate's common name."""
    cluster: Name
    """Name of the cluster."""
    listen: Listen
    tls: Tls
    monitors: Annotated[tuple[Url, ...], Field(min_length=1)]
    """Base URLs of the monitors, such as https://192.0.2.31:8440; any of them takes a report."""
    mysqld: Mysqld
    profile: Profile = Profile.ALTAIR
    """How often to beat: every 10 s or every second. The monitors must have the same."""


class MonitorSettings(_Strict):
    name: Name
    """Own name, unique among the monitors."""
    listen: Listen
    tls: Tls
    zookeeper: Zookeeper
    profile: Profile = Profile.ALTAIR
    """The beat to expect of the agents."""


class Mysql(_Strict):
    """How the orchestrator itself tries a suspected primary."""

    credentials_file: str
    """MySQL option file with user and password in [client]."""
    probe_seconds: Annotated[float, Field(gt=0.0, le=30.0)] = 2.0
    """How long the own connection attempt may take; agents are given one second more to answer."""


class Runner(_Strict):
    """How a job's playbook is run: by the warm process, or by plain ``ansible-playbook``."""

    kind: Literal["hot_spare", "ansible_playbook"] = "hot_spare"
    """By a process that waits with everything loaded, or by a plain ansible-playbook, a second slower."""
    playbook: Annotated[str, Field(min_length=1)] = "altair.mysql_ha.failover"
    """The playbook that a job runs, by collection name or path."""
    variables_file: str
    """YAML file with the playbook's variables; see operating.md."""
    log_file: str | None = None
    """Where the output of the playbook is appended; none: it goes to the daemon's own output."""
    seconds_max: Annotated[float, Field(gt=0.0)] = 3600.0
    """After that long a playbook is killed."""


class OrchestratorSettings(_Strict):
    name: Name
    """Own name, unique among the orchestrators."""
    tls: Tls
    zookeeper: Zookeeper
    mysql: Mysql
    runner: Runner
    profile: Profile = Profile.ALTAIR
    """Not used yet."""


Settings = TypeVar("Settings", bound=BaseModel)


def load(path: str, kind: type[Settings]) -> Settings:
    """Raise InvalidInput that names the file and the key."""
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"the settings file {path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise InvalidInput(f"the settings file {path}{where} is not YAML") from None
    if not isinstance(data, dict):
        raise InvalidInput(f"the settings file {path} must hold keys and values")
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(f"the settings file {path}: {first_fault(error)}") from None
