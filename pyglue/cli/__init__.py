"""The command line: one group, one file per command, one boundary that decides how the program ends.

Exit codes: 0 fine, 1 known trouble, 2 usage, 3 a bug of ours (the report lies in a file), 130 Ctrl-C.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

from pyglue import __version__
from pyglue.cli.check import check
from pyglue.cli.dashboard_queries import test  # noqa: F401 - adds itself to `dashboards`
from pyglue.cli.dashboards import dashboards
from pyglue.cli.demo import demo
from pyglue.cli.down import down
from pyglue.cli.install import install
from pyglue.cli.logs import logs
from pyglue.cli.mapping import mapping
from pyglue.cli.options import App, surroundings
from pyglue.cli.reconcile import reconcile
from pyglue.cli.reset import reset
from pyglue.cli.smoke_test import smoke_test
from pyglue.cli.status import status
from pyglue.cli.submit_spec import submit_spec
from pyglue.cli.superset import refresh_datasources, register_cluster
from pyglue.cli.trace import trace
from pyglue.cli.traffic import traffic
from pyglue.cli.traffic_verify import verify  # noqa: F401 - adds itself to `traffic`
from pyglue.cli.up import up
from pyglue.errors import PyglueError, UsageError
from pyglue.screen import Screen

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class ReaderLeft(Exception):
    """Whoever read our output, such as `head`, has left."""


class Group(click.Group):
    """Keeps a broken pipe from click, which would end the process there with code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeft from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pyglue")
@surroundings
@click.pass_context
def pyglue(context: click.Context, project_dir: Path | None, engine: str | None) -> None:
    """A real-time clickstream stack: Divolte -> Kafka -> Druid -> Superset.

    `pyglue up` brings it up and ends with success only when an event of its own came back from a chart.
    """
    context.obj = App(project_dir, engine, Screen())


for command in (
    up,
    demo,
    down,
    check,
    status,
    logs,
    install,
    reset,
    submit_spec,
    mapping,
    register_cluster,
    refresh_datasources,
    dashboards,
    smoke_test,
    trace,
    reconcile,
    traffic,
):
    pyglue.add_command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and end the process with its exit code. SIGTERM ends it as Ctrl-C does, cleanly."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = run(sys.argv[1:] if arguments is None else arguments)
    if (
        code == INTERRUPTED
    ):  # at once: a thread that waits for a daemon that is stuck would be waited for, too
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; every error ends here, as text and as an exit code."""
    screen = Screen()
    try:
        result = pyglue.main(arguments, prog_name="pyglue", standalone_mode=False)
    except click.ClickException as error:
        screen.still()
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        screen.say("interrupted")
        return INTERRUPTED
    except PyglueError as error:
        screen.problem(error.message, error.details, error.try_, error.code)
        return 2 if isinstance(error, UsageError) else 1
    except ReaderLeft:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the boundary: whatever comes here is a bug of ours
        screen.say(f"{type(error).__name__}: {error}")
        screen.say(f"This is a bug in pyglue. Please report it with the file {_report(arguments)}")
        return 3
    return result if isinstance(result, int) else 0


def _report(arguments: list[str]) -> str:
    """Write what a report of the bug needs into a file; returns its path."""
    with tempfile.NamedTemporaryFile("w", prefix="pyglue-bug-", suffix=".txt", delete=False) as file:
        file.write(f"pyglue {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        file.write(f"command: pyglue {' '.join(arguments)}\n\n{traceback.format_exc()}")
        return file.name
