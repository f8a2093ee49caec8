"""What a mapping may ask of an event: one row per function, with its type and the Python that answers it.

A type is Avro's name, or one that only has further functions: `agent` (a User-Agent), `parameters` (the custom ones).
`parameters` and `json` may go onto a field of any plain type. The Python text may use `e` (the event), `agent` (its
parsed User-Agent), `custom` (its custom parameters) and `{0}` (the first argument as Python writes it). Its value is
None where the producer is empty; `certain` says that it never is.

To add a function: a row here, the event's attribute in `event`, a case in the tests, a line in the documentation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

JSON_TYPES = ("json", "parameters")
PATH = "path"  # the one argument that is looked at before an event comes


@dataclass(frozen=True)
class Function:
    """A function of the mapping language. `parameter` is the type of its one argument, None if it takes none."""

    result: str
    python: str
    certain: bool = False
    parameter: str | None = None


def _agent(attribute: str) -> Function:
    return Function("string", f"agent and agent.{attribute}")


# By the type of what stands before the dot (None: nothing does), then by name.
FUNCTIONS: dict[str | None, dict[str, Function]] = {
    None: {
        "firstInSession": Function("boolean", "e.first_in_session", certain=True),
        "corrupt": Function("boolean", "e.corrupt", certain=True),
        "duplicate": Function("boolean", "e.duplicate", certain=True),
        "timestamp": Function("long", "e.received", certain=True),
        "clientTimestamp": Function("long", "e.client_time", certain=True),
        "remoteHost": Function("string", "e.remote_host", certain=True),
        "partyId": Function("string", "e.party", certain=True),
        "sessionId": Function("string", "e.session", certain=True),
        "pageViewId": Function("string", "e.page_view", certain=True),
        "eventId": Function("string", "e.event_id", certain=True),
        "eventType": Function("string", "e.event_type"),
        "location": Function("string", "e.location"),
        "referer": Function("string", "e.referer"),
        "viewportPixelWidth": Function("int", "e.viewport_width"),
        "viewportPixelHeight": Function("int", "e.viewport_height"),
        "screenPixelWidth": Function("int", "e.screen_width"),
        "screenPixelHeight": Function("int", "e.screen_height"),
        "devicePixelRatio": Function("int", "e.device_pixel_ratio"),
        "userAgentString": Function("string", "e.user_agent"),
        "userAgent": Function("agent", "agent"),
        "eventParameters": Function("parameters", "custom"),
        "eventParameter": Function("string", "e.custom_text({0})", parameter="string"),
    },
    "agent": {
        "name": _agent("name"),
        "family": _agent("family"),
        "vendor": _agent("vendor"),
        "type": _agent("type"),
        "version": _agent("version"),
        "deviceCategory": _agent("device_category"),
        "osFamily": _agent("os_family"),
        "osVersion": _agent("os_version"),
        "osVendor": _agent("os_vendor"),
    },
    "parameters": {
        "value": Function("string", "e.custom_text({0})", parameter="string"),
        "path": Function("json", "dig(custom, {0})", parameter=PATH),
    },
}

_STEP = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_-]*)|\[([0-9]{1,9})\]|\['((?:[^'\\]|\\.)*)'\]""")


def path_steps(path: str) -> tuple[str | int, ...]:
    """The steps of a definite JsonPath: names and indexes; raises ValueError with what was expected."""
    if not path.startswith("$"):
        raise ValueError("expected a JsonPath that begins with '$'")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if not found:
            raise ValueError(f"expected .name, ['name'] or [0] in the JsonPath, found '{path[at:]}'")
        name, index, quoted = found.groups()
        steps.append(int(index) if index else name or re.sub(r"\\(.)", r"\1", quoted))
        at = found.end()
    return tuple(steps)
