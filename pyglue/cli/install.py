"""`pyglue install`: put the services' artefacts into the cache."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import click

from pyglue.cli.options import App, common
from pyglue.errors import UsageError
from pyglue.flow import Cancel
from pyglue.install.cache import is_maven
from pyglue.install.installer import Installer
from pyglue.stack.model import Stack


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE...]")
@common
def install(app: App, services: tuple[str, ...]) -> None:
    """Install the artefacts of SERVICE..., or of all services.

    They go into a cache outside the checkout (PYGLUE_CACHE, else ~/.cache/pyglue), addressed by what pins them.
    After it everything works without a network.
    """
    stack = app.settings().stack()
    by_name = {name: service.folder for name, service in stack.services.items()}
    known = {**by_name, **{folder: folder for folder in stack.folders()}}
    unknown = [name for name in services if name not in known]
    if unknown:
        raise UsageError(
            f"there is no service {', '.join(unknown)}", details=[f"there are {', '.join(by_name)}"]
        )
    folders = tuple(dict.fromkeys(known[name] for name in services)) or stack.folders()
    install_folders(app, stack, folders, say_kept=True)


def install_folders(
    app: App, stack: Stack, folders: Sequence[str], *, say_kept: bool = False
) -> dict[str, Path]:
    """Install what is missing and return each folder's SERVICE_HOME.

    Maven's folders one after the other (its repository is not made for two at once), Python's beside them.
    """
    cancel = Cancel()
    began = time.monotonic()

    def progress(label: str, files: tuple[int, int], size: tuple[int, int]) -> None:
        app.screen.progress(label, files, size, time.monotonic() - began)

    installer = app.installer(cancel, progress)
    paths = {folder: stack.directory / folder for folder in folders}
    homes = {folder: installer.home(path) for folder, path in paths.items()}
    missing = [folder for folder in folders if not installer.cache.is_complete(homes[folder])]
    if say_kept:
        for folder in folders:
            if folder not in missing:
                app.screen.finished(f"Install {folder}", "kept", 0.0)
    lanes = (
        [folder for folder in missing if is_maven(paths[folder])],
        [folder for folder in missing if not is_maven(paths[folder])],
    )
    with ThreadPoolExecutor(len(lanes)) as pool:
        try:
            running = [
                pool.submit(_lane, app, installer, [(paths[folder], homes[folder]) for folder in lane])
                for lane in lanes
            ]
            _await(running)
        finally:
            cancel.set()
            app.screen.still()
    return homes


def _lane(app: App, installer: Installer, folders: Sequence[tuple[Path, Path]]) -> None:
    for folder, home in folders:
        began = time.monotonic()
        made = installer.install(folder, home)
        app.screen.finished(f"Install {folder.name}", "made" if made else "kept", time.monotonic() - began)


def _await(running: Sequence[Future[None]]) -> None:
    """Wait for all, but raise the first failure at once; short waits let Ctrl-C through."""
    waiting = list(running)
    while waiting:
        for future in list(waiting):
            if future.done():
                waiting.remove(future)
                future.result()
        time.sleep(0.05)
