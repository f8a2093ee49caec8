"""The requests that are sent, rendered to bytes: what pages with the tag send, and what an application posts.

Pure, and the same events every time. Nothing of the collector's own code is used here but base 36, so that a
collector that reads events wrongly does not go unnoticed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

import mmh3

from pyglue.collector.events import base36

EVENTS = 8000  # all different; more than any memory of recent values is likely to hold
VISITORS = 2000
EVENT_PATH, JSON_PATH = "/csc-event", "/json-event"
ORDER = "psvecnflrijkwhtux"  # in which the tag sends its parameters
FIRST_MS = 1_760_000_000_000  # when the first event happened
_UNESCAPED = "-_.!~*'()"  # beside letters and digits, what JavaScript's encodeURIComponent leaves as it is
_ID = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789~_"
_TECHNOLOGIES = ("Divolte", "Kafka", "Druid", "Superset", "Airflow", "Spark", "MariaDB", "Python")
_LABELS = ("Read more", "Apache Kafka, the log", "what's new?", "über uns", "100 % open", "C++ & Rust")
_SCREENS = ((1920, 1053, 1), (1440, 875, 2), (1536, 824, 1), (390, 844, 3), (412, 915, 2), (2560, 1415, 1))
_LANGUAGES = ("en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "nl-NL,nl;q=0.9,en-US;q=0.8,en;q=0.7")


@dataclass(frozen=True)
class Event:
    """One event, as text. `values` holds the tag's parameters by name, in the tag's order and without checksum."""

    values: dict[str, str]
    location: str
    happened_ms: int
    technology: str
    position: int
    label: str

    @property
    def parameters(self) -> dict[str, str | int]:
        """What the page gave to `divolte.signal`."""
        return {"technology": self.technology, "position": self.position, "label": self.label}


def events(count: int = EVENTS, seed: int = 1) -> Iterator[Event]:
    """So many events of some visitors, every one with three parameters, a referer and all sizes."""
    chance = random.Random(seed)  # noqa: S311 - no secret; the same events every time
    visitors = [_visitor(chance) for _ in range(min(VISITORS, count))]
    for number in range(count):
        party, session, screen = visitors[number % len(visitors)]
        page_view = f"0:{_identifier(chance)}"
        location = (
            f"https://www.example.net/technology/{chance.randrange(3000)}"
            f"?campaign=spring-{chance.randrange(20)}&from=news letter&page={number % 9}"
        ).replace(" ", "%20")
        width, height, ratio = screen
        technology, label = chance.choice(_TECHNOLOGIES), chance.choice(_LABELS)
        position = chance.randrange(100)
        happened = FIRST_MS + number * 37
        values = {
            "p": party,
            "s": session,
            "v": page_view,
            "e": f"{page_view}{chance.randrange(16):x}",
            "c": base36.render(happened),
            "n": "f",
            "f": "f" if number % 5 else "t",
            "l": location,
            "r": f"https://search.example.org/find?q={technology}+{chance.randrange(100)}",
            "i": base36.render(width),
            "j": base36.render(height),
            "k": base36.render(ratio),
            "w": base36.render(width - chance.randrange(200)),
            "h": base36.render(height - chance.randrange(200)),
            "t": "click" if number % 3 else "pageView",
            "u": f"(stechnology!{technology}!dposition!{base36.render(position)}!slabel!{_mincode(label)}!)",
        }
        yield Event(values, location, happened, technology, position, label)


def tag_requests(made: list[Event]) -> list[bytes]:
    """The events as the tag sends them."""
    return [_get(event, ORDER, number) for number, event in enumerate(made)]


def shuffled_requests(made: list[Event], seed: int = 2) -> list[bytes]:
    """The same events with their parameters in any order, another for each event."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return [
        _get(event, "".join(chance.sample(ORDER, len(ORDER))), number) for number, event in enumerate(made)
    ]


def json_requests(made: list[Event]) -> list[bytes]:
    """The same events as an application posts them to a JSON source."""
    requests = []
    for number, event in enumerate(made):
        at = datetime.fromtimestamp(event.happened_ms / 1000, UTC).isoformat(timespec="milliseconds")
        body = json.dumps(
            {
                "session_id": event.values["s"],
                "event_id": event.values["e"],
                "is_new_party": False,
                "is_new_session": event.values["f"] == "t",
                "client_timestamp_iso": at.replace("+00:00", "Z"),
                "event_type": event.values["t"],
                "parameters": event.parameters,
            },
            ensure_ascii=False,
        ).encode()
        more = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        target = f"{JSON_PATH}?p={quote(event.values['p'], safe=_UNESCAPED)}"
        requests.append(_head("POST", target, [*headers(event, number), *more]) + body)
    return requests


def headers(event: Event, number: int) -> list[tuple[str, str]]:
    """The thirteen headers of a browser: Chrome, Edge or Firefox, each in some sixty versions."""
    visitor = number % VISITORS
    language = _LANGUAGES[visitor % len(_LANGUAGES)]
    cookie = f"theme={'dark' if visitor % 4 else 'light'}; _dvp={event.values['p']}; _dvs={event.values['s']}"
    version = 70 + visitor // 3 % 60
    if visitor % 3 == 2:
        return _firefox(version, event.location, language, cookie)
    brand = "Microsoft Edge" if visitor % 3 else "Google Chrome"
    system = ("Windows NT 10.0; Win64; x64", "Windows") if visitor % 2 else ("X11; Linux x86_64", "Linux")
    agent = f"Mozilla/5.0 ({system[0]}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
    return [
        ("Host", "collector.example.net"),
        ("sec-ch-ua-platform", f'"{system[1]}"'),
        ("User-Agent", agent + (f" Edg/{version}.0.0.0" if visitor % 3 else "")),
        ("sec-ch-ua", f'"Chromium";v="{version}", "{brand}";v="{version}", "Not.A/Brand";v="99"'),
        ("sec-ch-ua-mobile", "?0"),
        ("Accept", "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"),
        ("Sec-Fetch-Site", "same-site"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "image"),
        ("Referer", event.location),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Accept-Language", language),
        ("Cookie", cookie),
    ]


def checksum(values: dict[str, str]) -> str:
    """The tag's checksum: MurmurHash3 (x86, 32 bits, seed 0) over the parameters in the order of their names."""
    text = "".join(f"{name}={values[name]},;" for name in sorted(values))
    return base36.render(mmh3.hash(text.encode()))


def _firefox(version: int, location: str, language: str, cookie: str) -> list[tuple[str, str]]:
    system = "Windows NT 10.0; Win64; x64" if version % 2 else "Macintosh; Intel Mac OS X 10.15"
    return [
        ("Host", "collector.example.net"),
        ("User-Agent", f"Mozilla/5.0 ({system}; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"),
        ("Accept", "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"),
        ("Accept-Language", language),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        ("Pragma", "no-cache"),
        ("Connection", "keep-alive"),
        ("Referer", location),
        ("Cookie", cookie),
        ("Sec-Fetch-Dest", "image"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Site", "same-site"),
        ("Priority", "u=5"),
    ]


def _get(event: Event, order: str, number: int) -> bytes:
    values = {**event.values, "x": checksum(event.values)}
    query = "&".join(f"{name}={quote(values[name], safe=_UNESCAPED)}" for name in order)
    return _head("GET", f"{EVENT_PATH}?{query}", headers(event, number))


def _head(method: str, target: str, lines: list[tuple[str, str]]) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1")


def _visitor(chance: random.Random) -> tuple[str, str, tuple[int, int, int]]:
    came = FIRST_MS - chance.randrange(10**10)
    party = f"0:{base36.render(came)}:{_identifier(chance)}"
    session = f"0:{base36.render(FIRST_MS - chance.randrange(10**6))}:{_identifier(chance)}"
    return party, session, chance.choice(_SCREENS)


def _identifier(chance: random.Random) -> str:
    return "".join(chance.choices(_ID, k=32))


def _mincode(text: str) -> str:
    return text.replace("~", "~~").replace("!", "~!")
