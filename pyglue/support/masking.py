"""Takes out of texts what nobody else may see: secrets, and who visited. Pure.

Law of this file: it errs towards masking. Of `.env` only what is known to be harmless goes out. A value that is secret
there, or in the environment, is replaced wherever it stands, in every text, last of all, so that no other rule can bring
it back. Besides, what looks like a secret is masked: a value behind a name such as `password` or `token`, headers of
authorization and cookies, keys, names and passwords in URLs. Of logs, also addresses of clients and identifiers of visitors.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from pyglue.errors import InputError
from pyglue.stack import dotenv

MASK = "***"
SHORTEST = (
    4  # letters of a secret that is looked for in texts; a shorter one would tear them, and protects nothing
)
LONG = 6  # letters of a word that may be a secret, in a line of .env that is broken
HARMLESS = re.compile(
    r"[A-Z_]+_(?:PORT|HEAP|DIRECT|MEMORY|THREADS)|KAFKA_RETENTION_HOURS|DIVOLTE_(?:TOPIC|WORKERS)|DRUID_(?:BUFFER|TASKS|SEGMENT_CACHE|LOG_LEVEL)"
    r"|DIVOLTE_URL|SUPERSET_URL|IMAGE_BASE|PYGLUE_(?:PROJECT|ENGINE|KAFKA)|COMPOSE_PROFILES"
)
_TELLING = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|CREDENTIAL|AUTH|PRIVATE|COOKIE", re.IGNORECASE)
_WORDS = frozenset({"true", "false", "null", "none", "auto", "info", "debug", "warn", "error"})
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")

_QUOTED = r"""\\"[^"\\\n]*\\"|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'"""
_BEHIND = r"""(\\?["']?\s*(?::-|:(?!-)|=)\s*)"""  # in shell `${NAME:-value}`, too
_NAMED = re.compile(
    r"((?:passw(?:or)?d|passphrase|passcode|pwd|secret|token|credentials?|assertion|user\.info"
    r"|(?:api|private|access|keystore|truststore)[_.-]?key)[\w.-]{0,40})"
    + _BEHIND
    + rf"(?!\$\{{\w+(?::?-)?\}}|\}}|null\b|true\b|false\b)({_QUOTED}|\[[^\]\n]*\]|[^\s,;&]+)",
    re.IGNORECASE,
)
_HEADERS = re.compile(
    r"((?:proxy-)?authorization|(?:set-)?cookie|x-csrf-?token)" + _BEHIND + rf"({_QUOTED}|[^\r\n]+)",
    re.IGNORECASE,
)
_SCHEMES = re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
_JSON_WEB_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_PRIVATE_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_URL_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://)[^/\s@\"']{1,200}@", re.IGNORECASE)

# Party, session and event: the version 0, a time in base 36, letters (pyglue/collector/events/identifiers.py); in URLs, too.
_IDENTIFIER = re.compile(r"(?<![0-9A-Za-z:])0(?::|%3A)[0-9a-z]{6,13}(?::|%3A)[\w~.-]{6,}", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:.]*::|(?:[0-9A-Fa-f]+:){7})[0-9A-Fa-f:.]{3,45}(?![\w:])")


@dataclass(frozen=True)
class Mask:
    """Masks texts; `secrets` are values that must not stand in any."""

    secrets: tuple[str, ...]

    def text(self, text: str) -> str:
        """A text without secrets."""
        for pattern in (_NAMED, _HEADERS):
            text = pattern.sub(_value, text)
        text = _SCHEMES.sub(rf"\1 {MASK}", text)
        text = _URL_USER.sub(rf"\1{MASK}@", text)
        for pattern in (_JSON_WEB_TOKEN, _PRIVATE_KEY):
            text = pattern.sub(MASK, text)
        return self._known(text)

    def log(self, text: str) -> str:
        """A text without secrets, addresses of clients and identifiers of visitors."""
        text = _IDENTIFIER.sub(f"0:{MASK}", text)
        text = _IPV6.sub(_address, _IPV4.sub(_address, text))
        return self.text(text)

    def _known(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return text


def mask(env_file: str, environment: Mapping[str, str], compose_file: str, known: Iterable[str] = ()) -> Mask:
    """The mask for a checkout.

    Secret are: every value of `.env`, read line by line even if it is broken, whose name is not known to be harmless; of the
    environment those under the same names, under names in docker-compose.yml that are not harmless, and under names that
    sound like a secret; and what is `known` otherwise.
    """
    own = list(_assignments(env_file, environment))
    named = {*dict(own), *_VARIABLE.findall(compose_file)}
    values = {*known, *(value for name, value in own if not HARMLESS.fullmatch(name))}
    for name, value in environment.items():
        if not HARMLESS.fullmatch(name) and (name in named or _TELLING.search(name)):
            values.add(value)
    found = {form for value in values for form in _forms(value)}
    return Mask(tuple(sorted(found, key=lambda value: (-len(value), value))))


def env(text: str) -> str:
    """A `.env` to show: its names, and the values of those that are harmless. Comments are left out."""
    lines = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        match = dotenv.LINE.match(line)
        if match:
            value = re.split(r"\s#", match[2], maxsplit=1)[0].strip()
            lines.append(f"{match[1]}={value if not value or HARMLESS.fullmatch(match[1]) else MASK}")
        elif line and not line.startswith("#"):
            lines.append(f"({number}: no NAME=value)")
    return "\n".join(lines) + "\n"


def _assignments(text: str, environment: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Names and values as they stand there and as programs get them; of a broken line every longer word, too.

    An assignment that is a comment now counts as well: logs may be older.
    """
    known = dict(environment)
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n")):
        comment, line = raw.strip().startswith("#"), raw.strip().lstrip("# ")
        match = dotenv.LINE.match(line)
        if not line or (comment and not match):
            continue
        name, value = (match[1], match[2].strip()) if match else (str(number), line)
        yield name, value
        yield name, value.strip("'\"")
        try:
            parsed = dotenv.parse(line, outside=known)
        except InputError:
            yield from ((name, word) for word in re.split(r"[\s'\"]+", value) if len(word) >= LONG)
        else:
            yield from parsed.items()
            known = parsed | known if not comment else known


def _forms(value: str) -> Iterable[str]:
    """How a secret may stand in a text: as it is, in JSON, in a URL. Nothing for what is none."""
    if len(value) < SHORTEST or value.lower() in _WORDS:
        return ()
    return {value, json.dumps(value)[1:-1], quote(value, safe=""), quote(value)}


def _value(found: re.Match[str]) -> str:
    """The same with another value between the same quotes."""
    name, between, value = found.groups()
    quotes = re.match(r"""\\?["']""", value)
    return f"{name}{between}{quotes[0]}{MASK}{quotes[0]}" if quotes else f"{name}{between}{MASK}"


def _address(found: re.Match[str]) -> str:
    """An address masked, unless it is this machine itself or none."""
    try:
        address = ipaddress.ip_address(found[0])
    except ValueError:
        return found[0]
    return found[0] if address.is_loopback or address.is_unspecified else MASK
