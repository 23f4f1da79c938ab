"""Real MySQL, ZooKeeper and BIND, unpacked privately and kept in a cache; the machine's own packages stay as they are.

One mechanism for all three: a private apt folder resolves and downloads the packages with all their dependencies,
`dpkg-deb` unpacks them, and programs run by the unpacked loader with the unpacked libraries.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.lab.errors import LabError

_OLDEST_MYSQL = (8, 0)
_NETWORK_SECONDS = 600


@dataclass(frozen=True)
class Part:
    """One thing to fetch: Debian packages of a suite; `keep` is a pattern of the package names worth unpacking."""

    name: str
    suite: str
    packages: tuple[str, ...]
    keep: str = ""


MYSQL = Part("mysql", "unstable", ("mysql-server-core", "mysql-client-core"))
# The Java runtime among ZooKeeper's dependencies cannot be run by a foreign loader; the machine's own runs the jars.
ZOOKEEPER = Part("zookeeper", "bookworm", ("libzookeeper-java",), keep=r"-java$")
BIND = Part("bind", "bookworm", ("bind9",))
# A C compiler of half a megabyte, for the few lines that are preloaded into a program whose wall clock is to jump.
TCC = Part("tcc", "bookworm", ("tcc",), keep=r"^tcc$")


@dataclass(frozen=True)
class Unpacked:
    """A part on disk: `root` is like the root of a file system; `version` is that of the part's first package."""

    root: Path
    version: str

    def argv(self, program: str) -> list[str]:
        """The command that runs a program of this part (its path below the root) with its own loader and libraries."""
        loader = next(iter(sorted(self.root.glob("**/ld-linux*.so.*"))), None)
        if loader is None:
            raise LabError(f"{self.root} holds no loader; remove that folder and run again.")
        folders = [*self.root.glob("lib/*-linux-gnu*"), *self.root.glob("usr/lib/*-linux-gnu*")]
        return [str(loader), "--library-path", ":".join(map(str, folders)), str(self.root / program)]


@dataclass(frozen=True)
class MySQL:
    """A MySQL to run: `root` is None when it is the machine's own, found on PATH."""

    version: str
    unpacked: Unpacked | None

    def mysqld(self, *options: str) -> list[str]:
        """Command line of the server; `--defaults-file` or `--no-defaults`, if any, must come first."""
        if self.unpacked is None:
            return ["mysqld", *options]
        usr = self.unpacked.root / "usr"
        first = [option for option in options[:1] if option.startswith(("--defaults-file", "--no-defaults"))]
        plugins = next(usr.glob("lib/**/mysql/plugin"), usr / "lib/mysql/plugin")
        places = [f"--basedir={usr}", f"--lc-messages-dir={usr}/share/mysql", f"--plugin-dir={plugins}"]
        return [*self.unpacked.argv("usr/sbin/mysqld"), *first, *places, *options[len(first) :]]

    def mysql(self, *options: str) -> list[str]:
        """Command line of the client."""
        return self._client("mysql", *options)

    def mysqlbinlog(self, *options: str) -> list[str]:
        """Command line of the binary log reader."""
        return self._client("mysqlbinlog", *options)

    def _client(self, program: str, *options: str) -> list[str]:
        if self.unpacked is None:
            return [program, *options]
        return [*self.unpacked.argv(f"usr/bin/{program}"), *options]


@cache
def mysql() -> MySQL:
    """The MySQL to use: a `mysqld` >= 8.0 on PATH if there is one, else the unpacked one (fetched when needed)."""
    if shutil.which("mysqld"):
        said = subprocess.run(["mysqld", "--version"], capture_output=True, text=True, check=False).stdout
        found = re.search(r"Ver (\d+)\.(\d+)\.(\d+)", said)
        if found and "MariaDB" not in said and (int(found[1]), int(found[2])) >= _OLDEST_MYSQL:
            return MySQL(".".join(found.groups()), None)
    unpacked = fetch(MYSQL)
    return MySQL(unpacked.version, unpacked)


def zookeeper(config: Path) -> list[str]:
    """Command line of a ZooKeeper server with the given configuration file; needs `java` on PATH."""
    java = shutil.which("java")
    if java is None:
        raise LabError("ZooKeeper needs `java` on PATH; install the package default-jre-headless.")
    jars = fetch(ZOOKEEPER).root / "usr/share/java"
    names = ("zookeeper", "slf4j", "netty", "snappy", "metrics", "commons", "jackson", "log4j", "jctools")
    path = [str(jar) for jar in sorted(jars.glob("*.jar")) if jar.name.startswith(names)]
    quick = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    server = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    return [java, "-Xmx128m", *quick, "-cp", ":".join(path), server, str(config)]


def named(*options: str) -> list[str]:
    """Command line of BIND's server."""
    return [*fetch(BIND).argv("usr/sbin/named"), *options]


def compiled(source: Path, target: Path) -> Path:
    """A shared library of one C file that needs no headers."""
    compiler = fetch(TCC).root / "usr/bin/tcc"
    _run([str(compiler), "-shared", "-nostdlib", "-o", str(target), str(source)], f"{source.name} cannot be compiled")
    return target


def cache_folder() -> Path:
    """The folder that keeps parts between runs."""
    own = os.environ.get("ALTAIR_CACHE")
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "altair-mysql-ha"
    return base / "parts"


@cache
def fetch(part: Part) -> Unpacked:
    """A part, from the cache or else downloaded and unpacked; two runs at once do it once.

    Raises LabError when the machine's package mirror no longer has it.
    """
    home = cache_folder() / part.name
    record = home / "found.json"
    with only_one(cache_folder() / f"{part.name}.lock"):
        if not record.exists():
            home.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f".{part.name}-", dir=home.parent))
            try:
                _download_and_unpack(part, scratch)
                shutil.rmtree(home, ignore_errors=True)
                (scratch / "part").rename(home)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
    return Unpacked(home / "root", json.loads(record.read_text())["version"])


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock file; a second holder waits."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def say(sentence: str) -> None:
    """Tell a person what takes time, on standard error."""
    print(f"lab: {sentence}", file=sys.stderr, flush=True)


def _download_and_unpack(part: Part, scratch: Path) -> None:
    began = time.monotonic()
    say(f"fetching {part.name} ({', '.join(part.packages)} of Debian {part.suite}), about a minute, only this once")
    apt = _PrivateApt(scratch / "apt", part.suite)
    found = {name: version for name, version in apt.resolve(part).items() if re.search(part.keep, name)}
    debs = apt.download(found)
    say(f"unpacking {len(debs)} packages of {part.name}")
    root = scratch / "part" / "root"
    root.mkdir(parents=True)
    for deb in debs:
        _run(["dpkg-deb", "-x", str(deb), str(root)], f"{deb.name} cannot be unpacked; is the disk full?")
    version = re.sub(r"^\d+:|[-+].*$", "", found[part.packages[0]])
    record = {"suite": part.suite, "version": version, "packages": found}
    (scratch / "part" / "found.json").write_text(json.dumps(record, indent=2) + "\n")
    say(f"{part.name} {version} is ready after {time.monotonic() - began:.0f} s")


class _PrivateApt:
    """An apt with sources, state and cache of its own: to it nothing is installed, so it resolves every dependency."""

    def __init__(self, folder: Path, suite: str) -> None:
        self.folder, self.suite = folder, suite
        for name in ("state/lists/partial", "cache/archives/partial", "none", "debs"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        mirror, keyring = _debian_mirror()
        signed = f"[signed-by={keyring}] " if keyring else ""
        (folder / "sources.list").write_text(f"deb {signed}{mirror} {suite} main\n")
        # The machine's hooks are cleared: some of them empty its own package cache after an update.
        (folder / "apt.conf").write_text(
            "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Post-Invoke;\n"
            f'Dir::State "{folder}/state";\nDir::State::status "{folder}/status";\nDir::Cache "{folder}/cache";\n'
            f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "{folder}/none";\n'
            f'Dir::Etc::preferences "{folder}/none/x";\nDir::Etc::preferencesparts "{folder}/none";\n'
            'Acquire::Check-Valid-Until "false";\nAcquire::Retries "3";\n'
            'APT::Install-Recommends "false";\nAPT::Sandbox::User "root";\n'
        )
        self._apt("-qq", "update", why=f"The package mirror does not answer for Debian {suite}; try again later.")

    def resolve(self, part: Part) -> dict[str, str]:
        """Package names and versions that installing the part on an empty machine would bring."""
        gone = (
            f"Debian {part.suite} offers no installable {' and '.join(part.packages)} today; put one on PATH instead."
        )
        said = self._apt("-s", "install", *part.packages, why=gone)
        return dict(re.findall(r"^Inst (\S+) \((\S+)", said, re.MULTILINE))

    def download(self, found: dict[str, str]) -> list[Path]:
        """Download packages; returns the files."""
        debs = self.folder / "debs"
        wanted = [f"{name}={version}" for name, version in found.items()]
        self._apt("-qq", "download", *wanted, why="The package mirror failed in the middle; run again.", cwd=debs)
        return sorted(debs.glob("*.deb"))

    def _apt(self, *arguments: str, why: str, cwd: Path | None = None) -> str:
        return _run(["apt-get", "-c", str(self.folder / "apt.conf"), *arguments], why, cwd)


def _debian_mirror() -> tuple[str, str | None]:
    """The machine's own Debian mirror and the keyring that signs it, from its apt sources."""
    etc = Path("/etc/apt")
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*.sources"))]
    files += sorted((etc / "sources.list.d").glob("*.list"))
    for file in files:
        text = re.sub(r"(?m)^\s*#.*$", "", file.read_text()) if file.is_file() else ""
        if found := re.search(r"(?m)(?:^|\s)((?:https?|file|mirror\S*):\S*/debian/?)(?=\s|$)", text):
            keyring = re.search(r"(?i)signed-by\s*[:=]\s*(/\S+?)[\s\]]", text)
            usual = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
            return found[1], keyring[1] if keyring else (str(usual) if usual.exists() else None)
    raise LabError("The machine's apt sources name no Debian mirror; put mysqld on PATH or run the lab on Debian.")


def _run(argv: list[str], why: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=False, timeout=_NETWORK_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{why} (`{argv[0]}` took over {_NETWORK_SECONDS} s)") from error
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no word of why"]
        raise LabError(f"{why} ({argv[0]}: {last[0]})")
    return done.stdout
