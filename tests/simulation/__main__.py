"""Look for a promotion before the primary has fenced itself, in as many schedules of the model as one likes."""

from __future__ import annotations

import argparse

from tests.simulation.deadman_model import Guarded
from tests.simulation.lease_model import RULES, Primary, run


def main() -> int:
    parser = argparse.ArgumentParser(description="Look for a promotion before the primary has fenced itself.")
    parser.add_argument("--seeds", type=int, default=20000, help="how many schedules (default %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--without", action="append", default=[], choices=RULES, help="a rule to leave out")
    parser.add_argument(
        "--dead-man", action="store_true", help="the primary's agent dies and leaves it to its dead-man"
    )
    given = parser.parse_args()
    kind = Guarded if given.dead_man else Primary
    runs = [run(seed, frozenset(given.without), kind) for seed in range(given.first, given.first + given.seeds)]
    overlaps = [each.seed for each in runs if each.overlap]
    promoted = sum(each.promoted_at is not None for each in runs)
    fenced = sum(each.fenced_at is not None for each in runs)
    print(f"{len(runs)} schedules: {promoted} promotions, {fenced} fenced themselves, {len(overlaps)} overlaps")
    if overlaps:
        print("seeds of overlaps:", *overlaps[:20])
    return 1 if overlaps else 0


if __name__ == "__main__":
    raise SystemExit(main())
