"""Which monitor watches which node: only the share of the one that comes or goes may move."""

from __future__ import annotations

import hashlib
import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.assignment import watcher

NODES = [f"orders-{cluster}/db{node}" for cluster in range(400) for node in range(1, 4)]
MONITORS = [f"mon{number}" for number in range(1, 6)]
names = st.text(st.characters(codec="utf-8"), max_size=12)


@given(names, st.sets(names, min_size=1, max_size=8), names)
def test_a_monitor_that_joins_takes_nodes_only_to_itself(node: str, monitors: set[str], new: str) -> None:
    assert watcher(node, monitors | {new}) in (watcher(node, monitors), new)


@given(names, st.sets(names, min_size=2, max_size=8))
def test_a_monitor_that_dies_moves_only_the_nodes_it_watched(node: str, monitors: set[str]) -> None:
    owner = watcher(node, monitors)
    for dead in monitors - {owner}:
        assert watcher(node, monitors - {dead}) == owner


@given(names, st.lists(names, min_size=1, max_size=8, unique=True), st.randoms(use_true_random=False))
def test_every_monitor_ranks_alike_in_whatever_order_it_lists_them(
    node: str, monitors: list[str], dice: random.Random
) -> None:
    shuffled = list(monitors)
    dice.shuffle(shuffled)
    assert watcher(node, shuffled) == watcher(node, monitors)
    assert watcher(node, iter(monitors)) in monitors


def test_a_node_without_a_live_monitor_is_watched_by_nobody() -> None:
    assert watcher("orders/db1", ()) is None


def test_monitors_share_the_nodes_about_evenly() -> None:
    shares = Counter(watcher(node, MONITORS) for node in NODES)
    fair = len(NODES) / len(MONITORS)
    assert set(shares) == set(MONITORS)
    assert all(0.75 * fair < share < 1.25 * fair for share in shares.values())


def test_a_dead_monitors_share_is_spread_over_all_that_are_left() -> None:
    orphans = [node for node in NODES if watcher(node, MONITORS) == "mon3"]
    heirs = Counter(watcher(node, [each for each in MONITORS if each != "mon3"]) for node in orphans)
    assert set(heirs) == set(MONITORS) - {"mon3"}


def test_the_assignment_is_the_same_in_every_release() -> None:
    """Monitors of two releases run side by side during an upgrade and must rank alike."""

    def weight(monitor: str, node: str) -> int:
        return int(hashlib.blake2b(f"{monitor}\x00{node}".encode(), digest_size=8).hexdigest(), 16)

    for node in NODES[:60]:
        assert watcher(node, MONITORS) == sorted(MONITORS, key=lambda each: weight(each, node))[-1]
