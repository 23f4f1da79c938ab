#!/bin/sh
# ansible-test sanity over a copy of the working tree: ansible-test wants to stand in .../ansible_collections/altair/mysql_ha
# and takes no link for it. PYTHON_VERSION chooses the interpreter; 3.11 runs the locked ansible-core, any newer one the
# newest of the series below.
set -eu
cd "$(dirname "$0")/../.."
version="${PYTHON_VERSION:-3.11}"
newer="ansible-core>=2.21,<2.22"
cache="${ALTAIR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/altair-mysql-ha}"

if [ "$version" = 3.11 ]; then
    venv="$(readlink -f build/venv)"
else
    command -v "python$version" >/dev/null 2>&1 || { echo "sanity: python$version is not on the PATH" >&2; exit 1; }
    venv="$cache/sanity-$version"
    if [ ! -e "$venv/.complete" ]; then
        echo "sanity: building the environment for Python $version (once)" >&2
        rm -rf "$venv"
        "python$version" -m venv "$venv"
        "$venv/bin/pip" -qq --disable-pip-version-check install "$newer"
        touch "$venv/.complete"
    fi
fi
export PATH="$venv/bin:$PATH"
unset PYTHONPATH ANSIBLE_COLLECTIONS_PATH PYTHONDONTWRITEBYTECODE

# What ansible-test would download; a script that is there already is left alone.
wanted="$(python -c '
from ansible_test._internal import python_requirements as requirements
import inspect, re
print(re.search(r"pip=.(\d+\.\d+)", inspect.getsource(requirements))[1].replace(".", "_"))')"
bootstrap="$HOME/.ansible/test/cache/get_pip_$wanted.py"
[ -e "$bootstrap" ] || { mkdir -p "$(dirname "$bootstrap")" && cp tests/tools/bootstrap_pip.py "$bootstrap"; }

copy="build/sanity/ansible_collections/altair/mysql_ha"
rm -rf build/sanity
mkdir -p "$copy"
# The tests stay out: they are checked by ruff and mypy, and no host ever loads them.
{ git ls-files -z --cached --others --exclude-standard -- . ':!tests' && printf 'tests/config.yml\0'; } |
    tar --null --ignore-failed-read -T - -cf - 2>/dev/null | tar -xf - -C "$copy"
cd "$copy"
# Or the repository around the copy, which ignores build/, would be asked which files there are.
git init -q .
ansible-test sanity --local --python "$version" "$@"
