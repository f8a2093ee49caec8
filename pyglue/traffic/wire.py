"""What a browser would send for an action: the tag's query, and the headers around it."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

import mmh3

from pyglue.collector.events import base36
from pyglue.traffic import site
from pyglue.traffic.visits import Action, Parameters

_UNESCAPED = "-_.!~*'()"  # beside letters and digits, what JavaScript's encodeURIComponent leaves as it is


def query(action: Action) -> str:
    """The query of the tag for an action: parameters in the tag's order, times by the visitor's clock.

    The checksum is MurmurHash3 (x86, 32 bits, seed 0) over the parameters in the order of their names.
    """
    visitor = action.visitor
    party, session, view, event = visitor.party, action.session, action.page_view, action.event_id
    time = base36.render(action.at_ms + visitor.skew_ms)
    first = "t" if action.first_in_session else "f"
    i, j, k = (_short(size) for size in visitor.screen)
    w, h = _short(action.width), _short(action.height)
    place, referrer, kind = action.location, action.referrer, action.type
    custom = mincode(action.parameters) if action.parameters else ""
    checked = (
        f"c={time},;e={event},;f={first},;h={h},;i={i},;j={j},;k={k},;l={place},;n=f,;p={party},;"
        f"{f'r={referrer},;' if referrer else ''}s={session},;t={kind},;{f'u={custom},;' if custom else ''}"
        f"v={view},;w={w},;"
    )
    x = base36.render(mmh3.hash(checked))
    return (
        f"p={_id(party)}&s={_id(session)}&v={_id(view)}&e={_id(event)}&c={time}&n=f&f={first}&l={_quoted(place)}"
        f"{f'&r={_quoted(referrer)}' if referrer else ''}&i={i}&j={j}&k={k}&w={w}&h={h}&t={kind}"
        f"{f'&u={_quoted(custom)}' if custom else ''}&x={x}"
    )


def headers(action: Action, host: str) -> dict[str, str]:
    """The headers of a request to the collector at `host`, as a page of the site makes it."""
    found = {
        "Host": host,
        "User-Agent": action.visitor.user_agent,
        "Accept": "image/avif,image/webp,image/*,*/*;q=0.8",
        "Accept-Language": action.visitor.language,
        "Accept-Encoding": "gzip, deflate, br",
        "Referer": f"{site.ORIGIN}/",
        "Sec-Fetch-Dest": "image",
        "Sec-Fetch-Mode": "no-cors",
        "Sec-Fetch-Site": "cross-site",
    }
    return {name: value for name, value in found.items() if value}


@lru_cache(4096)
def mincode(parameters: Parameters) -> str:
    """Custom parameters in the tag's compact form."""
    parts = []
    for name, value in parameters:
        kind, text = ("d", base36.render(value)) if isinstance(value, int) else ("s", _escaped(value))
        parts.append(f"{kind}{_escaped(name)}!{text}!")
    return f"({''.join(parts)})"


def _escaped(text: str) -> str:
    return text.replace("~", "~~").replace("!", "~!")


def _id(text: str) -> str:
    """An identifier, escaped: of all its characters only colons need it."""
    return text.replace(":", "%3A")


@lru_cache(4096)
def _quoted(text: str) -> str:
    return quote(text, safe=_UNESCAPED)


@lru_cache(8192)
def _short(size: int) -> str:
    return base36.render(size)
