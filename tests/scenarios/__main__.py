"""`python -m tests.scenarios ROWS`: run these rows; exit status 0: all pass, 1: one does not, 2: bad rows."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from tests.scenarios import rows
from tests.scenarios.claims import CLAIMS

WHERE = ("tests/unit", "tests/contract", "tests/integration")


def main(arguments: Sequence[str]) -> int:
    asked, *more = arguments or [""]
    text = asked or f"{min(CLAIMS)}-{max(CLAIMS)}"
    try:
        rows.parse(text, CLAIMS)
    except rows.BadRows as error:
        print(error, file=sys.stderr)
        return 2
    return min(1, int(pytest.main([*WHERE, "--rows", text, "-v", *more])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
