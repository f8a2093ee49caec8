"""The options that every command has, before and behind its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pyglue import ENGINES

Command = Callable[..., Any]


def surroundings(command: Command) -> Command:
    """Add `--project-dir` and `--engine`."""
    command = click.option(
        "--engine",
        type=click.Choice(ENGINES),
        help="Which engine runs the services (environment: PYGLUE_ENGINE; default: auto).",
    )(command)
    return click.option(
        "--project-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="The checkout (environment: PYGLUE_PROJECT_DIR; default: the current directory).",
    )(command)
