#!/bin/sh
# ssh from inside the hosts' network, which the machine's own namespace does not reach.
exec nsenter --net="/run/netns/$ALTAIR_MOLECULE_NETNS" ssh "$@"
