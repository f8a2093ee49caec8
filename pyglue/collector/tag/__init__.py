"""The tag that pages load from the collector: `divolte.js` with this collector's constants.

What stands between the lines `// if NAME` and `// end` of it is served only where NAME is switched on: a tag without
privacy settings has nothing of them.

`divolte.js` is written to be read. It is served minified by rjsmin, which takes out comments and blanks and leaves
every name, number and text as it is; a source with `javascript.debug` serves the file as it was written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files

import rjsmin  # type: ignore[import-untyped]  # it brings no types

from pyglue.collector.config.configured import AS_DIVOLTE, Privacy

_PLACEHOLDER = re.compile(r"'@@(\w+)@@'")
_BEGIN = re.compile(r" *// if (\w+)\s*\Z")
_END = re.compile(r" *// end\s*\Z")


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
    privacy: Privacy = AS_DIVOLTE,
) -> bytes:
    """Return the tag of one browser source as UTF-8 JavaScript, made for `application/javascript`.

    `script_name` and `event_suffix` are paths below the source's prefix, without a slash at the start;
    the time-outs of the cookies are in seconds, that of an event in milliseconds. `cookie_domain` is None for
    cookies of the page's host alone. `logging` makes the tag tell the browser's console what it does; `debug`
    leaves it readable. `privacy` decides what is kept in browsers, and for whom.
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
        "consent_cookie": privacy.consent_cookie,
        "consent_timeout_s": privacy.consent_timeout_ms // 1000,
        "cookie_attributes": _attributes(privacy),
        "party_lifetime_s": (privacy.party_lifetime_ms or 0) // 1000,
    }
    source = _chosen(files(__name__).joinpath("divolte.js").read_text(encoding="utf-8"), _switches(privacy))
    # Comments go first: a constant may hold anything, also what looks like a comment.
    script: str = source if debug else rjsmin.jsmin(source)
    return _PLACEHOLDER.sub(lambda found: _literal(constants[found[1]]), script).encode()


def _switches(privacy: Privacy) -> Mapping[str, bool]:
    """The names that `divolte.js` asks for."""
    opt_out = privacy.honour_do_not_track or privacy.honour_global_privacy_control
    gate = opt_out or privacy.consent
    return {
        "do_not_track": privacy.honour_do_not_track,
        "global_privacy_control": privacy.honour_global_privacy_control,
        "opt_out": opt_out,
        "consent": privacy.consent,
        "consent_cookie": privacy.consent and privacy.cookies,
        "gate": gate,
        "cookies": privacy.cookies,
        "cookieless": not privacy.cookies,
        "forgetting": gate or not privacy.cookies,
        "cookie_attributes": bool(_attributes(privacy)),
        "party_lifetime": privacy.cookies and privacy.party_lifetime_ms is not None,
    }


def _attributes(privacy: Privacy) -> str:
    """What follows in a cookie's text."""
    same_site = f"; SameSite={privacy.same_site}" if privacy.same_site else ""
    return same_site + ("; Secure" if privacy.secure else "")


def _chosen(source: str, switches: Mapping[str, bool]) -> str:
    """`source` without the lines that are switched off; their marks stay, for who reads it."""
    kept = []
    within: list[bool] = []
    for line in source.splitlines(keepends=True):
        if begin := _BEGIN.match(line):
            within.append(switches[begin[1]])
        if all(within):
            kept.append(line)
        if _END.match(line):
            within.pop()
    return "".join(kept)


def _literal(value: object) -> str:
    """`value` as JavaScript that also stands unharmed in an inline script: JSON in ASCII, without `<`."""
    return json.dumps(value).replace("<", "\\u003c")
