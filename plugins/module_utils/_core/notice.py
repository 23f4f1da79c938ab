# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people are told of: which target wants it, in which words, how often, and what a slow one is never told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

SUBJECT_CHARACTERS_MAX = 160
SENTENCE_CHARACTERS_MAX = 2000
TOLD_MAX = 1000  # topics that a target's memory holds


class Severity(StrEnum):
    """From the least to the greatest."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Kind(StrEnum):
    SUSPICION = "suspicion"
    CONCLUSION = "conclusion"
    JOB_OPENED = "job_opened"
    JOB_PAUSED = "job_paused"
    JOB_ACKNOWLEDGED = "job_acknowledged"
    JOB_ESCALATED = "job_escalated"
    JOB_TROUBLE = "job_trouble"
    JOB_DONE = "job_done"
    JOB_ABORTED = "job_aborted"
    LOSSES = "losses"
    BREACH = "breach"
    UNPROTECTED = "unprotected"
    QUARANTINE = "quarantine"
    REPLICA_REPAIRED = "replica_repaired"
    REPLICA_ASTRAY = "replica_astray"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class KindRow:
    """``title``: the kind in a subject. ``told_by``, ``when``: for the reader of the page of settings."""

    kind: Kind
    severity: str
    told_by: str
    title: str
    when: str


KINDS: tuple[KindRow, ...] = (
    KindRow(Kind.SUSPICION, "warning", "monitor", "suspected", "a primary is suspected of having failed"),
    KindRow(
        Kind.CONCLUSION,
        "info where it lives; warning where nobody can tell, or a failover begins; critical where one is forbidden",
        "orchestrator",
        "screened",
        "a suspicion was screened: the verdict, and why there is no failover, if so",
    ),
    KindRow(Kind.JOB_OPENED, "warning", "orchestrator", "failover began", "a job was opened, resumed or taken over"),
    KindRow(Kind.JOB_PAUSED, "critical", "orchestrator", "failover paused", "a job waits for a person"),
    KindRow(
        Kind.JOB_ACKNOWLEDGED, "info", "orchestrator", "team has stopped writing", "a team has answered a paused job"
    ),
    KindRow(
        Kind.JOB_ESCALATED,
        "critical",
        "orchestrator, one of them",
        "failover still paused",
        "a paused job has waited too long, and its teams have not all answered; told again and again",
    ),
    KindRow(
        Kind.JOB_TROUBLE, "critical", "orchestrator", "failover in trouble", "a step of a job fails; it is tried on"
    ),
    KindRow(Kind.JOB_DONE, "info", "orchestrator", "failover done", "a job is done"),
    KindRow(Kind.JOB_ABORTED, "warning", "orchestrator", "failover given up", "a job was given up by a person"),
    KindRow(
        Kind.LOSSES,
        "critical",
        "orchestrator",
        "writes lost",
        "a job is done and transactions are lost, or nobody can say whether any are",
    ),
    KindRow(
        Kind.BREACH,
        "warning or critical; info where it is over",
        "monitor",
        "threshold",
        "a node has passed a threshold, or is back within it",
    ),
    KindRow(Kind.UNPROTECTED, "warning", "monitor", "lease off", "nothing guards a primary's lease any more"),
    KindRow(
        Kind.QUARANTINE,
        "critical",
        "monitor, orchestrator",
        "record unreadable",
        "what ZooKeeper holds of a cluster cannot be read and was set aside",
    ),
    KindRow(
        Kind.REPLICA_REPAIRED, "info", "orchestrator", "replica repaired", "a stray replica follows the primary again"
    ),
    KindRow(
        Kind.REPLICA_ASTRAY,
        "critical",
        "orchestrator",
        "replica astray",
        "a replica does not lead to the primary and cannot be repaired: it has what the primary lacks, or lost its TLS",
    ),
    KindRow(Kind.TEST, "info", "both", "test", "somebody tries the targets"),
)
TITLES: Mapping[Kind, str] = {row.kind: row.title for row in KINDS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One thing worth telling. ``at``: wall clock, for people. ``by``: the daemon that tells it.

    ``about``: what it is about where the sentence itself changes from time to time (a number in it), so that it still
    counts as the same. ``to``: the targets that it is addressed to, which are told whatever else they want.
    """

    kind: Kind
    severity: Severity
    cluster: str
    sentence: str
    at: float
    by: str
    node: str = ""
    job: str = ""
    epoch: int | None = None
    about: str = ""
    to: tuple[str, ...] = ()

    @property
    def topic(self) -> tuple[str, ...]:
        """Two notices of the same topic say the same."""
        said = self.about or self.sentence
        return (self.kind.value, self.severity.value, self.cluster, self.node, self.job, str(self.epoch), said)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wants:
    """What a target wants to be told of; an empty set means all. ``name``: its own, by which notices are addressed."""

    name: str = ""
    addressed_only: bool = False
    kinds: frozenset[Kind] = frozenset()
    severity_min: Severity = Severity.INFO
    clusters: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a target does not want a notice."""

    because: str
    holds: Callable[[Wants, Notice], bool]


UNWANTED: tuple[Reason, ...] = (
    Reason("it wants what is addressed to it", lambda wants, _notice: wants.addressed_only),
    Reason("it wants other kinds", lambda wants, notice: bool(wants.kinds) and notice.kind not in wants.kinds),
    Reason("it wants graver ones", lambda wants, notice: notice.severity.rank < wants.severity_min.rank),
    Reason(
        "it wants other clusters", lambda wants, notice: bool(wants.clusters) and notice.cluster not in wants.clusters
    ),
)


def unwanted(wants: Wants, notice: Notice) -> str | None:
    """Why the target is not told; None when it is."""
    if wants.name in notice.to:
        return None
    return next((reason.because for reason in UNWANTED if reason.holds(wants, notice)), None)


Told = Mapping[tuple[str, ...], float]


def remember(told: Told, notice: Notice, now: float, repeat_seconds: float) -> Told | None:
    """What was told when, this notice included; None when its topic was told less than ``repeat_seconds`` ago."""
    recent = {topic: at for topic, at in told.items() if now - at < repeat_seconds}
    if notice.topic in recent:
        return None
    kept = list(recent.items())[-(TOLD_MAX - 1) :]
    return {**dict(kept), notice.topic: now}


@dataclass(frozen=True, slots=True)
class Waiting:
    """The notices that a target has not been told yet, oldest first, and how many it will never be told."""

    notices: tuple[Notice, ...] = ()
    missed: int = 0

    def put(self, notice: Notice, most: int) -> Waiting:
        """With ``notice``; when that is more than ``most``, without the oldest of the least severe."""
        notices = (*self.notices, notice)
        if len(notices) <= most:
            return replace(self, notices=notices)
        least = min(range(len(notices)), key=lambda place: (notices[place].severity.rank, place))
        return Waiting((*notices[:least], *notices[least + 1 :]), self.missed + 1)

    def taken(self) -> Waiting:
        """Without the first, which is being delivered."""
        return replace(self, notices=self.notices[1:])

    def delivered(self, missed: int) -> Waiting:
        """Once the one that was taken has told that ``missed`` others never came."""
        return replace(self, missed=self.missed - missed)

    def given_up(self) -> Waiting:
        """Once the one that was taken could not be delivered."""
        return replace(self, missed=self.missed + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A notice in words. ``when``: its time in text. ``missed``: notices before it that never reached the target."""

    notice: Notice
    when: str
    missed: int = 0

    @property
    def subject(self) -> str:
        notice = self.notice
        where = "/".join(part for part in (notice.cluster, notice.node) if part)
        head = f"[altair] {notice.severity.value.upper()} {where}: {TITLES[notice.kind]}, {notice.sentence}"
        return clean(head, SUBJECT_CHARACTERS_MAX)

    @property
    def body(self) -> str:
        notice, rows = self.notice, []
        for name, value in (
            ("cluster", notice.cluster),
            ("node", notice.node),
            ("job", notice.job),
            ("epoch", "" if notice.epoch is None else str(notice.epoch)),
            ("kind", notice.kind.value),
            ("severity", notice.severity.value),
            ("at", self.when),
            ("told by", notice.by),
        ):
            if value:
                rows.append(f"{name}: {clean(value)}")
        return "\n".join([clean(notice.sentence) + self._missing, "", *rows, ""])

    @property
    def payload(self) -> dict[str, str | int | float | None]:
        """What a webhook or a command is given, as JSON. ``text`` is what chat systems show."""
        notice = self.notice
        return {
            "version": 1,
            "kind": notice.kind.value,
            "severity": notice.severity.value,
            "cluster": clean(notice.cluster),
            "node": clean(notice.node),
            "sentence": clean(notice.sentence),
            "job": clean(notice.job),
            "epoch": notice.epoch,
            "at": notice.at,
            "when": self.when,
            "by": notice.by,
            "missed": self.missed,
            "text": self.subject + self._missing,
        }

    @property
    def _missing(self) -> str:
        return f" (earlier notices that did not get here: {self.missed})" if self.missed else ""


def clean(text: str, most: int = SENTENCE_CHARACTERS_MAX) -> str:
    """On one line, printable, and not too long: sentences quote what came off a wire."""
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"
