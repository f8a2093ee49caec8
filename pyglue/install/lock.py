"""`make lock`: write down anew what is installed: requirements*.txt by uv, artifacts.lock by Maven.

Run as `python -m pyglue.install.lock` in the checkout. What a lock names is what the sources (pyproject.toml,
requirements.in, pom.xml) resolve to now; look at the difference before you commit it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from pyglue.flow import Cancel
from pyglue.install import artifacts, tools
from pyglue.install.cache import Cache
from pyglue.install.installer import Installer, own_jars

# For every platform, from Python 3.11 on; the header must not name where the packages come from.
COMPILE: tuple[str, ...] = (
    "pip",
    "compile",
    "-q",
    "--universal",
    "--generate-hashes",
    "--python-version",
    "3.11",
)
COMPILE += ("--no-emit-index-url", "--no-emit-find-links")


def main(project: Path, environment: dict[str, str]) -> None:
    """Lock everything in a checkout."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent))
    if uv is None:
        raise SystemExit("uv is not beside this Python; run `make .venv` first")
    jobs: list[tuple[str, ...]] = [
        ("pyproject.toml", "-o", "requirements.txt"),
        ("pyproject.toml", "--group", "dev", "-c", "requirements.txt", "-o", "requirements-dev.txt"),
    ]
    for source in sorted(project.glob("*/requirements.in")):
        folder = source.parent.name
        jobs.append((f"{folder}/requirements.in", "-o", f"{folder}/requirements.txt"))
    for job in jobs:
        subprocess.run([uv, *COMPILE, *job], cwd=project, check=True)
    cache = Cache.of(environment)
    installer = Installer(
        cache, tools.java_version(), sys.executable, lambda _label, _files, _size: None, Cancel()
    )
    for pom in sorted(project.glob("*/pom.xml")):
        lock_maven(installer, pom.parent)


def lock_maven(installer: Installer, folder: Path) -> None:
    """Write a folder's artifacts.lock from what Maven brings now."""
    with tempfile.TemporaryDirectory(prefix="pyglue-lock-") as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        installer.maven(folder, home, Path(scratch) / "log")
        found = tuple(jar for jar in artifacts.scan(home) if jar.name not in own_jars(folder))
    (folder / artifacts.FILE).write_text(artifacts.render(found), encoding="utf-8")


if __name__ == "__main__":
    import os

    main(Path.cwd(), dict(os.environ))
