"""`.env` beside docker-compose.yml: values a user sets for this checkout, and the generated secrets.

One `NAME=value` a line; `#` begins a comment; single quotes keep everything, double quotes know `\\n`, `\\"`,
`\\\\`. The file holds secrets, so pyglue writes it with mode 0600 and only ever adds lines to it.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from pyglue.errors import InputError, Problem

LINE = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$")
GENERATED = {"SUPERSET_SECRET_KEY": 42, "SUPERSET_ADMIN_PASSWORD": 15}  # name -> random bytes


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """Return the variables of a .env file's text; raises InputError naming every line that is none."""
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        match = LINE.match(line)
        value = _unquote(match.group(2)) if match else None
        if match is None:
            problems.append(Problem(name, number, None, f"expected NAME=value, found {line!r}"))
        elif value is None:
            problems.append(
                Problem(name, number, None, f"the quote in the value of {match.group(1)} is never closed")
            )
        else:
            values[match.group(1)] = value
    if problems:
        raise InputError(problems)
    return values


def _unquote(text: str) -> str | None:
    """The value behind the equals sign, without quotes or comment; None for an open quote."""
    if text[:1] == "'":
        end = text.find("'", 1)
        return None if end < 0 else text[1:end]
    if text[:1] == '"':
        match = re.match(r'"((?:[^"\\]|\\.)*)"', text)
        if match is None:
            return None
        return re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m.group(1), m.group(1)), match.group(1))
    return re.split(r"\s+#", text, maxsplit=1)[0].strip()


def ensure_secrets(path: Path) -> list[str]:
    """Add each generated secret that the file lacks; return the names added. The file ends with mode 0600."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    present = parse(text, path.name)
    missing = [name for name in GENERATED if not present.get(name)]
    if not missing:
        return []
    if text and not text.endswith("\n"):
        text += "\n"
    text += "".join(f"{name}={secrets.token_urlsafe(GENERATED[name])}\n" for name in missing)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
    return missing
