"""`python -m bench [NAME...]` measures; `python -m bench --write docs/numbers.md` puts the results into the page."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import click

from bench import report, session
from bench.copies import Source
from bench.machine import describe
from bench.targets import BENCHES, CONTAINERS, NATIVE
from pyglue.docker.daemon import Daemon, NoDaemon
from pyglue.errors import PyglueError
from pyglue.screen import Screen

RESULTS = Path("bench/results.json")


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("names", nargs=-1, type=click.Choice(BENCHES), metavar="[NAME...]")
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    help=f"How often to measure ({session.RUNS}; `volume` and `first`: {session.RUNS_OF_FIRST}).",
)
@click.option(
    "--json", "file", type=click.Path(path_type=Path, dir_okay=False), help="Put the results into FILE."
)
@click.option(
    "--write",
    "page",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help=f"Measure nothing: put the tables of --json ({RESULTS}) into this page.",
)
def bench(names: tuple[str, ...], runs: int | None, file: Path | None, page: Path | None) -> None:
    """Measure the numbers of this project: up, memory, latency, commands, ingest; docker and images where a daemon answers;
    volume, collector, slow and first on demand only.

    FILE keeps what it holds about other benches. The table goes to stdout, what is going on to stderr.
    """
    screen = Screen()
    if page is not None:
        if names or runs:
            raise click.UsageError("--write measures nothing: give it no names and no --runs")
        page.write_text(
            report.into_page(page.read_text(encoding="utf-8"), report.load(file or RESULTS)), encoding="utf-8"
        )
        return
    chosen = names or (*NATIVE, *_containers(screen))
    source = Source(Path.cwd(), os.environ)
    machine = describe(source)
    results: report.Results = {}
    known = report.load(file) if file is not None and file.exists() else {}
    for name, figures in session.measure(chosen, runs, source, screen):
        report.add(results, name, machine, figures)
        if file is not None:  # after every run, so that an interrupted hour is not lost
            report.save(file, {**known, **results})
    screen.data(report.text(results))


def _containers(screen: Screen) -> tuple[str, ...]:
    try:
        Daemon.connect()
    except NoDaemon as error:
        screen.say(f"Leaving out {' and '.join(CONTAINERS)}: {error.message}")
        return ()
    return CONTAINERS


def main(arguments: list[str]) -> int:
    """Run one command; every error ends here. Returns the exit code, as pyglue's own command line has them."""
    screen = Screen()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is running is brought down then, too
    try:
        bench.main(arguments, prog_name="python -m bench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        return 130
    except PyglueError as error:
        screen.problem(error.message, error.details, error.try_)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
