# Read by run.sh, and by a person's shell before calling molecule: `. extensions/molecule/env.sh` in the collection's root.
# shellcheck shell=sh
PATH="$PWD/build/venv/bin:$PATH"
ANSIBLE_COLLECTIONS_PATH="$PWD/build/collections"
PYTHONPATH="$PWD/build/collections:$PWD"
PYTHONDONTWRITEBYTECODE=1
ALTAIR_MOLECULE_CACHE="${ALTAIR_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/altair-mysql-ha}/molecule"
ALTAIR_MOLECULE_RUN="$PWD/build/molecule"
# One name for each working tree, so that two can run their hosts side by side.
ALTAIR_MOLECULE_NETNS="molecule-$(pwd | sha256sum | cut -c1-6)"
MOLECULE_EPHEMERAL_DIRECTORY="$PWD/build/molecule-state"
MOLECULE_PROJECT_DIRECTORY="$PWD"
export PATH ANSIBLE_COLLECTIONS_PATH PYTHONPATH PYTHONDONTWRITEBYTECODE MOLECULE_PROJECT_DIRECTORY
export MOLECULE_EPHEMERAL_DIRECTORY ALTAIR_MOLECULE_CACHE ALTAIR_MOLECULE_RUN ALTAIR_MOLECULE_NETNS
