"""What can go wrong, as types. Code raises; only `pyglue.cli` turns an error into text and an exit code.

Every error says what was asked, what came back, and the next command to type.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyglue.counted import counted


class PyglueError(Exception):
    """Known trouble, told in the user's words; exit code 1.

    `message` is one sentence. `details` are lines shown indented below it (what was asked, what came back,
    log lines). `try_` is the command to type next, or None if there is none. `code` is its name in the catalogue
    (`pyglue.catalogue`); without one it is its type's.
    """

    code: str = ""

    def __init__(
        self,
        message: str,
        *,
        details: list[str] | None = None,
        try_: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or []
        self.try_ = try_
        if code is not None:
            self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        """So that an error gets from one process to another as it is."""
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(kind: type[PyglueError], args: tuple[Any, ...], state: dict[str, Any]) -> PyglueError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class UsageError(PyglueError):
    """The command line or an option's value is wrong; exit code 2."""

    code = "usage"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input file: where, and what was expected. Lines and columns count from 1.

    `variable` is the one of the environment whose value stands there, empty if it is the file's own.
    """

    file: str
    line: int | None
    column: int | None
    message: str
    variable: str = ""

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        whence = f" (from the variable {self.variable})" if self.variable else ""
        # A file's escapes can spell half a surrogate pair, which nothing can print.
        return f"{where}: {self.message}{whence}".encode("utf-8", "backslashreplace").decode()


class InputError(PyglueError):
    """Input files that were refused, all their problems together, before anything was changed."""

    code = "bad-input"

    def __init__(self, problems: list[Problem], *, code: str | None = None) -> None:
        files = sorted({problem.file for problem in problems})
        super().__init__(
            f"{counted(len(problems), 'problem')} in {', '.join(files)}",
            details=[str(problem) for problem in problems],
            code=code,
        )
        self.problems = problems


class Unreachable(PyglueError):
    """A service did not answer at all (refused, timed out, broke off)."""

    code = "no-answer"


class BadAnswer(PyglueError):
    """A service answered, but not with what was asked for.

    `status` is the HTTP status, or None where the trouble is in the body.
    """

    code = "bad-answer"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        details: list[str] | None = None,
        try_: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, details=details, try_=try_, code=code)
        self.status = status


def unwritable(
    message: str, error: OSError, *, details: list[str] | None = None, try_: str = "df -h"
) -> PyglueError:
    """The error of a file that can't be written: because the disk is full, or for another reason."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return PyglueError(
        f"{message}: {error.strerror or error}",
        details=details,
        try_=try_,
        code="disk-full" if full else "cannot-write",
    )


def relative(path: Path, base: Path) -> str:
    """`path` as a user would type it from `base`; absolute if it lies elsewhere."""
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)
