"""Everything pyglue is told from outside, read once: flags, environment, `.env`, defaults - in that order.

Nothing below the command line asks the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyglue import ENGINES
from pyglue.errors import UsageError
from pyglue.stack import compose, dotenv
from pyglue.stack.model import Stack
from pyglue.stack.reading import FILE


@dataclass(frozen=True)
class Settings:
    """One command's surroundings. `variables` is the environment over `.env`."""

    project: Path
    engine: str
    variables: Mapping[str, str]

    @classmethod
    def read(cls, project: Path | None, engine: str | None, environment: Mapping[str, str]) -> Settings:
        """Raises UsageError if there is no checkout there, InputError for a broken `.env`."""
        directory = locate(project, environment)
        variables = {**dotenv.read(directory / dotenv.FILE, environment), **environment}
        chosen = engine or variables.get("PYGLUE_ENGINE") or "auto"
        if chosen not in ENGINES:
            raise UsageError(f"there is no engine {chosen!r}; choose one of {', '.join(ENGINES)}")
        return cls(directory, chosen, variables)

    def with_secrets(self, known: Callable[[], Mapping[str, str]] = dict) -> Settings:
        """The same, with the generated secrets made and kept in `.env` where they were missing.

        `known` tells, if need be, the secrets that services made for themselves: those are kept.
        """
        path = self.project / dotenv.FILE
        if not dotenv.ensure_secrets(path, self.variables, known):
            return self
        own = dotenv.read(path, self.variables)
        told = {
            name: value for name, value in self.variables.items() if value or name not in dotenv.GENERATED
        }
        return Settings(self.project, self.engine, {**own, **told})

    def stack(self) -> Stack:
        """docker-compose.yml with these variables; raises InputError."""
        return compose.read(self.project, self.variables)


def locate(project: Path | None, environment: Mapping[str, str]) -> Path:
    """The checkout's folder: the flag, PYGLUE_PROJECT_DIR, or the current one; UsageError if it is none."""
    directory = (project or Path(environment.get("PYGLUE_PROJECT_DIR") or ".")).expanduser().resolve()
    if not (directory / FILE).is_file():
        raise UsageError(
            f"{directory} holds no {FILE}",
            details=["run pyglue in the checkout, or say where it is"],
            try_="pyglue --project-dir DIR ...",
        )
    return directory
