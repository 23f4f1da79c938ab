# The first process of a lab host: gives the host its own mounts and name, then reaps whatever loses its parent.
# Arguments: host name, resolv.conf, hosts file, ready file, then the paths that must stay visible under /run and /tmp.
set -eu
name=$1 resolv=$2 hosts=$3 ready=$4
shift 4
hostname "$name"
mount --bind "$resolv" "$(readlink -f /etc/resolv.conf)"
mount --bind "$hosts" /etc/hosts
: >"$ready"
# A tree or cache below /tmp or /run would vanish under the private tmpfs, so each is held open and bound back.
number=3
for path in "$@"; do
    eval "exec $number<\"\$path\""
    number=$((number + 1))
done
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
number=3
for path in "$@"; do
    mkdir -p "$path"
    mount --no-canonicalize --bind "/proc/self/fd/$number" "$path"
    eval "exec $number<&-"
    number=$((number + 1))
done
echo ready >"$ready"
# While it waits, the shell collects every orphan of this PID namespace.
while :; do
    sleep 86400 &
    wait
done
