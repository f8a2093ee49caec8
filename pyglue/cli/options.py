"""What all commands share: where the checkout is, which engine, and the parts made from that."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from pyglue.errors import InputError
from pyglue.flow import Cancel
from pyglue.install import tools
from pyglue.install.cache import Cache
from pyglue.install.installer import Installer
from pyglue.native.engine import Engine
from pyglue.pipeline.addresses import Addresses, of_stack
from pyglue.screen import Screen
from pyglue.settings import ENGINES, Settings, locate
from pyglue.stack.model import Stack

Command = Callable[..., Any]


@dataclass(frozen=True)
class App:
    """One run of pyglue: the options that every command has, and the screen."""

    project_dir: Path | None
    engine: str | None
    screen: Screen

    def settings(self) -> Settings:
        """Options, environment and `.env`, read once by each command."""
        return Settings.read(self.project_dir, self.engine, os.environ)

    def installer(self, cancel: Cancel, progress: Any = None) -> Installer:
        """For this user's cache and this machine's JDK; raises PyglueError if there is none."""
        cache = Cache.of(os.environ)
        silent = progress or (lambda _label, _files, _size: None)
        return Installer(cache, tools.java_version(), sys.executable, silent, cancel)

    def stopping_engine(self) -> Engine:
        """The engine for ending what runs, even if docker-compose.yml or `.env` is broken by now.

        Without them nothing is known of the order, so everything stops at once.
        """
        directory = locate(self.project_dir, os.environ)
        try:
            stack = self.settings().stack()
        except InputError as error:
            self.screen.problem(error.message, error.details, None)
            self.screen.say("Stopping all the same, everything at once.")
            stack = Stack("", directory, {})
        return self.running_engine(stack)

    def running_engine(self, stack: Stack) -> Engine:
        """The engine for looking at what runs, or ending it; it needs no artefacts."""
        return Engine(stack, {})

    def addresses(self, settings: Settings, stack: Stack) -> Addresses:
        """Where the services answer."""
        return of_stack(stack, settings.variables)


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


def common(command: Command) -> Command:
    """Give a command the App as its first argument, and the shared options behind its name, too."""

    @surroundings
    @click.pass_obj
    @wraps(command)
    def wrapped(app: App, project_dir: Path | None, engine: str | None, *args: Any, **kwargs: Any) -> Any:
        own = replace(app, project_dir=project_dir or app.project_dir, engine=engine or app.engine)
        return command(own, *args, **kwargs)

    return wrapped
