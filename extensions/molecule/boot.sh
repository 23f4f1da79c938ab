#!/bin/sh
# Boots one host in a mount namespace of its own, so that its mounts end with it: boot.sh FOLDER ROOT NETNS NAME [SHOWN...]
# FOLDER takes what the host writes; every SHOWN (SOURCE:TARGET) is bound into it, read-only. hosts.py calls it through unshare.
set -eu
folder="$1" root="$2" netns="$3" name="$4"
shift 4
for cgroup in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    # On a machine with version 1 or both, systemd's own tree and the unified one; else the only one there is.
    [ -e "$cgroup/cgroup.procs" ] || continue
    mkdir -p "$cgroup/$netns"
    echo $$ >"$cgroup/$netns/cgroup.procs"
done
mount -t overlay overlay -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
for shown in "$@"; do
    set -- "$@" "--bind-ro=$shown"
    shift
done
exec systemd-nspawn --quiet --register=no --keep-unit --boot --link-journal=no --resolv-conf=off --timezone=off \
    --console=pipe --directory="$folder/root" --machine="$name" --network-namespace-path="/run/netns/$netns" "$@"
