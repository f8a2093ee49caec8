"""The cache: where a service folder's artefacts are, and whether they are complete.

    ~/.cache/pyglue/            PYGLUE_CACHE or XDG_CACHE_HOME choose another place
      services/FOLDER-HASH/     SERVICE_HOME; its path never changes, for archives and scripts hold it
      services/FOLDER-HASH.complete   written last: without it the folder is taken for half-done and made anew
      maven/, uv/               the tools' own caches, shared by all; NAME.lock beside what is being written

The hash is over what pins the artefacts and over what they are made with: pom.xml, modules, requirements.txt,
artifacts.lock, prepare, the machine's kind, Python's and Java's version. So two checkouts share one installation,
and a changed pin installs anew beside the old one.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyglue.native.contract import hash_files

PINS = ("pom.xml", "requirements.txt", "artifacts.lock", "prepare")
LEFT_OUT = {"target", "README.md", "test"}  # of a module: what does not change the jar


@dataclass(frozen=True)
class Cache:
    """The cache's folders."""

    root: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Cache:
        """The cache this user's environment chooses."""
        if environment.get("PYGLUE_CACHE"):
            return cls(Path(environment["PYGLUE_CACHE"]).expanduser().absolute())
        base = environment.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(base).expanduser().absolute() / "pyglue")

    @property
    def services(self) -> Path:
        return self.root / "services"

    @property
    def maven(self) -> Path:
        return self.root / "maven"

    @property
    def uv(self) -> Path:
        return self.root / "uv"

    def home(self, folder: Path, java: str) -> Path:
        """SERVICE_HOME of a service folder; `java` is the JDK's version line."""
        return self.services / f"{folder.name}-{key(folder, java)}"

    def is_complete(self, home: Path) -> bool:
        """Whether everything was installed and prepared."""
        return self.marker(home).exists() and home.is_dir()

    def marker(self, home: Path) -> Path:
        """The file whose presence says so."""
        return home.with_name(home.name + ".complete")


def is_maven(folder: Path) -> bool:
    """Whether the folder's artefacts come from Maven."""
    return (folder / "pom.xml").exists()


def is_python(folder: Path) -> bool:
    """Whether the folder's artefacts are an environment of Python packages."""
    return (folder / "requirements.txt").exists()


def pinned_files(folder: Path) -> list[Path]:
    """The files that decide what is installed: the folder's own pins, and each Maven module below it."""
    files = [folder / name for name in PINS if (folder / name).exists()]
    for module in sorted(folder.glob("*/pom.xml")):
        inside = (path for path in module.parent.rglob("*") if path.is_file())
        files += [path for path in inside if not LEFT_OUT & set(path.relative_to(folder).parts)]
    return files


def key(folder: Path, java: str) -> str:
    """The address of a folder's artefacts: 16 hexadecimal digits."""
    made_with = [platform.system(), platform.machine()]
    if is_python(folder):
        made_with += [platform.python_version(), sys.base_prefix]
    if is_maven(folder):
        made_with.append(java)
    digest = hashlib.sha256("\0".join(made_with).encode())
    digest.update(hash_files(folder, pinned_files(folder)).encode())
    return digest.hexdigest()[:16]
