"""Our bugs in the log: which kind of error, and where; never its text, for that may hold what a client sent.

Each place is told once: what a client causes, it can cause without end. Whoever asks here counts them all.
"""

from __future__ import annotations

import logging
import traceback

log = logging.getLogger("pyglue.collector")


class Bugs:
    """What was told."""

    def __init__(self) -> None:
        self._told: set[tuple[type, str, int | None]] = set()

    def tell(self, what: str, error: Exception) -> None:
        """Log that `what` happened by `error`, unless the same was logged before."""
        frames = traceback.extract_tb(error.__traceback__)
        place = frames[-1] if frames else None
        seen = (type(error), place.filename, place.lineno) if place else (type(error), "", None)
        if seen in self._told:
            return
        self._told.add(seen)
        way = "".join(traceback.format_list(frames))
        log.error("%s: %s (told once for each place)\n%s", what, type(error).__name__, way)
