"""The tag that pages load from the collector: `divolte.js` with this collector's constants.

`divolte.js` is written to be read. It is served minified by rjsmin, which takes out comments and blanks and leaves
every name, number and text as it is; a source with `javascript.debug` serves the file as it was written.
"""

from __future__ import annotations

import json
import re
from importlib.resources import files

import rjsmin  # type: ignore[import-untyped]  # it brings no types

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
    debug: bool = False,
) -> bytes:
    """Return the tag of one browser source as UTF-8 JavaScript, made for `application/javascript`.

    `script_name` and `event_suffix` are paths below the source's prefix, without a slash at the start;
    the time-outs of the cookies are in seconds, that of an event in milliseconds. `cookie_domain` is None for
    cookies of the page's host alone. `logging` makes the tag tell the browser's console what it does; `debug`
    leaves it readable.
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
    script: str = source if debug else rjsmin.jsmin(source)
    return _PLACEHOLDER.sub(lambda found: _literal(constants[found[1]]), script).encode()


def _literal(value: object) -> str:
    """`value` as JavaScript that also stands unharmed in an inline script: JSON in ASCII, without `<`."""
    return json.dumps(value).replace("<", "\\u003c")
