"""`python -m pyglue.collector [--check] CONF`: run the collector, or only check its configuration.

The one place where the collector's errors become text and an exit code: 0 fine, 1 known trouble, 2 usage.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pyglue.collector.loading import load
from pyglue.collector.server import run
from pyglue.errors import PyglueError

USAGE = "usage: python -m pyglue.collector [--check] CONF"


def main(arguments: Sequence[str]) -> int:
    """Do what `arguments` ask; the exit code."""
    check = "--check" in arguments
    files = [argument for argument in arguments if argument != "--check"]
    if len(files) != 1 or files[0].startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    try:
        setup = load(Path(files[0]), os.environ)
        if check:
            print(f"{files[0]}: fine")
        else:
            run(setup)
    except PyglueError as error:
        print(f"error: {error.message}", *error.details, sep="\n  ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
