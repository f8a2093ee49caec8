"""What can be said of what is not there: an event that is not recorded, and JSON that an event does not have."""

from __future__ import annotations

CORRUPT = "corrupt"
TOO_LARGE = "too large"
ABSENT = object()  # no JSON value at all; None would be JSON's null


class DroppedEvent(Exception):
    """The event is not recorded; `reason` is a short stable text to count by."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
