"""Stands in for the script with which ansible-test puts pip into its environments.

ansible-test downloads that script from a server of its own, which not every machine may reach. Python carries a pip
with it (ensurepip); that one installs the versions which ansible-test asks for, from wherever pip is configured to
look.
"""

from __future__ import annotations

import ensurepip
import os
import runpy
import sys

NOT_FOR_PIP = {"--no-setuptools", "--no-wheel"}


def main() -> None:
    kept = dict(os.environ)
    ensurepip.bootstrap()  # forgets pip's configuration, which is for the next line
    os.environ.clear()
    os.environ.update(kept)
    wanted = [argument for argument in sys.argv[1:] if argument not in NOT_FOR_PIP]
    sys.argv = ["pip", "install", *wanted]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
