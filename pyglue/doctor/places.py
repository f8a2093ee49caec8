"""The file systems to which a start writes, and what it takes there."""

from __future__ import annotations

import os
from pathlib import Path

from pyglue.diagnosis.facts import FULL
from pyglue.doctor.machine import Disk

# What a start takes, in bytes and inodes. Seen: 1.7 GB and 50,000 files of artefacts with what Maven and uv keep; a new
# stack's data 5 MB and 280 files, but with less than FULL `status` calls a disk full; 1.5 GB of images, which take
# about as much again while they are built.
ARTEFACTS = (2 * 2**30, 60_000)
DATA = (FULL, 1_000)
IMAGES = (3 * 2**30, 60_000)
NONE = (0, 0)


def native(data: Path, cache: Path, *, missing: bool) -> list[Disk]:
    """The folders of data and of artefacts; `missing` says whether some are still to be installed."""
    artefacts = ARTEFACTS if missing else NONE
    found = (_disk("data", data, *DATA), _disk("artefacts", cache, *artefacts))
    return [disk for disk in found if disk is not None]


def docker(root: Path, *, missing: bool) -> list[Disk]:
    """The daemon's folder, for volumes and images. Who may write there is the daemon's affair."""
    images = IMAGES if missing else NONE
    found = (_disk("data", root, *DATA, ours=False), _disk("images", root, *images, ours=False))
    return [disk for disk in found if disk is not None]


def _disk(purpose: str, wanted: Path, needed: int, files: int, *, ours: bool = True) -> Disk | None:
    """The file system on which a folder lies, or will lie; None if it can't be asked."""
    path = next(folder for folder in (wanted, *wanted.parents) if _is_there(folder))
    try:
        status, device = os.statvfs(path), path.stat().st_dev
    except OSError:
        return None
    return Disk(
        purpose=purpose,
        path=str(path),
        device=device,
        free=status.f_bavail * status.f_frsize,
        inodes=status.f_favail if status.f_files else None,
        needed=needed,
        files=files,
        writable=not ours or os.access(path, os.W_OK | os.X_OK),
        executable=not ours or not status.f_flag & os.ST_NOEXEC,
    )


def _is_there(folder: Path) -> bool:
    try:
        return folder.exists()
    except OSError:  # below a folder that this user may not enter
        return False
