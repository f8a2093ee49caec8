"""The tag that pages load from the collector: `divolte.js` with this collector's constants.

`divolte.js` is written to be read; what is served is the same text without comment lines, blank lines and
indentation. That needs no JavaScript parser because the file keeps to its law: a comment stands on a line of its
own, and no text or expression depends on how lines are indented.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files

_PLACEHOLDER = re.compile(r"'@@(\w+)@@'")


def render(
    script_name: str,
    event_suffix: str,
    party_cookie: str,
    party_timeout_s: int,
    session_cookie: str,
    session_timeout_s: int,
    cookie_domain: str | None,
    event_timeout_ms: int,
    auto_page_view: bool,
    logging: bool,
) -> bytes:
    """Return the tag of one browser source as UTF-8 JavaScript, made for `application/javascript`.

    `script_name` and `event_suffix` are paths below the source's prefix, without a slash at the start;
    the time-outs of the cookies are in seconds, that of an event in milliseconds. `cookie_domain` is None for
    cookies of the page's host alone. `logging` makes the tag tell the browser's console what it does.
    """
    constants = {
        "script_name": script_name,
        "event_suffix": event_suffix,
        "party_cookie": party_cookie,
        "party_timeout_s": party_timeout_s,
        "session_cookie": session_cookie,
        "session_timeout_s": session_timeout_s,
        "cookie_domain": cookie_domain,
        "event_timeout_ms": event_timeout_ms,
        "auto_page_view": auto_page_view,
        "logging": logging,
    }
    source = files(__name__).joinpath("divolte.js").read_text(encoding="utf-8")
    # Comments go first: a constant may hold anything, also what looks like a comment.
    return _PLACEHOLDER.sub(lambda found: _literal(constants[found[1]]), _strip(source)).encode()


def _strip(source: str) -> str:
    """`source` without blank lines, comment lines and indentation."""
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def _literal(value: object) -> str:
    """`value` as JavaScript that also stands unharmed in an inline script: JSON in ASCII, without `<`."""
    return json.dumps(value).replace("<", "\\u003c")
