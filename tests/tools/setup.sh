#!/bin/sh
# Prepares a bare Debian 12 machine for the Makefile's targets: system packages, the locked Python environment, and
# build/collections, through which the working tree is usable as the collection altair.mysql_ha. Quick when nothing changed.
set -eu
cd "$(dirname "$0")/../.."
cache="${ALTAIR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/altair-mysql-ha}"
mkdir -p "$cache" build/collections/ansible_collections/altair

missing=""
need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need python3 python3
need ip iproute2
need java openjdk-17-jre-headless
need dpkg-deb dpkg
need nsenter util-linux
need ps procps
python3 -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
    echo "setup: installing$missing" >&2
    [ "$(id -u)" = 0 ] || { echo "setup: run as root, or install first:$missing" >&2; exit 1; }
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    # shellcheck disable=SC2086
    apt-get -qq install -y --no-install-recommends $missing >/dev/null
fi

lock=tests/requirements.txt
tag="$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')-$(sha256sum "$lock" | cut -c1-12)"
venv="$cache/venv-$tag"
if [ ! -e "$venv/.complete" ]; then
    echo "setup: building the Python environment from $lock (about a minute, once)" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" -qq --disable-pip-version-check install --require-hashes -r "$lock"
    touch "$venv/.complete"
fi
ln -sfn "$venv" build/venv
ln -sfn ../../../.. build/collections/ansible_collections/altair/mysql_ha
