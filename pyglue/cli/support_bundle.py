"""`pyglue support-bundle`: what a report of trouble needs, in one archive without secrets."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from pyglue.cli.options import App, common
from pyglue.cli.status import status
from pyglue.counted import counted
from pyglue.engine import Engine
from pyglue.engines import choose
from pyglue.errors import PyglueError, UsageError
from pyglue.screen import Screen
from pyglue.settings import locate
from pyglue.stack.reading import FILE
from pyglue.support import masking, pieces
from pyglue.support.bundle import Bundle


@click.command(name="support-bundle")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@common
def support_bundle(app: App, file: Path | None) -> None:
    """Pack what a report of trouble needs, without secrets, into FILE (default: pyglue-support-TIME.tar.gz).

    In it are versions, configuration, the ends of all logs, the machine and the status.

    It works where nothing runs and where files are broken; what could not be read is listed with the reason. Secrets,
    cookies, addresses of clients and identifiers of visitors are masked. Look through it before you send it.

    \b
    pyglue support-bundle
    pyglue support-bundle /tmp/for-you.tar.gz
    """
    project = locate(app.project_dir, os.environ)
    if file is not None and not file.name:
        raise UsageError(f"{str(file)!r} is no name of a file")
    file = file or Path(time.strftime("pyglue-support-%Y%m%d-%H%M%S.tar.gz"))
    bundle = Bundle(_mask(app, project))
    pieces.collect(bundle, project, os.environ, lambda: _engine(app), lambda: _status(app))
    size = bundle.write(file)
    for name, text in bundle.texts.items():
        app.screen.say(f"  {name:<44}{len(text.encode()):>10,} bytes")
    for name, reason in bundle.missing.items():
        app.screen.say(f"  {name:<44}left out: {reason}")
    app.screen.say(
        f"Packed into {counted(size, 'byte')}. Look through it before you send it: tar -xzf {file}"
    )
    app.screen.data(str(file))


def _mask(app: App, project: Path) -> masking.Mask:
    """Made of the files as they stand, so that it works with broken ones."""
    texts = {}
    for name in (".env", FILE):
        texts[name] = ""
        with suppress(OSError):
            texts[name] = pieces.read(project / name)
    known: tuple[str, ...] = ()
    with suppress(PyglueError):
        known = tuple(_engine(app).generated().values())
    return masking.mask(texts[".env"], os.environ, texts[FILE], known)


def _engine(app: App) -> Engine:
    settings = app.settings()
    return choose(settings, settings.stack()).engine


def _status(app: App) -> str:
    """What `pyglue status --json` prints; raises PyglueError where it does."""
    out = io.StringIO()
    quiet = replace(app, screen=Screen(out, io.StringIO()))
    with status.make_context(
        "status", ["--json"], parent=click.get_current_context().parent, obj=quiet
    ) as context:
        status.invoke(context)
    return out.getvalue()
