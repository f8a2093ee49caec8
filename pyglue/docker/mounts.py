"""The checkout's files that are mounted into containers: whether they can be read there, and whether they have changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pyglue.errors import Problem
from pyglue.native.contract import hash_files, is_scrap
from pyglue.stack.model import Service, Stack
from pyglue.stack.reading import FILE


def unreadable(stack: Stack) -> list[Problem]:
    """One for each file that a container's user can't read: to this machine that user is nobody."""
    problems = []
    for service in stack.services.values():
        for path in _mounted(stack, service):
            mode = path.stat().st_mode
            if not mode & stat.S_IROTH or (path.is_dir() and not mode & stat.S_IXOTH):
                name = os.path.relpath(path, stack.directory)
                reason = f"{name} can't be read by a container's user; try: chmod o+rX {name}"
                problems.append(Problem(FILE, service.line, None, reason))
    return sorted(set(problems), key=str)


def content(stack: Stack, service: Service) -> str:
    """A hash of what is mounted into a service."""
    return hash_files(stack.directory, list(_mounted(stack, service)))


def newest(stack: Stack, service: Service) -> float:
    """When the newest of those files was changed, in Unix seconds; 0 if there are none."""
    files = (path for path in _mounted(stack, service) if path.is_file())
    return max((path.stat().st_mtime for path in files), default=0.0)


def _mounted(stack: Stack, service: Service) -> Iterator[Path]:
    """Files, and folders with all that is in them."""
    for mount in service.mounts:
        source = stack.directory / mount.source
        if mount.is_bind:
            yield source
            yield from (path for path in source.rglob("*") if not is_scrap(path))
