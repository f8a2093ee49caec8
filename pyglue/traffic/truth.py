"""What was sent and how it was answered: a table of text, one request a line, so that anybody can count it again.

The first line is `#` and a JSON object that tells how the traffic was made, the second the columns' names, every further
one a request; fields stand between tabs. A file whose traffic came to its end closes with `#` and a JSON object again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

from pyglue.errors import InputError, Problem, PyglueError, unwritable
from pyglue.traffic.faults import Delivery

VERSION = 1
_MOST_DIGITS = 18
_IDENTIFIER = re.compile(r"0:[0-9a-z]{8}:.{32}")


@dataclass(frozen=True)
class Made:
    """How the traffic was made. `run` is what the visitors' identifiers begin with; times are ms since 1970.

    `history`: it was written to Kafka with times of its own, else sent to the collector as it happened.
    """

    run: str
    seed: int
    rate: float
    visitors: int
    began_ms: int
    history: bool
    version: int = VERSION


@dataclass(slots=True)
class Sent:
    """One request, in the order of the file's columns; times in ms since 1970, by a right clock but for `client_ms`.

    Between `sent_ms` and `answered_ms` the collector took it; `status` is its answer: 200 recorded (or dropped, if it
    was unreadable), 503 refused, 0 none, so that nobody knows. `happened_ms`: when the visitor did it.
    """

    event: str
    party: str
    session: str
    type: str
    client_ms: int
    happened_ms: int
    sent_ms: int
    answered_ms: int
    status: int
    fault: str
    location: str
    referrer: str
    technology: str
    variant: str
    browser: str
    device: str
    width: int
    first: int
    robot: str

    @property
    def recorded(self) -> bool:
        """Whether a record of it must be in Kafka."""
        return self.status == 200 and self.fault != "unreadable"

    @property
    def known(self) -> bool:
        """Whether it is certain that there is a record of it, or that there is none."""
        return self.status == 200


COLUMNS = tuple(field.name for field in fields(Sent))
_NUMBERS = tuple(place for place, field in enumerate(fields(Sent)) if field.type == "int")


def line(delivery: Delivery, sent_ms: int, answered_ms: int, status: int) -> str:
    """A request's line."""
    action = delivery.action
    visitor = action.visitor
    browser = visitor.browser
    parameters = dict(action.parameters)
    return (
        f"{action.event_id}\t{visitor.party}\t{action.session}\t{action.type}\t{action.at_ms + visitor.skew_ms}\t"
        f"{action.at_ms}\t{sent_ms}\t{answered_ms}\t{status}\t{delivery.fault}\t{action.location}\t{action.referrer}\t"
        f"{parameters.get('technology', '')}\t{parameters.get('variant', '')}\t{browser.family}\t{browser.device}\t"
        f"{action.width}\t{int(action.first_in_session)}\t{browser.robot}\n"
    )


def unwritten(file: Path, error: OSError) -> PyglueError:
    """What to tell when a file can't be written."""
    return unwritable(f"can't write the truth into {file}", error)


def damaged(file: Path, line: int | None, reason: str) -> InputError:
    """What to tell of a file that can't be compared with."""
    return InputError([Problem(str(file), line, None, reason)], code="truth-damaged")


def begin(out: TextIO, made: Made) -> None:
    """Write the first lines of a file."""
    out.write(_remark(asdict(made)) + "\t".join(COLUMNS) + "\n")


def end(out: TextIO, ended_ms: int) -> None:
    """Write the last line of a file: nothing more was sent."""
    out.write(_remark({"ended_ms": ended_ms}))


@dataclass
class Truth:
    """A file whose first lines were read. After `requests` was gone through, `whole` tells whether the file has its end."""

    file: Path
    made: Made
    whole: bool = False

    def requests(self) -> Iterator[Sent]:
        """The requests one by one. Raises InputError, with the line, for what is none; a last one cut off is left out."""
        with self.file.open(encoding="utf-8", errors="surrogateescape") as lines:
            for number, text in enumerate(lines, 1):
                if number <= 2:
                    continue
                if text.startswith("#"):
                    self.whole = True
                elif text.endswith("\n"):
                    yield _sent(self.file, number, text)


def read(file: Path) -> Truth:
    """A file that was written here. Raises InputError for what is not such a file."""
    try:
        with file.open(encoding="utf-8") as lines:
            first, names = lines.readline(), lines.readline()
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(file, None, f"can't be read: {error}") from error
    try:
        found: dict[str, Any] = json.loads(first.removeprefix("#"))
        version = found.get("version")
        made = Made(**found) if version == VERSION else None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        reason = "is no file of `pyglue traffic`: its first line does not tell how it was made"
        raise damaged(file, 1, reason) from error
    if made is None:
        reason = f"is of version {version}, and this pyglue reads version {VERSION}"
        raise damaged(file, 1, reason)
    if names.split() != list(COLUMNS):
        raise damaged(file, 2, "does not name the columns of a truth file")
    return Truth(file, made)


def _sent(file: Path, number: int, text: str) -> Sent:
    try:
        values: list[Any] = text[:-1].split("\t")
        for place in _NUMBERS:
            values[place] = _whole(values[place])
        sent = Sent(*values)
        for location in (sent.location, sent.referrer):
            urlsplit(location)
        text.encode()  # what is no UTF-8 was read as something that can't be written
    except (ValueError, IndexError, TypeError) as error:  # no number, too few, too many
        raise damaged(file, number, f"is no request: {error}") from error
    if not (_IDENTIFIER.fullmatch(sent.party) and _IDENTIFIER.fullmatch(sent.session)):
        reason = "is no request: party and session are no identifiers of the tag"
        raise damaged(file, number, reason)
    return sent


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"{text} is too long for a number")
    return int(text)


def _remark(values: dict[str, Any]) -> str:
    return f"#{json.dumps(values, separators=(',', ':'))}\n"
