"""What the control plane keeps in ZooKeeper, read by a client of our own.

What the tests assert about it comes from here, as raw JSON by raw kazoo: nothing of the product takes part in it.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from kazoo.exceptions import NoNodeError

from tests.lab import daemons

ROOT = "/altair"
CLUSTER = f"{ROOT}/clusters/{daemons.CLUSTER}"
Json = dict[str, Any]


class Record:
    """What ZooKeeper holds, as it stands there."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def read(self, path: str) -> Json:
        """The znode's JSON; empty when there is no such znode. ``path`` is absolute."""
        try:
            raw, _stat = self._client.get(path)
        except NoNodeError:
            return {}
        found: Json = json.loads(raw)
        return found

    def version(self, path: str) -> int:
        """How often the znode was written."""
        _raw, stat = self._client.get(path)
        return int(stat.version)

    def write(self, path: str, raw: bytes) -> None:
        """In one act, so that nobody sees the znode empty."""
        try:
            self._client.set(path, raw)
        except NoNodeError:
            self._client.create(path, raw, makepath=True)

    def delete(self, path: str) -> None:
        with suppress(NoNodeError):
            self._client.delete(path, recursive=True)

    def names(self, path: str) -> list[str]:
        try:
            found: list[str] = sorted(self._client.get_children(path))
        except NoNodeError:
            return []
        return found

    @property
    def state(self) -> Json:
        return self.read(f"{CLUSTER}/state")

    @property
    def job(self) -> Json:
        return self.read(f"{CLUSTER}/job")

    @property
    def screening(self) -> Json:
        return self.read(f"{CLUSTER}/screening")

    @property
    def history(self) -> list[str]:
        return self.names(f"{CLUSTER}/history")

    def screened_since(self, began: float) -> bool:
        """Whether the history of screenings has one of after ``began``, of the machine's clock."""
        found = self.read(f"{CLUSTER}/screenings").get("screenings", [])
        return bool(found and found[-1]["last_at"] > began)

    def health(self, node: str) -> Json:
        return self.read(f"{ROOT}/health/{daemons.CLUSTER}/{node}")

    def everything(self) -> dict[str, tuple[bytes, int]]:
        """Every znode of the cluster but its lock and what monitors report, with content and version."""
        found = {}
        for name in ("", "/state", "/job", "/pause", *(f"/history/{job}" for job in self.history)):
            with suppress(NoNodeError):
                raw, stat = self._client.get(CLUSTER + name)
                found[name] = (raw, stat.version)
        return found


def steps_of(job: Json) -> list[str]:
    """Names of the steps on a job's record."""
    return [step["step"] for step in job.get("steps", ())]


def step_of(job: Json, name: str) -> Json:
    """One step on a job's record."""
    found: Json = next(step for step in job["steps"] if step["step"] == name)
    return found
