"""`pyglue dashboards`: the dashboards of superset/dashboards/ and those that Superset has."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from pyglue.checks import DASHBOARDS, read_dashboards
from pyglue.checks import check as check_files
from pyglue.cli.groups import Group
from pyglue.cli.options import App, common
from pyglue.errors import PyglueError, UsageError, unwritable
from pyglue.pipeline import spec as specs
from pyglue.pipeline.columns import names as columns_of
from pyglue.settings import Settings
from pyglue.superset import dashboards as boards
from pyglue.superset import exported
from pyglue.superset.client import Superset
from pyglue.superset.dashboards import Dashboard
from pyglue.superset.register import refresh_dataset

SLUGS = click.argument("slugs", nargs=-1, metavar="[SLUG...]")


@click.group(cls=Group)
def dashboards() -> None:
    """Dashboards as files, and in Superset."""


@dashboards.command(name="import")
@SLUGS
@click.option(
    "--overwrite", is_flag=True, help="Import unchanged files, too: what was changed in Superset is lost."
)
@common
def import_(app: App, slugs: tuple[str, ...], overwrite: bool) -> None:
    """Import the dashboards of superset/dashboards/, or those with SLUG..., into Superset.

    As `pyglue up` does: a dashboard whose files have not changed since the last import is kept as it is in Superset.

    \b
    pyglue dashboards import
    pyglue dashboards import clickstream --overwrite
    """
    checked = check_files(app.settings())
    known = {board.slug: board for board in checked.dashboards}
    unknown = [slug for slug in slugs if slug not in known]
    if unknown:
        raise UsageError(
            f"{DASHBOARDS} has no dashboard {', '.join(unknown)}", details=[f"there are {', '.join(known)}"]
        )
    with _superset(app) as superset:
        dataset = refresh_dataset(
            superset, table=specs.datasource(checked.spec), keep=columns_of(checked.spec) or set()
        )
        for slug in dict.fromkeys(slugs or known):
            began = time.monotonic()
            outcome = boards.import_dashboard(superset, known[slug], dataset, overwrite=overwrite)
            app.screen.finished(
                f"Import dashboard {known[slug].title}", str(outcome), time.monotonic() - began
            )


@dashboards.command()
@SLUGS
@common
def export(app: App, slugs: tuple[str, ...]) -> None:
    """Write what Superset has now into superset/dashboards/: the dashboards that have a folder there, or SLUG...

    A SLUG without a folder gets one. Files that say the same already are not touched. Nothing is written unless
    all dashboards could be read.

    \b
    pyglue dashboards export
    pyglue dashboards export sales      # one that was made in Superset
    """
    planned = _plan(app, slugs)
    for plan in planned:
        _write(plan)
        verdict = "made" if not plan.texts else "updated" if plan.changes else "kept"
        app.screen.finished(f"Export dashboard {plan.title}", verdict, plan.seconds)
        for path, text in plan.changes.items():
            what = "removed" if text is None else "changed" if path in plan.texts else "added"
            app.screen.say(f"  {what}: {plan.shown / path}")


@dashboards.command()
@SLUGS
@common
def diff(app: App, slugs: tuple[str, ...]) -> int:
    """Show what `pyglue dashboards export` would change in the files, as a unified diff. Exits with 1 if it would.

    SLUG... are the dashboards to compare; without any, those that have a folder in superset/dashboards/.

    \b
    pyglue dashboards diff
    """
    planned = _plan(app, slugs)
    for plan in planned:
        for path, text in plan.changes.items():
            for line in exported.differences(str(plan.shown / path), plan.texts.get(path), text):
                app.screen.data(line)
    if any(plan.changes for plan in planned):
        return 1
    app.screen.say(f"The files and Superset are the same: {', '.join(plan.title for plan in planned)}.")
    return 0


@dataclass(frozen=True)
class _Plan:
    """What an export of one dashboard changes. `shown` is its folder as a user types it."""

    title: str
    folder: Path
    shown: Path
    texts: dict[str, str]
    changes: dict[str, str | None]
    seconds: float


def _plan(app: App, slugs: Sequence[str]) -> list[_Plan]:
    """What would be written for these dashboards, or for all that have a folder; everything is read here."""
    settings = app.settings()
    table = specs.datasource(specs.read(settings.project / specs.FILE))
    present = read_dashboards(settings.project)
    by_slug = {board.slug: board for board in present}
    with _superset(app) as superset:
        wanted = [
            (slug, by_slug.get(slug) or _named_in_superset(superset, slug, present))
            for slug in dict.fromkeys(slugs or by_slug)
        ]
        return [_one(settings, superset, slug, board, table) for slug, board in wanted]


def _named_in_superset(superset: Superset, slug: str, present: Sequence[Dashboard]) -> Dashboard | None:
    """The dashboard of the files that has this slug in Superset only; None if no folder holds it."""
    found = boards.find(superset, slug) if re.fullmatch(r"[\w-]+", slug) else None
    if found is None or found.get("slug") != slug:  # Superset takes numbers and UUIDs, too
        raise UsageError(
            f"there is no dashboard with the slug {slug}, neither in {DASHBOARDS} nor in Superset",
            details=[
                f"files     {', '.join(board.slug for board in present) or 'none'}",
                f"Superset  {', '.join(boards.slugs(superset)) or 'none'}",
            ],
            try_="give the dashboard a slug in Superset: Edit properties, URL slug",
        )
    return next((board for board in present if str(board.fields["uuid"]) == found.get("uuid")), None)


def _one(settings: Settings, superset: Superset, slug: str, board: Dashboard | None, table: str) -> _Plan:
    began = time.monotonic()
    folder = board.folder if board else settings.project / DASHBOARDS / slug
    shown = folder.relative_to(settings.project)
    if board is None and folder.exists():
        raise UsageError(
            f"{shown} holds another dashboard than the one with the slug {slug}",
            details=["a new dashboard gets a folder of its slug's name"],
            try_=f"rename {shown}, then type the same again",
        )
    found = boards.find(superset, str(board.fields["uuid"]) if board else slug)
    if found is None:
        raise PyglueError(
            f"Superset has no dashboard {slug}",
            details=[
                f"asked      {superset.http.base}, for the UUID in {shown / exported.BOARD}",
                f"came back  not found; there are {', '.join(boards.slugs(superset)) or 'none'}",
            ],
            try_=f"pyglue dashboards import {slug}",
            code="dashboard-missing",
        )
    if not found.get("slug"):
        raise PyglueError(
            f"the dashboard {found['dashboard_title']} has no slug in Superset any more",
            details=["its files need one, for it is the end of its address"],
            try_="give it one in Superset: Edit properties, URL slug",
            code="dashboard-without-slug",
        )
    export = exported.read(boards.export(superset, int(found["id"])), table)
    texts = _texts(folder) if board else {}
    changes = exported.changes(export, board, texts)
    return _Plan(str(found["dashboard_title"]), folder, shown, texts, changes, time.monotonic() - began)


def _texts(folder: Path) -> dict[str, str]:
    files = [folder / exported.BOARD, *sorted((folder / "charts").glob("*.yaml"))]
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in files}


def _write(plan: _Plan) -> None:
    """All new texts lie beside the old ones before the first takes an old one's place."""
    written = {plan.folder / path: text for path, text in plan.changes.items() if text is not None}
    fresh = {file: file.with_name(file.name + ".new") for file in written}
    try:
        for file, text in written.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            fresh[file].write_text(text, encoding="utf-8")
        for file in written:
            fresh[file].replace(file)
        for path in plan.changes.keys() - {str(file.relative_to(plan.folder)) for file in written}:
            (plan.folder / path).unlink()
    except OSError as error:
        if not plan.texts:  # the folder came with this export
            shutil.rmtree(plan.folder, ignore_errors=True)
        raise unwritable(
            f"{plan.shown} can't be written",
            error,
            details=[
                f"file       {error.filename}",
                "files are whole, old or new; once that is mended, type:",
            ],
            try_="pyglue dashboards export",
        ) from error
    finally:
        for file in fresh.values():
            with suppress(OSError):
                file.unlink(missing_ok=True)


@contextmanager
def _superset(app: App) -> Iterator[Superset]:
    settings, stack, engine = app.running()
    app.needs_running(settings, engine)
    clients = app.clients(settings, stack, engine, time.sleep)
    try:
        yield clients.superset
    finally:
        clients.close()
