#!/bin/sh
# Runs the Molecule scenarios on real systemd hosts, and leaves nothing behind, whatever happens. `make molecule` calls it;
# arguments go to `molecule test`.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "molecule: run as root; the hosts live in namespaces" >&2; exit 1; }
# shellcheck source=extensions/molecule/env.sh
. extensions/molecule/env.sh
extensions/molecule/setup.sh

clean() { python extensions/molecule/hosts.py destroy --run "$ALTAIR_MOLECULE_RUN" --netns "$ALTAIR_MOLECULE_NETNS"; }
trap clean EXIT
trap 'exit 1' INT TERM
molecule reset --scenario-name default >/dev/null 2>&1 || true
molecule test --all "$@"
