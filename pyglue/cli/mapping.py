"""`pyglue mapping test`: what a mapping makes of an event, without anything running."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from pyglue.checks import collector_program
from pyglue.cli.groups import Group
from pyglue.cli.options import App, common
from pyglue.collector.avro.records import reader
from pyglue.collector.avro.schema import reason
from pyglue.collector.config.configured import Privacy
from pyglue.collector.events import example
from pyglue.collector.events.dropped import DroppedEvent
from pyglue.collector.events.event import Event
from pyglue.collector.events.privacy import kept_address, refusal
from pyglue.collector.loading import LoadedMapping, load
from pyglue.errors import InputError, Problem, PyglueError, UsageError


@click.group(cls=Group)
def mapping() -> None:
    """Work on mapping.groovy."""


@mapping.command(name="test")
@click.argument("event", required=False, type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option(
    "--config",
    "conf",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The collector's configuration (default: the one in docker-compose.yml).",
)
@click.option("--mapping", "name", metavar="NAME", help="Which mapping of it, if it has several.")
@click.option(
    "--script",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Try this mapping script in place of the configured one.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="A header of the request (repeatable).",
)
@common
def test(
    app: App,
    event: Path | None,
    conf: Path | None,
    name: str | None,
    script: Path | None,
    headers: tuple[str, ...],
) -> None:
    """Feed one event through a mapping and print the record as JSON; bytes are printed as Latin-1.

    EVENT is a file with the event's fields as JSON (`-`: standard input), e.g. {"event_type": "order",
    "location": "https://shop.example/", "parameters": {"price": 9.95}}; without it an example is used, with a browser's
    headers. Exits with 1 if the event would be dropped.

    \b
    pyglue mapping test
    pyglue mapping test event.json --header 'Cookie: group=b'
    pyglue mapping test - < event.json
    """
    settings = app.settings()
    configured, environment = collector_program(settings.stack())
    setup = load(conf or configured, environment, script)
    chosen = _chosen(setup.mappings, name)
    fields = _fields(event)
    given = [_header(header) for header in headers]
    if event is None:
        named = {name for name, _ in given}
        given += [header for header in example.HEADERS if header[0] not in named]
    made = example.event(fields, given)
    made.remote_host = kept_address(setup.config.privacy, made.remote_host)
    for warning in chosen.compiled.warnings:
        app.screen.say(f"warning: {warning}")
    try:
        record = _encoded(chosen, made, setup.config.privacy)
    except DroppedEvent as dropped:
        raise PyglueError(
            f"the event would be dropped: {dropped.reason}",
            details=[f"by mapping {chosen.files.name}"],
            try_="pyglue mapping test --help",
            code="event-dropped",
        ) from dropped
    app.screen.data(json.dumps(reader(chosen.schema)(record), indent=2, ensure_ascii=False, default=_plain))


def _encoded(mapping: LoadedMapping, event: Event, privacy: Privacy) -> bytes:
    """The event's record; raises DroppedEvent."""
    refused = refusal(privacy)
    reason = None if refused is None else refused(event.headers)
    if reason is not None:
        raise DroppedEvent(reason)
    return mapping.compiled.encode(event)


def _chosen(mappings: tuple[LoadedMapping, ...], name: str | None) -> LoadedMapping:
    known = {mapping.files.name: mapping for mapping in mappings}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        reason = "--mapping is needed" if name is None else f"there is no mapping {name!r}"
        raise UsageError(f"{reason}; there are {', '.join(known)}")
    return known[name]


def _fields(event: Path | None) -> dict[str, Any]:
    if event is None:
        return example.EXAMPLE
    try:
        text = sys.stdin.read() if str(event) == "-" else event.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError([Problem(str(event), None, None, f"can't be read: {reason(error)}")]) from error
    return example.read(text, str(event))


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"expected --header 'NAME: VALUE', not {text!r}")
    return name.strip().lower().encode(), value.strip().encode()


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise TypeError(f"{type(value).__name__} in a record")
