"""The services' logs: their last lines, and following several at once."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

BLOCK = 64 * 1024


def tail(path: Path, lines: int) -> list[str]:
    """The last lines of a log; empty if there is none. Reads no more than it needs."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            content = b""
            while size > 0 and content.count(b"\n") <= lines:
                step = min(BLOCK, size)
                size -= step
                file.seek(size)
                content = file.read(step) + content
    except FileNotFoundError:
        return []
    return (
        list(deque(content.decode(errors="replace").removesuffix("\n").split("\n"), maxlen=lines))
        if content
        else []
    )


def follow(
    paths: dict[str, Path], *, sleep: Callable[[float], None] = time.sleep, every: float = 0.2
) -> Iterator[tuple[str, str]]:
    """New lines of several logs as (name, line), without end. A log that was rotated is read anew."""
    seen = {name: _status(path) for name, path in paths.items()}  # (file, bytes read of it)
    rests = dict.fromkeys(paths, b"")
    while True:
        for name, path in paths.items():
            number, size = _status(path)
            read = seen[name][1] if seen[name][0] == number and size >= seen[name][1] else 0
            data = _read(path, read)
            seen[name] = (number, read + len(data))
            *whole, rests[name] = (rests[name] + data).split(b"\n")
            for line in whole:
                yield name, line.decode(errors="replace")
        sleep(every)


def _status(path: Path) -> tuple[int, int]:
    """The file's number, which changes when the log is rotated, and its size; zeros if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_ino, status.st_size


def _read(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read()
    except FileNotFoundError:
        return b""
