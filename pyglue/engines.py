"""Which engine runs the services of a checkout, and why.

`auto` goes on with what runs here already; else it is Docker where a daemon answers and Compose v2 is there, else native.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyglue.docker import compose
from pyglue.docker.daemon import Daemon, NoDaemon
from pyglue.docker.engine import DockerEngine
from pyglue.engine import Engine
from pyglue.errors import PyglueError
from pyglue.native.engine import NativeEngine
from pyglue.settings import Settings
from pyglue.stack.model import Stack


@dataclass(frozen=True)
class Choice:
    """An engine, and the reason in a few words."""

    engine: Engine
    why: str

    def __str__(self) -> str:
        return f"{self.engine.name} engine, project {self.engine.stack.name} ({self.why})"


def choose(settings: Settings, stack: Stack) -> Choice:
    """The engine that `--engine`, PYGLUE_ENGINE or the rule above picks; PyglueError if Docker is asked for in vain."""
    if settings.engine == "native":
        return Choice(NativeEngine(stack), "asked for")
    if settings.engine == "docker":
        return _docker(settings, stack, "asked for")
    if NativeEngine.runs_in(stack.directory):
        return Choice(NativeEngine(stack), "it runs here already")
    try:
        return _docker(settings, stack, "a daemon answers")
    except NoDaemon as error:
        if DockerEngine.was_up_in(stack.directory):
            details = ["this checkout was started in containers, and they may run there still"]
            raise NoDaemon(
                error.message, details=details, try_="pyglue --engine native up", code=error.code
            ) from error
        return Choice(NativeEngine(stack), error.message)


def _docker(settings: Settings, stack: Stack, why: str) -> Choice:
    try:
        daemon, words = _daemon(settings.variables)
    except NoDaemon as error:
        raise NoDaemon(error.message, try_="pyglue --engine native up", code=error.code) from error
    return Choice(DockerEngine(stack, daemon, settings.variables), f"{why}: {words}")


def docker_words(variables: Mapping[str, str]) -> str:
    """The daemon and the Compose that could run services here, in words; raises NoDaemon where one is missing."""
    return _daemon(variables)[1]


def _daemon(variables: Mapping[str, str]) -> tuple[Daemon, str]:
    daemon = Daemon.connect(variables)
    return daemon, f"{daemon.address}, Compose {compose.version(variables)}"


def refuse_two(engine: Engine, environment: Mapping[str, str]) -> None:
    """Raise PyglueError if the other engine runs this checkout: both would want the same ports."""
    directory = engine.stack.directory
    if engine.name == "docker" and NativeEngine.runs_in(directory):
        where, other = "natively", "native"
    elif engine.name == "native" and DockerEngine.runs_in(directory, environment):
        where, other = "in Docker", "docker"
    else:
        return
    raise PyglueError(
        f"this checkout's stack runs {where} already",
        details=["each engine has data of its own; one at a time can have the ports"],
        try_=f"pyglue --engine {other} down",
        code="other-engine",
    )
