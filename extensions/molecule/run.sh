#!/bin/sh
# Runs the Molecule scenarios on real systemd hosts, and leaves nothing behind, whatever happens. `make molecule` calls it;
# arguments go to `molecule test`.
set -eu
cd "$(dirname "$0")/../.."
[ "$(id -u)" = 0 ] || { echo "molecule: run as root; the hosts live in namespaces" >&2; exit 1; }
# shellcheck source=extensions/molecule/env.sh
. extensions/molecule/env.sh
extensions/molecule/setup.sh

child=""
# shellcheck disable=SC2317  # called by the trap
clean() {
    [ -z "$child" ] || kill -TERM -- "-$child" 2>/dev/null || true
    python extensions/molecule/hosts.py destroy --run "$ALTAIR_MOLECULE_RUN" --netns "$ALTAIR_MOLECULE_NETNS"
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
}
trap clean EXIT
trap 'exit 1' INT TERM
clean
# In a session of its own, so that an interrupted run can be ended with all its processes, and only those.
setsid molecule test --all "$@" &
child=$!
wait "$child" && code=0 || code=$?
child=""
exit "$code"
