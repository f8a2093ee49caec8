"""The archive: texts that were collected and masked, what is missing with its reason, and a page that says so."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from pyglue.errors import PyglueError, UsageError, unwritable
from pyglue.support.masking import Mask

README = """\
What `pyglue support-bundle` packed. Look through it before you send it.

Masked with *** are secrets (values of .env and of the environment, whatever stands behind a name such as password or
token, headers of authorization, cookies, keys), and in logs and status the addresses of clients and the identifiers of
visitors. What a log says besides is as it was: host names, paths, and the text of messages.
"""


class Bundle:
    """Collects texts. Nothing that is missing or broken ends it: the reason stands in the archive instead."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self.texts: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def add(self, name: str, make: Callable[[], str]) -> None:
        """Add a text without secrets."""
        self._add(name, make, self._mask.text)

    def add_log(self, name: str, make: Callable[[], str]) -> None:
        """Add a text without secrets, addresses of clients and identifiers of visitors."""
        self._add(name, make, self._mask.log)

    def _add(self, name: str, make: Callable[[], str], masked: Callable[[str], str]) -> None:
        try:
            text = make()
        except PyglueError as error:
            self.miss(name, "; ".join([error.message, *error.details]))
        except Exception as error:  # noqa: BLE001 - a bundle is made where something is broken, and that may be anything
            self.miss(name, f"{type(error).__name__}: {error}")
        else:
            if text.strip():
                self.texts[name] = masked(text)
            else:
                self.miss(name, "there is nothing in it")

    def miss(self, name: str, reason: str) -> None:
        """Tell that something is not there, and why."""
        self.missing[name] = self._mask.log(reason)

    def readme(self) -> str:
        """The page that says what is in it."""
        width = max(map(len, self.texts), default=0)
        lines = [f"  {name:<{width}}  {len(text.encode()):>9,} bytes" for name, text in self.texts.items()]
        gone = [f"  {name}: {reason}" for name, reason in self.missing.items()]
        return "\n".join([README, "In it:", *lines, "", "Could not be read:", *(gone or ["  nothing"]), ""])

    def write(self, file: Path) -> int:
        """Write the archive, readable by its owner only; returns its size in bytes.

        Raises UsageError if there is a file already, PyglueError if it can't be written; then nothing is left behind.
        """
        fresh = file.with_name(f"{file.name}.part")
        top = file.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz")
        if file.exists():
            raise UsageError(f"there is a {file} already", try_="pyglue support-bundle OTHER.tar.gz")
        try:
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz") as archive:
                    for name, text in {"README.txt": self.readme(), **self.texts}.items():
                        _put(archive, f"{top}/{name}", text.encode())
                fresh.replace(file)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise unwritable(f"{file} can't be written", error) from error
        return file.stat().st_size


def _put(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
    archive.addfile(entry, io.BytesIO(content))
