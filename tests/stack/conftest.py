"""A small checkout for the reader of docker-compose.yml."""

from __future__ import annotations

from pathlib import Path

import pytest


def make_service(project: Path, folder: str) -> None:
    """A service folder with its two scripts."""
    (project / folder).mkdir(parents=True)
    for script in ("start", "healthy"):
        (project / folder / script).write_text("#!/bin/sh\n")
        (project / folder / script).chmod(0o755)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with the service folders one/ and two/, and a file to mount."""
    make_service(tmp_path, "one")
    make_service(tmp_path, "two")
    (tmp_path / "file.conf").write_text("x\n")
    return tmp_path
