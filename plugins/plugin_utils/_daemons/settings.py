# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings files of the daemons: YAML, checked whole before anything starts (pydantic)."""

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
    port: Port

    @field_validator("host")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        ipaddress.ip_address(value)
        return value


class Tls(_Strict):
    ca: str
    certificate: str
    key: str

    @property
    def files(self) -> TlsFiles:
        return TlsFiles(ca=self.ca, certificate=self.certificate, key=self.key)


class Zookeeper(_Strict):
    """``session_seconds``: after that much silence ZooKeeper takes us for dead and others take over."""

    hosts: Annotated[str, Field(min_length=1)]
    root: Annotated[str, Field(pattern=r"^/[A-Za-z0-9_/-]+$")] = "/altair"
    session_seconds: Annotated[float, Field(ge=1.0, le=60.0)] = 6.0
    connect_seconds: Annotated[float, Field(gt=0.0, le=60.0)] = 10.0


class Mysqld(_Strict):
    """The mysqld beside the agent. ``pid_file`` and ``data_folder`` tell its process; see agent/process.py."""

    host: str = "127.0.0.1"
    port: Port = 3306
    unix_socket: str | None = None
    credentials_file: str
    pid_file: str
    data_folder: str
    probe_seconds: Annotated[float, Field(gt=0.0, le=30.0)] = 2.0


class AgentSettings(_Strict):
    node: Name
    cluster: Name
    listen: Listen
    tls: Tls
    monitors: Annotated[tuple[Url, ...], Field(min_length=1)]
    mysqld: Mysqld
    profile: Profile = Profile.ALTAIR


class MonitorSettings(_Strict):
    name: Name
    listen: Listen
    tls: Tls
    zookeeper: Zookeeper
    profile: Profile = Profile.ALTAIR


class Mysql(_Strict):
    """How the orchestrator itself tries a suspected primary."""

    credentials_file: str
    probe_seconds: Annotated[float, Field(gt=0.0, le=30.0)] = 2.0


class Runner(_Strict):
    """How a job's playbook is run: by the warm process, or by plain ``ansible-playbook``."""

    kind: Literal["hot_spare", "ansible_playbook"] = "hot_spare"
    playbook: Annotated[str, Field(min_length=1)] = "altair.mysql_ha.failover"
    variables_file: str
    log_file: str | None = None
    seconds_max: Annotated[float, Field(gt=0.0)] = 3600.0


class OrchestratorSettings(_Strict):
    name: Name
    tls: Tls
    zookeeper: Zookeeper
    mysql: Mysql
    runner: Runner
    profile: Profile = Profile.ALTAIR


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
