"""All targets, by name."""

from __future__ import annotations

from functools import cache

from tests.fuzz import event_targets, file_targets, http_targets, text_targets
from tests.fuzz.targets import Target


@cache
def every_target() -> dict[str, Target]:
    """See the module."""
    modules = (http_targets, event_targets, text_targets, file_targets)
    return {target.name: target for module in modules for target in module.targets()}
