"""Rows are read, judged and put on file as `make scenarios` promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios import rows
from tests.scenarios.claims import CLAIMS
from tests.scenarios.rows import BadRows, Judged, Ran, judge, merged, parse, table
from tests.unit.tree.source import TREE


def test_every_row_has_a_claim_of_one_sentence() -> None:
    assert sorted(CLAIMS) == list(range(1, 55))
    assert all(claim.endswith(".") and claim.count(". ") == 0 for claim in CLAIMS.values())
    assert len(set(CLAIMS.values())) == len(CLAIMS)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("7", [7]),
        ("1-4", [1, 2, 3, 4]),
        ("25-27,45-46", [25, 26, 27, 45, 46]),
        (" 3 , 1-2,2 ", [1, 2, 3]),
        ("54", [54]),
    ],
)
def test_rows_are_numbers_and_spans(text: str, wanted: list[int]) -> None:
    assert list(parse(text, CLAIMS)) == wanted


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "'' names no rows; write rows like 7, 1-24 or 25-41,45-50."),
        ("1,", "'' names no rows; write rows like 7, 1-24 or 25-41,45-50."),
        ("all", "'all' names no rows; write rows like 7, 1-24 or 25-41,45-50."),
        ("1-2-3", "'1-2-3' names no rows; write rows like 7, 1-24 or 25-41,45-50."),
        ("-4", "'-4' names no rows; write rows like 7, 1-24 or 25-41,45-50."),
        ("9-3", "'9-3' runs backwards; write the smaller row first."),
        ("0", "There is no row 0; rows are 1 to 54."),
        ("50-55", "There is no row 55; rows are 1 to 54."),
    ],
)
def test_rows_that_cannot_be_read_are_named_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(BadRows) as caught:
        parse(text, CLAIMS)
    assert str(caught.value) == sentence


def test_the_command_ends_with_2_and_one_sentence_when_the_rows_are_bad() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenarios", "1-99"], cwd=TREE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "There is no row 99; rows are 1 to 54.\n"


PASSED, SLOW, FAILED = Ran("a", True, 1.25), Ran("b", True, 2.5), Ran("c", False, 4.0)


@pytest.mark.parametrize(
    ("tests", "ran", "wanted"),
    [
        ({"a"}, [PASSED, FAILED], Judged(True, 1.2)),
        ({"a", "b"}, [PASSED, SLOW], Judged(True, 3.8)),
        ({"a", "c"}, [PASSED, FAILED], Judged(False, 5.2, "1 of its 2 tests did not pass: c")),
        ({"a", "d"}, [PASSED], Judged(False, 1.2, "1 of its 2 tests did not run: d")),
        (set(), [PASSED], Judged(False, 0, "no test shows it yet")),
    ],
)
def test_a_row_passes_only_when_each_of_its_tests_ran_and_passed(
    tests: set[str], ran: list[Ran], wanted: Judged
) -> None:
    assert judge(tests, ran) == wanted


def test_other_rows_keep_their_results_and_rows_are_in_the_order_of_their_numbers() -> None:
    earlier = {"10": {"outcome": "pass"}, "2": {"outcome": "fail"}, "3": {"outcome": "pass"}}
    found = merged(earlier, {"2": {"outcome": "pass"}}, without=[3])
    assert list(found.items()) == [("2", {"outcome": "pass"}), ("10", {"outcome": "pass"})]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"x": {}}', '{"1": 2}'])
def test_results_that_are_not_ours_count_as_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "scenarios.json"
    path.write_text(text)
    assert rows.read(path) == {}
    assert rows.read(tmp_path / "none") == {}


def test_the_table_says_why_a_row_fails() -> None:
    lines = table({1: "One.", 2: "Two."}, {2: Judged(False, 3.0, "no test shows it yet"), 1: Judged(True, 12.3)})
    assert [line.split() for line in lines] == [
        ["1", "pass", "12.3", "s", "One."],
        ["2", "FAIL", "3.0", "s", "Two."],
        ["no", "test", "shows", "it", "yet"],
        ["1", "of", "2", "rows", "pass"],
    ]


TESTS = """
import pytest

@pytest.mark.scenario(1)
def test_one(): pass

@pytest.mark.scenario(1, 2)
@pytest.mark.nightly
def test_of_two_rows(): pass

@pytest.mark.scenario(3)
@pytest.mark.parametrize("good", [True, False])
def test_fails(good): assert good

@pytest.mark.scenario(4)
def test_skipped(): pytest.skip("today")

def test_of_no_row(): pass
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "test_small.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = -p tests.scenarios.plugin -p no:cacheprovider --strict-markers\n"
        "markers =\n    scenario\n    nightly\n"
    )
    return tmp_path


def pytest_in(folder: Path, *arguments: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "pytest", "-q", f"--rootdir={folder}", "-c", str(folder / "pytest.ini"), *arguments]
    done = subprocess.run([*argv, str(folder)], cwd=TREE, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_plugin_runs_the_tests_of_the_rows_and_merges_their_outcomes_into_the_file(small: Path) -> None:
    code, said = pytest_in(small, "--rows", "1-2")
    path = small / "build" / "scenarios.json"
    assert (code, "2 passed, 4 deselected" in said) == (0, True), said
    assert {row: found["outcome"] for row, found in json.loads(path.read_text()).items()} == {"1": "pass", "2": "pass"}
    code, said = pytest_in(small, "--rows", "3-5")
    assert (code, "1 failed, 1 passed, 1 skipped" in said) == (1, True), said
    found = json.loads(path.read_text())
    assert {row: each["outcome"] for row, each in found.items()} == {
        **{"1": "pass", "2": "pass"},
        **{"3": "fail", "4": "fail", "5": "fail"},
    }
    assert all(each["claim"] == CLAIMS[int(row)] and each["seconds"] >= 0 for row, each in found.items())
    assert found["5"]["because"] == "no test shows it yet"
    assert [entry.name for entry in path.parent.iterdir()] == ["scenarios.json"]


def test_nightly_tests_are_left_out_unless_they_are_asked_for(small: Path) -> None:
    assert "3 passed, 1 skipped, 1 deselected" in pytest_in(small)[1]
    assert "4 passed, 1 skipped" in pytest_in(small, "--nightly")[1]


def test_a_mark_that_names_no_row_is_refused(small: Path) -> None:
    (small / "test_small.py").write_text("import pytest\n@pytest.mark.scenario(99)\ndef test_it(): pass\n")
    code, said = pytest_in(small)
    assert code != 0
    assert "test_it: scenario() must name rows of tests/scenarios/claims.py." in said
