"""`.env` beside docker-compose.yml: values a user sets for this checkout, and the generated secrets.

One `NAME=value` a line; `#` begins a comment; single quotes keep everything, double quotes know `\\n`, `\\r`,
`\\t`, `\\"`, `\\\\`. Variables are replaced as in docker-compose.yml, except in single quotes: by the environment's
or by those of lines further up. Docker Compose reads the same file, so it must mean the same here. The file holds
secrets, so pyglue writes it with mode 0600 and only ever adds lines to it.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from pyglue.errors import InputError, Problem
from pyglue.stack.interpolate import interpolate

FILE = ".env"
LINE = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$")
QUOTED = re.compile(r"""(?P<text>'[^']*'|"(?:[^"\\]|\\.)*")(?P<rest>.*)$""")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
GENERATED = {"SUPERSET_SECRET_KEY": 42, "SUPERSET_ADMIN_PASSWORD": 15}  # name -> random bytes


def read(path: Path, outside: Mapping[str, str]) -> dict[str, str]:
    """The variables of a file, none if there is no file; raises InputError if it can't be read or is broken.

    `outside` is the environment, for variables in values.
    """
    return parse(_text(path), path.name, outside)


def line_of(path: Path, name: str) -> int | None:
    """The line of a file that gives a variable its value, the last one that names it; None if none does."""
    found = None
    for number, raw in enumerate(_text(path).removeprefix("\ufeff").split("\n"), 1):
        match = LINE.match(raw.strip())
        if match is not None and match.group(1) == name:
            found = number
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(path.name, None, None, f"can't be read: {error}")]) from error


def parse(text: str, name: str = ".env", outside: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of a .env file's text; raises InputError naming every line that is none."""
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.match(line)
        if match is None:
            problems.append(Problem(name, number, None, f"expected NAME=value, found {line!r}"))
            continue
        try:
            values[match.group(1)] = _value(match.group(2), {**values, **(outside or {})})
        except ValueError as error:
            problems.append(Problem(name, number, None, f"the value of {match.group(1)}: {error}"))
    if problems:
        raise InputError(problems)
    return values


def _value(text: str, variables: Mapping[str, str]) -> str:
    """What stands behind the equals sign, without quotes and comment; raises ValueError."""
    if text.lstrip()[:1] not in ("'", '"'):
        return interpolate(re.split(r"\s#", text, maxsplit=1)[0].strip(), variables)
    match = QUOTED.match(text.lstrip())
    if match is None:
        raise ValueError("its quote is never closed")
    rest = match["rest"].strip()
    if rest and not rest.startswith("#"):
        raise ValueError(f"after the closing quote only a comment may follow, found {rest!r}")
    inside = match["text"][1:-1]
    if match["text"].startswith("'"):
        return inside
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m.group(1), m.group(1)), interpolate(inside, variables))


def ensure_secrets(
    path: Path,
    outside: Mapping[str, str] | None = None,
    known: Callable[[], Mapping[str, str]] = dict,
) -> list[str]:
    """Add each generated secret that the file lacks; return the names added. The file ends with mode 0600.

    One that is known already is taken from `known`, which is asked only if one is missing. Raises InputError for a
    broken file and leaves it alone.
    """
    text = _text(path)
    present = parse(text, path.name, outside)
    missing = [name for name in GENERATED if not present.get(name)]
    if not missing:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return []
    if text and not text.endswith("\n"):
        text += "\n"
    there = known()
    made = {name: there.get(name) or secrets.token_urlsafe(GENERATED[name]) for name in missing}
    text += "".join(f"{name}={value}\n" for name, value in made.items())
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
    return missing
