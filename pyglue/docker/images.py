"""Images: whether one is what its folder says, and building it.

What goes into an image is what its Dockerfile copies, so the hash over those files (and over what is handed to the
build) tells whether it has to be built; Docker's own cache would tell the same, but takes a second for each image. The
hash is kept beside the id of the image that was built, in `.pyglue/docker.json`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pyglue.docker.compose import Compose
from pyglue.docker.daemon import Daemon
from pyglue.docker.memo import Memo
from pyglue.errors import PyglueError
from pyglue.flow import Cancel, Progress
from pyglue.native.contract import hash_files
from pyglue.stack.model import Service, Stack

# Handed to the build by docker-compose.yml, and decisive for what comes out of it.
ARGUMENTS = ("IMAGE_BASE",)
COPIED = re.compile(r"^COPY +((?:(?!--from=)\S+ +)+)\S+$", re.MULTILINE)
BOUND = re.compile(r"--mount=type=bind,source=([^,\s]+)")
STEP = re.compile(r"#\d+ \[(?:\S+ )?(?P<step>[\w-]+ +\d+/\d+)\]")
LEFT_OUT = {"target", "__pycache__"}


def inputs(directory: Path, dockerfile: str) -> list[Path]:
    """The files that a Dockerfile copies from its build context, the repository's root, and itself."""
    text = re.sub(r"\\\n", " ", (directory / dockerfile).read_text(encoding="utf-8"))
    sources = [word for found in COPIED.findall(text) for word in found.split()] + BOUND.findall(text)
    files = [directory / dockerfile, directory / ".dockerignore"]
    for source in sources:
        for path in sorted(directory.glob(source)):
            inside = path.rglob("*") if path.is_dir() else [path]
            files += [file for file in inside if not _is_left_out(file.relative_to(directory))]
    return files


def _is_left_out(path: Path) -> bool:
    return bool(LEFT_OUT & set(path.parts)) or path.name.endswith(("~", ".pyc"))


class Images:
    """The images of a checkout's service folders; each has the name that docker-compose.yml gives it."""

    def __init__(
        self,
        stack: Stack,
        daemon: Daemon,
        compose: Compose,
        memo: Memo,
        logs: Path,
        variables: Mapping[str, str],
        progress: Progress,
        cancel: Cancel,
    ) -> None:
        self._stack = stack
        self._daemon = daemon
        self._compose = compose
        self._memo = memo
        self._logs = logs
        self._variables = variables
        self._progress = progress
        self._cancel = cancel

    def missing(self, folders: Sequence[str]) -> list[str]:
        """Those whose image is not there, or was made of something else."""
        return [folder for folder in folders if not self._is_current(folder)]

    def _is_current(self, folder: str) -> bool:
        known = self._memo.image(folder)
        return known == (self._hash(folder), self._daemon.image(self._service(folder).image))

    def _hash(self, folder: str) -> str:
        files = inputs(self._stack.directory, f"{folder}/Dockerfile")
        digest = hashlib.sha256(hash_files(self._stack.directory, files).encode())
        for name in ARGUMENTS:
            digest.update(f"{name}={self._variables.get(name, '')}\0".encode())
        return digest.hexdigest()

    def _service(self, folder: str) -> Service:
        """The first of those whose image it is."""
        return next(service for service in self._stack.services.values() if service.folder == folder)

    def install(self, folder: str) -> bool:
        """Build the image of a folder. Raises PyglueError with the end of what the failed step said."""
        service = self._service(folder)
        said = _Said(folder, self._progress)
        wanted = self._hash(folder)  # before the build: what changes meanwhile is for the next time
        before = self._daemon.image(service.image)
        log = self._logs / f"build-{folder}.log"
        try:
            self._compose.build(service.name, said, self._cancel.wait, log)
        except PyglueError as error:
            advice = "behind a proxy, or where TLS is inspected, read images/README.md first"
            raise PyglueError(
                f"building the image {service.image} failed",
                details=[*error.details, f"log        {log}", advice],
                try_=f"pyglue install {folder}",
                code="image-failed",
            ) from error
        built = self._daemon.image(service.image)
        if built is None:
            raise PyglueError(
                f"Docker Compose built {folder}, but there is no image {service.image}",
                try_="docker images",
                code="image-failed",
            )
        self._memo.keep_image(folder, wanted, built)
        return built != before


class _Said:
    """Follows a build by its lines of progress: which step of how many it is at."""

    def __init__(self, folder: str, progress: Progress) -> None:
        self._folder = folder
        self._progress = progress
        self._steps: dict[str, tuple[int, int]] = {}  # stage -> the furthest step begun, all steps

    def __call__(self, line: str) -> None:
        found = STEP.match(line)
        if found is None:
            return
        stage, numbers = found["step"].rsplit(" ", 1)
        at, total = map(int, numbers.split("/"))
        self._steps[stage.strip()] = (max(at, self._steps.get(stage.strip(), (0, 0))[0]), total)
        done, all_steps = (sum(pair[which] for pair in self._steps.values()) for which in (0, 1))
        self._progress(f"Build {self._folder}", (done, all_steps), (0, 0))
