"""What all commands share: where the checkout is, which engine, and the parts made from that."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any

import click

from pyglue import moved
from pyglue.cli.surroundings import Command, surroundings
from pyglue.engine import Engine
from pyglue.engines import choose
from pyglue.errors import InputError, PyglueError, UsageError
from pyglue.pipeline import spec as specs
from pyglue.pipeline.addresses import Addresses, all_given, given, of_stack
from pyglue.pipeline.clients import Clients
from pyglue.screen import Screen
from pyglue.settings import Settings, locate
from pyglue.stack.model import Stack

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Span(click.ParamType[float]):
    """A span of time such as 90s, 10m, 2h or 14d, in seconds."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds of the text."""
        found = re.fullmatch(r"([0-9]{1,9})([smhd])", value) if isinstance(value, str) else None
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} is no span of time such as 90s, 10m, 2h or 14d", param, ctx)
        return float(int(found[1]) * _UNITS[found[2]])


SPAN = Span()


class Seconds(click.ParamType[float]):
    """Seconds to wait: a number from 0.1 to 3600."""

    name = "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; one that is none is refused as well."""
        seconds = click.FLOAT.convert(value, param, ctx)
        if not 0.1 <= seconds <= 3600:
            self.fail(f"{value} is no number of seconds from 0.1 to 3600", param, ctx)
        return seconds


SECONDS = Seconds()


@dataclass(frozen=True)
class App:
    """One run of pyglue: the options that every command has, and the screen.

    `patience`: seconds for one answer of a service at most; None for what each command has by itself.
    """

    project_dir: Path | None
    engine: str | None
    screen: Screen
    patience: float | None = None

    def settings(self) -> Settings:
        """Options, environment and `.env`, read once by each command."""
        return Settings.read(self.project_dir, self.engine, os.environ)

    def running(self) -> tuple[Settings, Stack, Engine]:
        """What a command needs that asks or changes a running stack."""
        settings = self.settings()
        stack = settings.stack()
        return settings, stack, choose(settings, stack).engine

    def stopping_engine(self) -> Engine:
        """The engine for ending what runs, even if docker-compose.yml or `.env` is broken by now.

        Without them nothing is known of the order, so everything stops at once.
        """
        directory = locate(self.project_dir, os.environ)
        try:
            settings = self.settings()
            stack = settings.stack()
        except InputError as error:
            self.screen.problem(error.message, error.details, None, error.code)
            self.screen.say("Stopping all the same, everything at once.")
            settings = Settings(
                directory, self.engine or os.environ.get("PYGLUE_ENGINE") or "auto", os.environ
            )
            stack = Stack("", directory, {})
        return choose(settings, stack).engine

    def needs_running(self, settings: Settings, engine: Engine) -> None:
        """Raises PyglueError if nothing runs here, and no service's address says that it runs elsewhere.

        And if what runs here was started with other ports than these settings have.
        """
        if not engine.running() and not given(settings.variables):
            raise PyglueError("nothing runs here", try_="pyglue up", code="nothing-runs")
        if not all_given(settings.variables):
            self.refuse_moved(settings, engine)

    def refuse_moved(self, settings: Settings, engine: Engine) -> None:
        """Raises PyglueError if the running stack was started with other ports than these settings have."""
        found = moved.moved(engine, settings.variables)
        if found:
            raise moved.error(found)

    def addresses(self, settings: Settings, stack: Stack, engine: Engine) -> Addresses:
        """Where the services answer."""
        return of_stack(stack, settings.variables, engine.inside)

    def clients(
        self,
        settings: Settings,
        stack: Stack,
        engine: Engine,
        wait: Callable[[float], None],
        patience: float | None = None,
    ) -> Clients:
        """Connections to the services; a password that only the services know is asked for there.

        `patience`: seconds for one answer at most.
        """
        variables = settings.variables
        if not variables.get("SUPERSET_ADMIN_PASSWORD"):
            variables = {**variables, **engine.generated()}
        return Clients.of(self.addresses(settings, stack, engine), variables, wait, self.patience or patience)


def refuse_unknown(names: Iterable[str], services: Collection[str]) -> None:
    """Raises UsageError if one of the names is no service's."""
    unknown = [name for name in names if name not in services]
    if unknown:
        raise UsageError(
            f"there is no service {', '.join(unknown)}", details=[f"there are {', '.join(services)}"]
        )


def services_of(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For a shell's completion: services of the checkout that begin so; none where its files are broken."""
    try:
        stack = _settings_of(context).stack()
    except PyglueError:
        return []
    return [name for name in stack.services if name.startswith(incomplete)]


def supervisors_of(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """For a shell's completion: the supervisor of the checkout's spec and those that were posted from here.

    Druid itself is not asked: a key that is pressed does not wait for a network.
    """
    try:
        project = _settings_of(context).project
        names = {file.stem for file in (project / specs.POSTED).glob("*.json")}
        names.add(specs.datasource(specs.read(project / specs.FILE)))
    except PyglueError:
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def _settings_of(context: click.Context) -> Settings:
    """Those of the command that is being typed; raises PyglueError where its files are broken."""
    above: click.Context | None = context
    while above is not None:
        if project := above.params.get("project_dir"):
            return Settings.read(project, None, os.environ)
        above = above.parent
    return Settings.read(None, None, os.environ)


def common(command: Command) -> Command:
    """Give a command the App as its first argument, and the shared options behind its name, too."""

    @surroundings
    @click.pass_obj
    @wraps(command)
    def wrapped(app: App, project_dir: Path | None, engine: str | None, *args: Any, **kwargs: Any) -> Any:
        own = replace(app, project_dir=project_dir or app.project_dir, engine=engine or app.engine)
        return command(own, *args, **kwargs)

    return wrapped
