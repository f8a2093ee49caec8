"""Replay the parity suites against a collector, and compare its answers and records with the recorded ones.

{conf} is the absolute path of the suite's divolte-collector.conf inside a scratch copy of the suite, {port} a free
port on the loopback interface; the command runs with that scratch folder as its working directory, where the
directories that the configuration names (out/...) exist already. It must stay in the foreground and stop on SIGTERM.
Python 3.11, standard library and fastavro. The file formats are described in README.md beside this file.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script it finds only this folder

from tests.parity import suites
from tests.parity.compare import Strictness
from tests.parity.deviations import Deviations
from tests.parity.replay import Outcome, Settings, run_suite

HERE = Path(__file__).resolve().parent


class Summary:
    """Prints a line for each suite as it ends, and counts; suites may end in several threads."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose
        self._lock = threading.Lock()
        self._identical = self._named = self._total = 0

    def add(self, suite: str, outcome: Outcome) -> None:
        """Count the suite and print its line, and with --verbose every difference."""
        alike = outcome.identical + outcome.named == outcome.total
        named = f"{outcome.named} named " if outcome.named else ""
        with self._lock:
            self._identical += outcome.identical
            self._named += outcome.named
            self._total += outcome.total
            line = (
                f"{suite:<34} {outcome.identical:4d}/{outcome.total:<4d} {named}{'' if alike else 'DIFFERS'}"
            )
            print(line, flush=True)
            for request, messages in outcome.differing if self._verbose else ():
                for message in messages:
                    print(f"    {request}: {message}", flush=True)

    def share(self) -> float:
        """How many comparisons were identical or named, in percent."""
        return 100.0 * (self._identical + self._named) / self._total

    def last_line(self) -> str:
        """The sums; the share is rounded down, so that 100 % is all."""
        differ = self._total - self._identical - self._named
        return (
            f"parity: {self._identical} of {self._total} requests identical, {self._named} named deviations, "
            f"{differ} differ ({math.floor(self.share() * 100) / 100:.2f} % identical or named)"
        )


def main() -> None:
    """Replay what the command line asks for; the status is 0 where enough of it is the same."""
    options = _parser().parse_args()
    entries = suites.read_json(Path(options.deviations)) if options.deviations else []
    try:
        deviations = Deviations(entries)
    except ValueError as error:
        sys.exit(str(error))
    settings = Settings(
        command=options.start,
        url=options.url,
        startup_s=options.startup,
        grace_s=options.grace,
        records_s=options.wait,
        strictness=Strictness({name.lower() for name in options.ignore_header}, not options.no_hex),
        deviations=deviations,
    )
    chosen = _chosen(options)
    if not chosen:
        sys.exit("no suites found")
    summary = Summary(options.verbose)
    _run_all(chosen, settings, summary, options)
    for entry in deviations.never_met() if not options.suite else ():
        print(f"deviation never met: {json.dumps(entry, ensure_ascii=False)}")
    print(summary.last_line())
    sys.exit(0 if summary.share() >= options.min else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--start", required=True, help='command that starts a server, for example "collector {conf} {port}"')
    add("--url", default="http://127.0.0.1:{port}", help="base URL template")
    add("--root", action="append", help="folder of suites (default: suites beside this file)")
    add("--suite", action="append", help="only this suite (repeatable)")
    add("--skip-defect", action="store_true", help="leave out the defect-* suites")
    add("--min", type=float, default=100.0, help="least share in percent for exit status 0")
    add("--jobs", type=int, default=1, help="suites at a time")
    add("--wait", type=float, default=5.0, help="seconds to wait for records before the server is stopped")
    add("--startup", type=float, default=40.0, help="seconds a start may take")
    add(
        "--grace",
        type=float,
        default=6.0,
        help="start-up suites: seconds without a port after the message was seen",
    )
    add("--ignore-header", action="append", default=[], help="response header not to compare (repeatable)")
    add(
        "--deviations",
        help="JSON list of differences that are wanted: suite and id (patterns), fields (record fields; "
        "without it any difference), why",
    )
    add("--no-hex", action="store_true", help="do not compare the records' raw Avro bytes")
    add("--keep", help="keep scratch copies (and server logs) in this folder")
    add("--verbose", action="store_true", help="print every difference")
    return parser


def _chosen(options: argparse.Namespace) -> list[Path]:
    found = suites.find([Path(root) for root in options.root or [HERE / "suites"]])
    return [
        suite
        for suite in found
        if (not options.suite or suite.name in options.suite)
        and not (options.skip_defect and suite.name.startswith("defect-"))
    ]


def _run_all(chosen: list[Path], settings: Settings, summary: Summary, options: argparse.Namespace) -> None:
    scratch = Path(options.keep or tempfile.mkdtemp(prefix="parity-")).absolute()
    scratch.mkdir(parents=True, exist_ok=True)

    def run(suite: Path) -> None:
        try:
            outcome = run_suite(suite, scratch, settings)
        except Exception:  # noqa: BLE001 - the boundary: the other suites are still worth a run
            outcome = Outcome(0, 0, suites.size(suite), [("(runner)", [traceback.format_exc()])])
        summary.add(suite.name, outcome)

    try:
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(run, chosen))
    finally:
        if not options.keep:
            shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
