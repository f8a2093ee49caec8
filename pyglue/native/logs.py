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
    return list(deque(content.decode(errors="replace").splitlines(), maxlen=lines))


def follow(
    paths: dict[str, Path], *, sleep: Callable[[float], None] = time.sleep, every: float = 0.2
) -> Iterator[tuple[str, str]]:
    """New lines of several logs as (name, line), without end. A log that was rotated is read anew."""
    offsets = {name: path.stat().st_size if path.exists() else 0 for name, path in paths.items()}
    rests = dict.fromkeys(paths, b"")
    while True:
        for name, path in paths.items():
            if not path.exists():
                continue
            size = path.stat().st_size
            if size < offsets[name]:
                offsets[name] = 0
            if size == offsets[name]:
                continue
            with path.open("rb") as file:
                file.seek(offsets[name])
                data = file.read(size - offsets[name])
            offsets[name] += len(data)
            *whole, rests[name] = (rests[name] + data).split(b"\n")
            for line in whole:
                yield name, line.decode(errors="replace")
        sleep(every)
