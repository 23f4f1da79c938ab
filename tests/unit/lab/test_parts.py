"""Command lines of the real parts, and where the cache is."""

from pathlib import Path

import pytest

from tests.lab import parts
from tests.lab.errors import LabError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    libraries = tmp_path / "usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "ld-linux-x86-64.so.2").touch()
    return tmp_path


def test_an_unpacked_program_runs_by_its_own_loader_and_libraries(root: Path) -> None:
    libraries = root / "usr/lib/x86_64-linux-gnu"
    argv = parts.Unpacked(root, "1").argv("usr/sbin/named")
    assert argv == [
        str(libraries / "ld-linux-x86-64.so.2"),
        "--library-path",
        str(libraries),
        str(root / "usr/sbin/named"),
    ]


def test_a_part_without_a_loader_says_what_to_remove(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="remove that folder"):
        parts.Unpacked(tmp_path, "1").argv("usr/sbin/named")


def test_mysqld_gets_its_defaults_file_before_any_other_option(root: Path) -> None:
    argv = parts.MySQL("9.7.4", parts.Unpacked(root, "9.7.4")).mysqld(
        "--defaults-file=/my.cnf", "--initialize-insecure"
    )
    options = [word for word in argv[3:] if word.startswith("--")]
    assert options[0] == "--defaults-file=/my.cnf"
    assert options[-1] == "--initialize-insecure"
    assert f"--basedir={root}/usr" in options


def test_a_mysql_on_the_path_is_run_as_it_is() -> None:
    mysql = parts.MySQL("8.4.3", None)
    assert mysql.mysqld("--version") == ["mysqld", "--version"]
    assert mysql.mysqlbinlog("f") == ["mysqlbinlog", "f"]


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTAIR_CACHE", "/x")
    assert parts.cache_folder() == Path("/x/parts")
    monkeypatch.delenv("ALTAIR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/y")
    assert parts.cache_folder() == Path("/y/altair-mysql-ha/parts")
