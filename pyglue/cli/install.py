"""`pyglue install`: what the services are made of: artefacts in the cache, or images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import click

from pyglue.cli.options import App, common, services_of
from pyglue.engine import Engine
from pyglue.engines import choose
from pyglue.errors import UsageError
from pyglue.flow import Cancel
from pyglue.screen import Screen


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE...]", shell_complete=services_of)
@common
def install(app: App, services: tuple[str, ...]) -> None:
    """Install what SERVICE..., or all services, are made of; after it everything works without a network.

    Natively that are artefacts in a cache outside the checkout (PYGLUE_CACHE, else ~/.cache/pyglue), with Docker images.

    \b
    pyglue install
    pyglue install kafka divolte
    """
    settings = app.settings()
    stack = settings.stack()
    by_name = {name: service.folder for name, service in stack.services.items()}
    known = {**by_name, **{folder: folder for folder in stack.folders()}}
    unknown = [name for name in services if name not in known]
    if unknown:
        raise UsageError(
            f"there is no service {', '.join(unknown)}", details=[f"there are {', '.join(by_name)}"]
        )
    folders = tuple(dict.fromkeys(known[name] for name in services)) or stack.folders()
    choice = choose(settings, stack)
    app.screen.say(str(choice))
    app.screen.say()
    install_folders(app, choice.engine, folders, say_kept=True)


def install_folders(app: App, engine: Engine, folders: Sequence[str], *, say_kept: bool = False) -> None:
    """Install what is missing, side by side."""
    cancel = Cancel()
    progress = _Progress(app.screen)
    installation = engine.installation(progress, cancel)
    missing = installation.missing(folders)
    if say_kept:
        for folder in folders:
            if folder not in missing:
                app.screen.finished(f"{engine.verb} {folder}", "kept", 0.0)

    def install_one(folder: str) -> None:
        began = time.monotonic()
        made = installation.install(folder)
        progress.done(folder)
        app.screen.finished(f"{engine.verb} {folder}", "made" if made else "kept", time.monotonic() - began)

    if missing:
        with ThreadPoolExecutor(len(missing)) as pool:
            try:
                _await([pool.submit(install_one, folder) for folder in missing])
            finally:
                cancel.set()
                app.screen.still()


class _Progress:
    """One moving line for several installations: each has its turn for two seconds."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._began = time.monotonic()
        self._latest: dict[str, tuple[str, tuple[int, int], tuple[int, int]]] = {}

    def __call__(self, label: str, files: tuple[int, int], size: tuple[int, int]) -> None:
        """Take note of how far one is, and show the one whose turn it is."""
        seconds = time.monotonic() - self._began
        self._latest[label.rpartition(" ")[2]] = (label, files, size)
        entries = list(self._latest.values())
        shown = entries[int(seconds / 2) % len(entries)]
        self._screen.progress(*shown, seconds)

    def done(self, folder: str) -> None:
        """That one needs no turn any more."""
        self._latest.pop(folder, None)


def _await(running: Sequence[Future[None]]) -> None:
    """Wait for all, but raise the first failure at once; short waits let Ctrl-C through."""
    waiting = list(running)
    while waiting:
        for future in list(waiting):
            if future.done():
                waiting.remove(future)
                future.result()
        time.sleep(0.05)
