"""The command line: one group, one file per command, one boundary that decides how the program ends.

Exit codes: 0 fine, 1 known trouble, 2 usage, 3 a bug of ours (the report lies in a file), 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pyglue import __version__
from pyglue.cli import groups
from pyglue.cli.groups import Entry
from pyglue.cli.surroundings import surroundings
from pyglue.errors import PyglueError, UsageError
from pyglue.screen import Screen

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
COMPLETE = "_PYGLUE_COMPLETE"  # with which a shell asks for completion


# What `pyglue --help` shows: headings, names, and first sentences (tests/cli/test_groups.py holds them to the commands'
# own). `dashboards` and `traffic` come from the modules that add a command to them.
COMMANDS: dict[str, dict[str, Entry]] = {
    "Run": {
        "up": Entry("up:up", "Bring the whole stack up and prove that it works."),
        "demo": Entry(
            "demo:demo",
            "Bring the stack up, fill it with a history, send live traffic, and open the dashboards.",
        ),
        "down": Entry("down:down", "Stop all services within 30 seconds and keep their data."),
        "restart": Entry(
            "restart:restart",
            "Stop SERVICE... of the running stack, and start them again as docker-compose.yml now says.",
        ),
        "install": Entry(
            "install:install",
            "Install what SERVICE..., or all services, are made of; after it everything works without a network.",
        ),
        "reset": Entry(
            "reset:reset",
            "Stop the stack and wipe its data: events, segments, dashboards made by hand, truth files.",
        ),
    },
    "Look": {
        "status": Entry(
            "status:status",
            "Show every service and every part of the pipeline, how fresh each is, and what is wrong.",
        ),
        "logs": Entry("logs:logs", "Show the last lines of SERVICE..., or of all services."),
        "tail": Entry("tail:tail", "Show events as they arrive in Kafka, until Ctrl-C."),
        "trace": Entry(
            "trace:trace",
            "Send one marked event, or look for the event EVENT_ID, and tell every hop that it passes.",
        ),
        "doctor": Entry(
            "doctor:doctor",
            "Look whether this machine and this checkout can start the stack, and change nothing.",
        ),
        "reconcile": Entry(
            "reconcile:reconcile",
            "Compare the counts of every hop, minute by minute: collector, Kafka, Druid, and what the dashboards count.",
        ),
        "smoke-test": Entry(
            "smoke_test:smoke_test",
            "Send one event and find it at every hop: collector, Kafka, Druid SQL, a chart of Superset.",
        ),
        "check": Entry(
            "check:check",
            "Check this checkout's files, each by itself and all against each other; nothing needs to run.",
        ),
    },
    "Change": {
        "submit-spec": Entry(
            "submit_spec:submit_spec",
            "Post the supervisor spec FILE (default: supervisor-spec.json of the checkout), and wait until it reads.",
        ),
        "supervisor": Entry(
            "supervisor:supervisor", "Druid's supervisors: each reads one topic into one datasource."
        ),
        "register-cluster": Entry(
            "superset:register_cluster",
            "Register Druid in Superset as the database docker-druid, or bring its address up to date.",
        ),
        "refresh-datasources": Entry(
            "superset:refresh_datasources",
            "Make the dataset over Druid's datasource, or bring its columns up to date.",
        ),
        "dashboards": Entry("dashboard_queries:dashboards", "Dashboards as files, and in Superset."),
        "mapping": Entry("mapping:mapping", "Work on mapping.groovy."),
    },
    "Data": {
        "traffic": Entry(
            "traffic_verify:traffic", "Send what visitors of a site would, and write down what was sent."
        ),
        "replay": Entry(
            "replay:replay",
            "Send bad events again, which the collector has kept: those of which no record could be made.",
        ),
    },
    "Help": {
        "support-bundle": Entry(
            "support_bundle:support_bundle",
            "Pack what a report of trouble needs, without secrets, into FILE (default: pyglue-support-TIME.tar.gz).",
        ),
        "completion": Entry(
            "completion:completion",
            "Print the script that lets SHELL complete commands, options, services and files.",
        ),
    },
}


class ReaderLeft(Exception):
    """Whoever read our output, such as `head`, has left."""


class Group(groups.Group):
    """Keeps a broken pipe from click, which would end the process there with code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeft from error


@click.group(
    cls=Group,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="pyglue")
@surroundings
@click.pass_context
def pyglue(context: click.Context, project_dir: Path | None, engine: str | None) -> None:
    """A real-time clickstream stack: Divolte -> Kafka -> Druid -> Superset.

    `pyglue up` brings it up and ends with success only when an event of its own came back from a chart.
    """
    from pyglue.cli.options import App  # here: `--help` does without it

    context.obj = App(project_dir, engine, Screen(), context.obj)


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


def run(arguments: list[str], patience: float | None = None) -> int:
    """Run one command; every error ends here, as text and as an exit code.

    `patience`: seconds for one answer of a service at most; None for what each command has by itself.
    """
    if _is_asked_to_complete(os.environ):
        return _complete()
    screen = Screen()
    try:
        result = pyglue.main(
            arguments, prog_name="pyglue", standalone_mode=False, complete_var="", obj=patience
        )
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
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT):
            return _bug(screen, error, arguments)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left must not fail once more
        screen.problem("the output can't be written", [str(error)], "df -h", "cannot-write")
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary: whatever comes here is a bug of ours
        return _bug(screen, error, arguments)
    return result if isinstance(result, int) else 0


def _is_asked_to_complete(environment: Mapping[str, str]) -> bool:
    """Whether a shell asks, as the script of `pyglue completion` does. Any other value of the variable means nothing."""
    shell, _, what = environment.get(COMPLETE, "").partition("_")
    if shell not in ("bash", "zsh", "fish"):
        return False
    cursor = environment.get("COMP_CWORD")  # a number, but with fish the word that is being typed
    words = "COMP_WORDS" in environment and cursor is not None and (shell == "fish" or cursor.isdecimal())
    return what == "source" or (what == "complete" and words)


def _complete() -> int:
    """Answer a shell. Whatever goes wrong, nothing of it lands in the line that is being typed."""
    try:
        pyglue.main([], prog_name="pyglue", standalone_mode=False, complete_var=COMPLETE)
    except SystemExit as ended:
        return 1 if ended.code else 0
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - as above
        return 1
    return 0


def _bug(screen: Screen, error: Exception, arguments: list[str]) -> int:
    """Say what a report needs; called while the error is handled."""
    screen.say(f"{type(error).__name__}: {error}")
    screen.say(f"This is a bug in pyglue. Please report it with the file {_report(arguments)}")
    return 3


def _report(arguments: list[str]) -> str:
    """Write what a report of the bug needs into a file; returns its path."""
    import platform
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="pyglue-bug-", suffix=".txt", delete=False) as file:
        file.write(f"pyglue {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        file.write(f"command: pyglue {' '.join(arguments)}\n\n{traceback.format_exc()}")
        return file.name
