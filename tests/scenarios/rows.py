"""Which rows are asked for, and what came of each: parsed, judged, merged and shown. Touches one file, its results."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NO_TEST = "no test shows it yet"
Results = dict[str, dict[str, Any]]


class BadRows(ValueError):
    """The rows asked for cannot be read; its text is one sentence."""


def parse(text: str, known: Collection[int]) -> tuple[int, ...]:
    """Row numbers of a text such as ``1-24``, ``7`` or ``25-41,45-50``, in order; raises BadRows."""
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,6})(?:-([0-9]{1,6}))?\s*", part)
        if match is None:
            raise BadRows(f"'{part.strip()}' names no rows; write rows like 7, 1-24 or 25-41,45-50.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise BadRows(f"'{part.strip()}' runs backwards; write the smaller row first.")
        for row in (first, last):
            if row not in known:
                raise BadRows(f"There is no row {row}; rows are {min(known)} to {max(known)}.")
        found |= set(range(first, last + 1)) & set(known)
    return tuple(sorted(found))


@dataclass(frozen=True)
class Ran:
    """One test that was run: whether all of it passed, and how long it took."""

    test: str
    passed: bool
    seconds: float


@dataclass(frozen=True)
class Judged:
    """What came of a row. ``because`` says why it failed."""

    passed: bool
    seconds: float
    because: str = ""


def judge(tests: Collection[str], ran: Iterable[Ran]) -> Judged:
    """A row passes only when it has tests and every one of them ran and passed."""
    own = [each for each in ran if each.test in tests]
    seconds = round(sum(each.seconds for each in own), 1)
    if not tests:
        return Judged(False, seconds, NO_TEST)
    failed = [each.test for each in own if not each.passed]
    missing = sorted(set(tests) - {each.test for each in own})
    if failed:
        return Judged(False, seconds, f"{len(failed)} of its {len(tests)} tests did not pass: {failed[0]}")
    if missing:
        return Judged(False, seconds, f"{len(missing)} of its {len(tests)} tests did not run: {missing[0]}")
    return Judged(True, seconds)


def entry(claim: str, judged: Judged) -> dict[str, Any]:
    """A row as it stands in the file."""
    outcome = "pass" if judged.passed else "fail"
    found = {"claim": claim, "outcome": outcome, "seconds": judged.seconds}
    return found if judged.passed else {**found, "because": judged.because}


def merged(earlier: Results, fresh: Results, without: Iterable[int] = ()) -> Results:
    """Earlier results, less the rows ``without``, with the fresh ones over them, in the order of the rows' numbers."""
    dropped = {str(row) for row in without}
    both = {row: found for row, found in earlier.items() if row not in dropped} | fresh
    return {row: both[row] for row in sorted(both, key=int)}


def read(path: Path) -> Results:
    """Results of earlier runs; none where there is no file, or one that is not ours."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or not all(key.isdecimal() and isinstance(found[key], dict) for key in found):
        return {}
    return found


def write(path: Path, results: Results) -> None:
    """In one act: whoever reads the file finds the old results or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def table(claims: Mapping[int, str], judged: Mapping[int, Judged]) -> list[str]:
    """The lines that are shown at the end of a run."""
    lines = []
    for row, found in sorted(judged.items()):
        word = "pass" if found.passed else "FAIL"
        lines.append(f"{row:>3}  {word}  {found.seconds:>7.1f} s  {claims[row]}")
        if not found.passed:
            lines.append(f"{'':>20}  {found.because}")
    passed = sum(found.passed for found in judged.values())
    return [*lines, f"{passed} of {len(judged)} rows pass"]
