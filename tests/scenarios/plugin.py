"""The pytest plugin behind `make scenarios`: selects the tests of the rows asked for and puts the outcomes on file.

``@pytest.mark.scenario(7)``, or ``scenario(7, 18)``: this test shows these rows. ``@pytest.mark.nightly``: too long for
every run; only ``--rows`` and ``--nightly`` run it.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from tests.scenarios import rows
from tests.scenarios.claims import CLAIMS

RESULTS = Path("build") / "scenarios.json"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("scenarios")
    group.addoption("--rows", help="run only the tests of these rows, such as 1-24 or 7,9, and write their outcomes")
    group.addoption("--rows-file", default=None, help=f"where the outcomes go (default: {RESULTS})")
    group.addoption("--nightly", action="store_true", help="run the tests that are too long for every run, too")


def pytest_configure(config: pytest.Config) -> None:
    text = config.getoption("--rows")
    if text is None:
        return
    try:
        wanted = rows.parse(text, CLAIMS)
    except rows.BadRows as error:
        raise pytest.UsageError(str(error)) from None
    given = config.getoption("--rows-file")
    config.pluginmanager.register(Scenarios(wanted, Path(given) if given else config.rootpath / RESULTS), "rows")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the nightly tests, unless they are asked for."""
    for item in items:
        _rows_of(item)
    if not config.getoption("--nightly") and config.getoption("--rows") is None:
        _deselect(config, items, [item for item in items if item.get_closest_marker("nightly")])


def _rows_of(item: pytest.Item) -> set[int]:
    """The rows that a test shows; a mark that names none is the tree's own fault."""
    found = {row for mark in item.iter_markers("scenario") for row in mark.args}
    if not found <= set(CLAIMS) or any(not mark.args for mark in item.iter_markers("scenario")):
        raise pytest.UsageError(f"{item.nodeid}: scenario() must name rows of tests/scenarios/claims.py.")
    return found


def _deselect(config: pytest.Config, items: list[pytest.Item], dropped: list[pytest.Item]) -> None:
    if dropped:
        config.hook.pytest_deselected(items=dropped)
        kept = set(items) - set(dropped)
        items[:] = [item for item in items if item in kept]


class Scenarios:
    """One run of some rows. The file is written whenever a row's last test has ended, so a run may be broken off."""

    def __init__(self, wanted: tuple[int, ...], path: Path) -> None:
        self._path = path
        self._tests: dict[int, set[str]] = {row: set() for row in wanted}
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._ended: dict[str, rows.Ran] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        for item in items:
            for row in _rows_of(item) & set(self._tests):
                self._tests[row].add(item.nodeid)
        mine = set().union(*self._tests.values())
        _deselect(config, items, [item for item in items if item.nodeid not in mine])

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        if not session.config.option.collectonly:
            rows.write(self._path, rows.merged(rows.read(self._path), {}, without=self._tests))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.outcome != "passed":  # a skipped test shows nothing
            self._failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._ended[nodeid] = rows.Ran(nodeid, nodeid not in self._failed, self._seconds[nodeid])
        mine = {row for row, tests in self._tests.items() if nodeid in tests and tests <= set(self._ended)}
        self._put_on_file(mine)

    def _judged(self, chosen: set[int]) -> dict[int, rows.Judged]:
        return {row: rows.judge(self._tests[row], self._ended.values()) for row in sorted(chosen)}

    def _put_on_file(self, chosen: set[int]) -> None:
        fresh = {str(row): rows.entry(CLAIMS[row], found) for row, found in self._judged(chosen).items()}
        if fresh:
            rows.write(self._path, rows.merged(rows.read(self._path), fresh))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        self._put_on_file(set(self._tests))
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            all_passed = all(found.passed for found in self._judged(set(self._tests)).values())
            session.exitstatus = pytest.ExitCode.OK if all_passed else pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("scenarios")
        for line in rows.table(CLAIMS, self._judged(set(self._tests))):
            terminalreporter.line(line)
        terminalreporter.line(f"written to {self._path}")
