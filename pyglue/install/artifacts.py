"""artifacts.lock: each third-party jar of a Maven service with its checksum and size.

Maven pins versions but not contents. One line a file, sorted by path: `sha256  bytes  path below SERVICE_HOME`.
`make lock` writes it from what Maven brought, an installation is compared with it, and its sums are the totals
of the progress bar.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pyglue.errors import InputError, Problem

FILE = "artifacts.lock"
LINE = re.compile(r"([0-9a-f]{64}) +([0-9]+) +(\S+)")


@dataclass(frozen=True)
class Artifact:
    """One jar: its SHA-256 in hexadecimal, its bytes, its path below SERVICE_HOME."""

    sha256: str
    size: int
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def read(folder: Path) -> tuple[Artifact, ...]:
    """The lock file of a service folder; raises InputError for lines that are none, or if it is missing."""
    file = folder / FILE
    if not file.exists():
        raise InputError(
            [Problem(str(file), None, None, "is missing; `make lock` writes it")], code="lock-broken"
        )
    artifacts: list[Artifact] = []
    problems: list[Problem] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        match = LINE.fullmatch(line)
        if match is None:
            problems.append(Problem(str(file), number, None, "expected `sha256  bytes  path`"))
        else:
            artifacts.append(Artifact(match[1], int(match[2]), match[3]))
    if problems:
        raise InputError(problems, code="lock-broken")
    return tuple(artifacts)


def scan(home: Path) -> tuple[Artifact, ...]:
    """The jars that lie in SERVICE_HOME, sorted by path."""
    return tuple(
        Artifact(_sha256(path), path.stat().st_size, str(path.relative_to(home)))
        for path in sorted(home.rglob("*.jar"))
    )


def differences(locked: tuple[Artifact, ...], home: Path, own: frozenset[str]) -> list[str]:
    """What is missing from SERVICE_HOME, different, or there but not locked; `own` are jars built from the folder."""
    wanted = {artifact.path: artifact for artifact in locked}
    found = {artifact.path: artifact for artifact in scan(home) if artifact.name not in own}
    texts = [f"{path} is missing" for path in wanted if path not in found]
    texts += [f"{path} is not in {FILE}" for path in found if path not in wanted]
    texts += [
        f"{path} has SHA-256 {found[path].sha256}, not {artifact.sha256}"
        for path, artifact in wanted.items()
        if path in found and found[path].sha256 != artifact.sha256
    ]
    return texts


def render(artifacts: tuple[Artifact, ...]) -> str:
    """The lock file's text."""
    return "".join(f"{artifact.sha256}  {artifact.size}  {artifact.path}\n" for artifact in artifacts)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
