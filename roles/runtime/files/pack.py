"""Names and packs what a host needs of this collection. The same content gives the same name and the same bytes.

Run by the role on the controller, with the standard library only:

    pack.py describe --collection FOLDER --lock FILE --flavour NAME   the names of the release and of its environment
    pack.py tree --collection FOLDER --lock FILE                      an archive of the release, and its path
    pack.py wheels --folder FOLDER                                    an archive of the wheels, and its path

The caller removes the folder that an archive lies in.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

SHIPPED_FOLDERS = ("meta", "playbooks", "plugins")
SHIPPED_FILES = ("MANIFEST.json", "galaxy.yml")
COLLECTION_FOLDER = "ansible_collections/altair/mysql_ha"


class PackError(Exception):
    """Something that the operator can mend; its text is the whole message."""


def version_of(collection: Path) -> str:
    """The collection's version: from galaxy.yml in a working tree, from MANIFEST.json where it was installed."""
    source = collection / "galaxy.yml"
    if source.is_file():
        found = re.search(r"^version:\s*[\"']?([0-9A-Za-z.+-]+)", source.read_text(encoding="utf-8"), re.MULTILINE)
        if found:
            return found.group(1)
    manifest = collection / "MANIFEST.json"
    if manifest.is_file():
        return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
    raise PackError(f"{collection} holds neither galaxy.yml nor MANIFEST.json, so its version is unknown")


def shipped(collection: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that goes to the hosts, by its path in the collection, in one fixed order."""
    files = [collection / name for name in SHIPPED_FILES]
    for folder in SHIPPED_FOLDERS:
        files += (collection / folder).rglob("*")
    for path in sorted(files):
        if path.is_file() and path.suffix != ".pyc":
            yield path.relative_to(collection).as_posix(), path.read_bytes()


def describe(collection: Path, lock: Path, flavour: str) -> dict[str, str]:
    """The names that the host's folders get: a release changes with any shipped byte, an environment with its lock."""
    locked = lock.read_bytes()
    digest = hashlib.sha256(locked)
    for name, content in shipped(collection):
        digest.update(f"\0{name}\0{len(content)}\0".encode())
        digest.update(content)
    return {
        "release": f"{version_of(collection)}-{flavour}-{digest.hexdigest()[:12]}",
        "environment": hashlib.sha256(locked).hexdigest()[:12],
    }


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """One file, owned by root, without anything that differs between two controllers."""
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    entry.uname = entry.gname = "root"
    archive.addfile(entry, io.BytesIO(content))


def new_archive(name: str) -> Path:
    """A path in a new folder that only this user can read."""
    return Path(tempfile.mkdtemp(prefix="altair-")) / name


def pack_tree(collection: Path, lock: Path) -> Path:
    """The release: the collection under the folders that make it importable, and the lock of its environment."""
    target = new_archive("release.tar.gz")
    with tarfile.open(target, "w:gz") as archive:
        add(archive, "requirements.txt", lock.read_bytes())
        for name, content in shipped(collection):
            add(archive, f"{COLLECTION_FOLDER}/{name}", content)
    return target


def pack_wheels(folder: Path) -> Path:
    """The wheels of a folder on the controller, for hosts that reach no package index."""
    wheels = sorted(folder.glob("*.whl"))
    if not wheels:
        raise PackError(f"altair_wheelhouse is {folder}, which holds no wheel")
    target = new_archive("wheels.tar")
    with tarfile.open(target, "w") as archive:
        for wheel in wheels:
            add(archive, wheel.name, wheel.read_bytes())
    return target


def arguments(words: list[str]) -> argparse.Namespace:
    """What the role passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("describe", "tree", "wheels"))
    parser.add_argument("--collection", type=Path)
    parser.add_argument("--lock", type=Path)
    parser.add_argument("--flavour")
    parser.add_argument("--folder", type=Path)
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Prints one JSON object, or one sentence on standard error."""
    given = arguments(words)
    try:
        if given.what == "describe":
            answer = describe(given.collection, given.lock, given.flavour)
        elif given.what == "tree":
            answer = {"archive": str(pack_tree(given.collection, given.lock))}
        else:
            answer = {"archive": str(pack_wheels(given.folder))}
    except (PackError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
