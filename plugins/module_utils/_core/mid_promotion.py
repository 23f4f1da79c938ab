# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job that is run again does about the candidate on its record: the first row that matches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .fencing import Attempt


class Turn(StrEnum):
    KEEP = "keep"
    CHOOSE_ANEW = "choose_anew"
    PAUSE = "pause"
    END_JOB = "end_job"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """``name``: the candidate. ``fault``: why it does not answer over SQL; empty where it does, be it to turn us away.

    ``begun``: it may have been made writable. ``promoted``: it is the primary by the record. ``planned``: by a
    switchover, whose old primary lives. ``agent_reaches``: its agent says that its mysqld answers. ``attempts``: what
    was tried to prove that it takes no write.
    """

    name: str
    fault: str = ""
    begun: bool = False
    promoted: bool = False
    planned: bool = False
    agent_reaches: bool = False
    attempts: tuple[Attempt, ...] = ()

    @property
    def proof(self) -> str:
        return next((each.sentence for each in self.attempts if each.proven), "")

    @property
    def in_vain(self) -> str:
        return "; ".join(each.sentence for each in self.attempts if not each.proven)


@dataclass(frozen=True, slots=True)
class Row:
    """``sentence``: filled in from the case."""

    turn: Turn
    because: str
    matches: Callable[[Case], bool]
    sentence: str


ROWS: tuple[Row, ...] = (
    Row(
        Turn.KEEP,
        "it answers, be it to turn us away",
        lambda case: not case.fault,
        "{case.name} was chosen already",
    ),
    Row(
        Turn.KEEP,
        "it is the new primary and answers its own agent, so it lives",
        lambda case: case.promoted and case.agent_reaches,
        "{case.name} was chosen already; it does not answer ({case.fault}), but its agent reaches it",
    ),
    Row(
        Turn.END_JOB,
        "it is the new primary of a switchover and is proven to take no write; the next job is a failover from it",
        lambda case: case.promoted and case.planned and bool(case.proof),
        "{case.name} was promoted and has died since ({case.fault}), and {case.proof}; a failover from {case.name}"
        " brings back what it took",
    ),
    Row(
        Turn.PAUSE,
        "it is the new primary and may have acknowledged writes; nobody is promoted behind its back",
        lambda case: case.promoted,
        "{case.name} was promoted and does not answer ({case.fault}), and it may have acknowledged writes: start"
        " mysqld there and resume the job, or abort the job and fail over from {case.name}",
    ),
    Row(
        Turn.CHOOSE_ANEW,
        "its promotion has not begun, so it is read-only",
        lambda case: not case.begun,
        "{case.name} was chosen before and does not answer ({case.fault}); its promotion had not begun",
    ),
    Row(
        Turn.CHOOSE_ANEW,
        "its promotion has begun, and it is proven to take no write",
        lambda case: bool(case.proof),
        "{case.name} died in the middle of its promotion ({case.fault}), and {case.proof}",
    ),
    Row(
        Turn.PAUSE,
        "its promotion has begun, and nothing proves that it takes no write",
        lambda _case: True,
        "the promotion of {case.name} has begun, it does not answer ({case.fault}), and {case.in_vain}: start its"
        " agent or its mysqld and resume the job, or switch it off and run the failover playbook with"
        " altair_operator_vouches_candidate={case.name}",
    ),
)


def row_for(case: Case) -> Row:
    return next(row for row in ROWS if row.matches(case))


def sentence_of(row: Row, case: Case) -> str:
    return row.sentence.format(case=case)
