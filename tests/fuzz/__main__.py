"""`make fuzz`: all targets in turn until the time is over, or one input again.

.venv/bin/python -m tests.fuzz --seconds 600              a new seed, which is printed
.venv/bin/python -m tests.fuzz --executions 3000 --seed 1 mincode json
.venv/bin/python -m tests.fuzz --replay FILE mincode
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.every_target import every_target
from tests.fuzz.runner import GROWN_SIZES, Failure, replay, run

_AT_A_TIME = 4000  # executions of a target before it is the next one's turn


def main(arguments: list[str]) -> int:
    """What the command line asks for; 1 if a promise was broken."""
    options = _parser().parse_args(arguments)
    folder = Path(tempfile.gettempdir()) / "pyglue-fuzz"
    targets = every_target()
    chosen = [targets[name] for name in options.targets or targets]
    if options.replay is not None:
        replay(chosen[0], options.replay.read_bytes(), print)
        print("all promises are kept")
        return 0
    seed = secrets.randbelow(2**32) if options.seed is None else options.seed
    end = time.monotonic() + options.seconds
    totals = dict.fromkeys((target.name for target in chosen), 0)
    failed: set[str] = set()
    print(f"seed {seed}", flush=True)
    try:
        while len(failed) < len(chosen):
            for target in chosen:
                if target.name in failed:
                    continue
                try:
                    tally = run(
                        target, seed, options.executions or _AT_A_TIME, folder,
                        sizes=GROWN_SIZES, until=lambda: time.monotonic() > end,
                    )  # fmt: skip
                except Failure as failure:
                    failed.add(target.name)
                    print(failure, flush=True)
                else:
                    totals[target.name] += tally.executions
                    print(
                        f"{target.name:<14} seed {seed:<10} {tally.executions:>6} executions, "
                        f"{len(tally.outcomes)} outcomes, at most {tally.slowest:.2f} ms for a KiB",
                        flush=True,
                    )
            seed += 1
            if options.executions or time.monotonic() > end:
                break
    except KeyboardInterrupt:
        print()
    print(f"{sum(totals.values())} executions, {len(failed)} of {len(chosen)} targets failed")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Look for inputs that break a promise."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all, if none is named")
    parser.add_argument("--seconds", type=float, default=600.0, help="how long, of all targets together")
    parser.add_argument("--executions", type=int, help="of each target, in place of a time")
    parser.add_argument("--seed", type=int, help="a new one if none is given")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="one input of the one target named")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
