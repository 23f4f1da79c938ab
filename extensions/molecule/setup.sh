#!/bin/sh
# Prepares what the Molecule hosts are made of: the tools that boot them, the Debian root they share, and the wheels that
# they install. Everything is kept in the cache, so a second run takes no time. Run as root; run.sh calls it.
set -eu
cd "$(dirname "$0")/../.."
cache="${ALTAIR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/altair-mysql-ha}/molecule"
python="${ALTAIR_PYTHON:-build/venv/bin/python}"
suite=bookworm
packages=dbus,iproute2,openjdk-17-jre-headless,openssh-server,procps,python3,python3-venv,sudo,systemd,systemd-sysv
mkdir -p "$cache"

missing=""
need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need debootstrap debootstrap
need systemd-nspawn systemd-container
need ssh openssh-client
need ip iproute2
need nsenter util-linux
need openssl openssl
if [ -n "$missing" ]; then
    echo "molecule setup: installing$missing" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    # shellcheck disable=SC2086
    apt-get -qq install -y --no-install-recommends $missing >/dev/null
fi

root="$cache/$suite-$(echo "$packages" | sha256sum | cut -c1-8)"
if [ ! -e "$root/.complete" ]; then
    echo "molecule setup: building the hosts' root (two minutes, once)" >&2
    # The mirror that this machine itself installs from.
    # shellcheck disable=SC2016  # apt's own variables
    mirror=$(apt-get indextargets --format '$(CREATED_BY) $(CODENAME) $(COMPONENT) $(REPO_URI)' |
        awk -v suite="$suite" '$1 == "Packages" && $2 == suite && $3 == "main" { print $4; exit }')
    [ -n "$mirror" ] || { echo "molecule setup: this machine has no source for Debian $suite" >&2; exit 1; }
    rm -rf "$root"
    debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$mirror" >"$root.log" 2>&1 ||
        { tail -5 "$root.log" >&2; exit 1; }
    rm -f "$root"/etc/ssh/ssh_host_* "$root"/var/cache/apt/archives/*.deb
    : >"$root/etc/machine-id"
    chroot "$root" systemctl mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
        e2scrub_all.timer fstrim.timer e2scrub_reap.service console-getty.service systemd-logind.service 2>/dev/null
    touch "$root/.complete"
fi
ln -sfn "$root" "$cache/root"

lock=roles/runtime/files/requirements-orchestrator.txt
wheels="$cache/wheels-$(cat roles/runtime/files/requirements-*.txt | sha256sum | cut -c1-8)"
if [ ! -e "$wheels/.complete" ]; then
    echo "molecule setup: fetching the wheels that the hosts install" >&2
    rm -rf "$wheels"
    "$python" -m pip -qq --disable-pip-version-check download --only-binary=:all: --require-hashes -r "$lock" --dest "$wheels"
    touch "$wheels/.complete"
fi
ln -sfn "$wheels" "$cache/wheels"

PYTHONPATH=. "$python" extensions/molecule/parts.py programs "$cache/bin"
